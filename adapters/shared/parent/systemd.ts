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
  readonly #isWanted: boolean;
  /** One after the other: what is told last is what holds. */
  #last: Promise<void> = Promise.resolve();

  constructor(env: ParentAccess["env"]) {
    this.#isWanted = env("NOTIFY_SOCKET") !== undefined;
  }

  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** @param state Assignments, e.g. `READY=1`. */
  tell(...state: string[]): Promise<void> {
    if (!this.#isWanted) return Promise.resolve();
    // None of the runtimes has datagram sockets of Unix, and systemd's own tool has: `--pid` names this process.
    const args = [`--pid=${process.pid}`, ...state];
    return this.#last = this.#last.then(() =>
      new Promise((resolve) => void execFile("systemd-notify", args, { timeout: 2000 }, () => resolve()))
    );
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
  readonly #watchdog: number;
  #beat: ReturnType<typeof setInterval> | null = null;

  constructor(sockets: readonly PassedSocket[], notifier: Notifier, watchdog: number) {
    this.#sockets = sockets;
    this.#notifier = notifier;
    this.#watchdog = watchdog;
    this.holdsSockets = sockets.length > 0;
  }

  /** Null if it neither passes sockets nor listens. */
  static find(env: ParentAccess["env"]): SystemdParent | null {
    const sockets = passedSockets(env);
    const notifier = new Notifier(env);
    if (sockets.length === 0 && !notifier.isWanted) return null;
    return new SystemdParent(sockets, notifier, watchdogPeriod(env));
  }

  open({ address, inherit }: SocketListenOptions): Promise<HeldSocket | null> {
    const found = inherit === undefined ? findPassed(this.#sockets, address) : this.#named(inherit);
    if (found === null || this.#taken.has(found.fd)) return Promise.resolve(null);
    this.#taken.add(found.fd);
    return Promise.resolve({ address: found.address ?? address, handle: null, fd: found.fd, release() {} });
  }

  serving(_server: ParentServer): void {}

  started(): void {
    void this.#notifier.tell("READY=1");
    if (this.#watchdog <= 0 || this.#beat !== null) return;
    this.#beat = setInterval(() => void this.#notifier.tell("WATCHDOG=1"), this.#watchdog);
    (this.#beat as { unref?(): void }).unref?.();
  }

  stopping(): Promise<void> {
    return this.#notifier.tell("STOPPING=1");
  }

  #named(name: string): PassedSocket {
    const found = this.#sockets.find((socket) => socket.name === name && !this.#taken.has(socket.fd));
    if (found !== undefined) return found;
    const names = this.#sockets.map((socket) => socket.name).join(", ") || "none";
    throw new ListenError("ERR_INHERIT", `No socket named ${JSON.stringify(name)} was passed: there are ${names}`);
  }
}

/** The socket that is bound where a program wants to listen. */
export function findPassed<T extends Pick<PassedSocket, "address">>(
  sockets: readonly T[],
  wanted: Address,
): T | null {
  return sockets.find(({ address }) => address !== null && isSame(address, wanted)) ?? null;
}

function isSame(a: Address, b: Address): boolean {
  if (a.transport === "unix") return b.transport === "unix" && a.path === b.path;
  return b.transport === "tcp" && a.port === b.port && hostKey(a.hostname) === hostKey(b.hostname);
}

/** All addresses of both versions of IP are one place, however they are written. */
function hostKey(hostname: string): string {
  return hostname === "0.0.0.0" || hostname === "::" ? "*" : hostname;
}
