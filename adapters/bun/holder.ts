/**
 * Holds sockets for other processes on Bun, whose listeners accept as soon as they are there and whose IPC can send
 * nothing else: by calls of the C library.
 *
 * @module
 */
import { lookup } from "node:dns/promises";
import { chmodSync } from "node:fs";
import type { Address } from "../../src/endpoint.ts";
import type { BoundSocket, SocketHolder, SocketLane, SocketWish, ToWorker } from "../../src/parent.ts";
import { ipBytes } from "../shared/kernel_table.ts";
import { listenError } from "../shared/listen_error.ts";
import { SOCKETS_VARIABLE } from "../../src/parent.ts";
import { checkListenPath, fileAt, overDead, removeOwn } from "../shared/unix_path.ts";
import { ServiceManaged } from "../shared/parent/service_managed.ts";
import type { Calls } from "./libc.ts";

/** Behind the standard three and the channel of IPC. */
const LANE_FD = 4;

class HeldDescriptor implements BoundSocket {
  readonly address: Address;
  readonly fd: number;
  readonly #calls: Calls;
  readonly #file: number;

  /** @param file The number of a Unix socket's file, which goes with it; -1 for none. */
  constructor(calls: Calls, fd: number, address: Address, file: number = fileAt(address)) {
    this.#calls = calls;
    this.fd = fd;
    this.address = address;
    this.#file = file;
  }

  close(): void {
    this.#calls.close(this.fd);
    removeOwn(this.address, this.#file);
  }
}

/** The holder for Bun. */
export class BunHolder extends ServiceManaged implements SocketHolder {
  readonly #calls: Calls;

  /** @param calls The C library's. */
  constructor(calls: Calls) {
    super();
    this.#calls = calls;
  }

  async bind(wish: SocketWish): Promise<BoundSocket> {
    const address = wish.address!;
    checkListenPath(address);
    try {
      const ip = await ipOf(address);
      return await overDead(address, () => this.#bound(address, ip, wish));
    } catch (error) {
      throw listenError(address, error);
    }
  }

  protected override adopt(fd: number, address: Address): BoundSocket {
    return new HeldDescriptor(this.#calls, fd, address, -1);
  }

  lane(): SocketLane {
    const calls = this.#calls;
    const [ours, theirs] = calls.pair();
    let open = true;
    return {
      stdio: [theirs],
      variables: { [SOCKETS_VARIABLE]: String(LANE_FD) },
      started: () => calls.close(theirs),
      send(socket: BoundSocket, message: ToWorker, send) {
        if (!open) return;
        try {
          calls.send(ours, (socket as HeldDescriptor).fd);
        } catch {
          // The worker has just ended, which is told by its exit.
          return;
        }
        send(message);
      },
      close() {
        if (open) calls.close(ours);
        open = false;
      },
    };
  }

  #bound(address: Address, ip: string, { mode }: SocketWish): BoundSocket {
    const calls = this.#calls;
    if (address.transport === "tcp") {
      const fd = calls.bindTcp(ipBytes(ip), address.port);
      return new HeldDescriptor(calls, fd, { transport: "tcp", hostname: ip, port: calls.portOf(fd) });
    }
    const held = new HeldDescriptor(calls, calls.bindUnix(address.path), address);
    try {
      if (mode !== undefined) chmodSync(address.path, mode);
      return held;
    } catch (error) {
      held.close();
      throw error;
    }
  }
}

async function ipOf(address: Address): Promise<string> {
  if (address.transport === "unix") return "";
  return /:|^[\d.]+$/.test(address.hostname) ? address.hostname : (await lookup(address.hostname)).address;
}
