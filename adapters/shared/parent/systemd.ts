/**
 * The system's service manager as a parent: it may have opened sockets, and wants to hear how the service is (sd_notify).
 *
 * @module
 */
import { execFile } from "node:child_process";
import process from "node:process";
import { ListenError } from "../../../src/errors.ts";
import type { Address } from "../../../src/endpoint.ts";
import type { ParentServer } from "../../../src/parent.ts";
import { isSamePlace } from "../../../src/same_place.ts";
import type { HeldSocket, SocketListenOptions } from "../../../src/socket.ts";
import type { ParentAccess, ProcessParent } from "./process_parent.ts";
import { boundAt } from "./inodes.ts";

/** The first descriptor that is passed (SD_LISTEN_FDS_START). */
const FIRST = 3;

/** A socket that systemd has opened. */
export interface PassedSocket {
  /** Its descriptor. */
  readonly fd: number;
  /** Its FileDescriptorName; that of its unit if none was given. */
  readonly name: string;
  /** Where it is bound; null where that can't be found out. */
  readonly address: Address | null;
}

/** The sockets of `LISTEN_FDS`, if they are meant for this process. */
export function passedSockets(env: ParentAccess["env"]): PassedSocket[] {
  const count = Number(env("LISTEN_FDS") ?? 0);
  // A wrapper hands its environment on, and its descriptors not: what is not meant for this process is not there.
  const pid = env("LISTEN_PID");
  if (!(count > 0) || (pid !== undefined && Number(pid) !== process.pid)) return [];
  const names = (env("LISTEN_FDNAMES") ?? "").split(":");
  return Array.from({ length: count }, (_, i) => {
    const fd = FIRST + i;
    return { fd, name: names[i] ?? "", address: boundAt(fd) };
  });
}

/** Tells the service manager something; nothing happens where none listens. The kernel checks that the process is there. */
export class Notifier {
  readonly isWanted: boolean;
  /** How often its watchdog wants to hear, in ms; 0 for never. */
  readonly #period: number;
  #beating: ReturnType<typeof setInterval> | null = null;
  /** One after the other: what is told last is what holds. */
  #last: Promise<void> = Promise.resolve();

  constructor(env: ParentAccess["env"]) {
    this.isWanted = env("NOTIFY_SOCKET") !== undefined;
    this.#period = watchdogPeriod(env);
  }

  /** @param state Assignments, e.g. `READY=1`. */
  tell(...state: string[]): Promise<void> {
    if (!this.isWanted) return Promise.resolve();
    // None of the runtimes has datagram sockets of Unix, and systemd's own tool has: `--pid` names this process.
    const args = [`--pid=${process.pid}`, ...state];
    return this.#last = this.#last.then(() =>
      new Promise((resolve) => void execFile("systemd-notify", args, { timeout: 2000 }, () => resolve()))
    );
  }

  /** Tells the watchdog from now on that this process lives. */
  beat(): void {
    if (this.#period <= 0 || this.#beating !== null) return;
    this.#beating = setInterval(() => void this.tell("WATCHDOG=1"), this.#period);
    (this.#beating as { unref?(): void }).unref?.();
  }
}

/** How often the watchdog wants to hear from this process, in ms: half of what it allows; 0 for never. */
export function watchdogPeriod(env: ParentAccess["env"]): number {
  const pid = env("WATCHDOG_PID");
  if (pid !== undefined && Number(pid) !== process.pid) return 0;
  return Number(env("WATCHDOG_USEC") ?? 0) / 2000;
}

/** What systemd holds for a program that it starts itself, without a supervisor between. */
export class SystemdParent implements ProcessParent {
  readonly holdsSockets: boolean;
  readonly isSucceeded = false;
  readonly #sockets: readonly PassedSocket[];
  readonly #taken: Set<number> = new Set();
  readonly #notifier: Notifier;

  constructor(sockets: readonly PassedSocket[], notifier: Notifier) {
    this.#sockets = sockets;
    this.#notifier = notifier;
    this.holdsSockets = sockets.length > 0;
  }

  /** Null if it neither passes sockets nor listens. */
  static find(env: ParentAccess["env"]): SystemdParent | null {
    const sockets = passedSockets(env);
    const notifier = new Notifier(env);
    if (sockets.length === 0 && !notifier.isWanted) return null;
    return new SystemdParent(sockets, notifier);
  }

  open({ address, inherit }: SocketListenOptions): Promise<HeldSocket | null> {
    const found = inherit === undefined ? this.#at(address) : this.#named(inherit);
    if (found === null || this.#taken.has(found.fd)) return Promise.resolve(null);
    this.#taken.add(found.fd);
    return Promise.resolve({ address: found.address ?? address, handle: null, fd: found.fd, release() {} });
  }

  serving(_server: ParentServer): void {}

  started(): void {
    void this.#notifier.tell("READY=1");
    this.#notifier.beat();
  }

  stopping(): Promise<void> {
    return this.#notifier.tell("STOPPING=1");
  }

  #at(wanted: Address): PassedSocket | null {
    return this.#sockets.find(({ address }) => address !== null && isSamePlace(address, wanted)) ?? null;
  }

  #named(name: string): PassedSocket {
    const found = this.#sockets.find((socket) => socket.name === name && !this.#taken.has(socket.fd));
    if (found !== undefined) return found;
    const names = this.#sockets.map((socket) => socket.name).join(", ") || "none";
    throw new ListenError("ERR_INHERIT", `No socket named ${JSON.stringify(name)} was passed: there are ${names}`);
  }
}
