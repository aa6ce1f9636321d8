/**
 * Holds sockets for other processes, on Node and Deno: bound handles of `node:net`, which travel by IPC. A `net.Server`
 * would accept from them itself.
 *
 * @module
 */
import { lookup } from "node:dns/promises";
import net from "node:net";
import { ListenError, UnsupportedError } from "../../src/errors.ts";
import type { Address } from "../../src/endpoint.ts";
import type { BoundSocket, SocketHolder, SocketLane, SocketWish, ToWorker } from "../../src/parent.ts";
import { listenError } from "../shared/listen_error.ts";
import { checkListenPath, fileAt, overDead, removeOwn, setMode } from "../shared/unix_path.ts";
import { ServiceManaged } from "../shared/parent/service_managed.ts";
import { systemError } from "./handles/native.ts";

/** What is used of a bound handle. */
interface BoundHandle {
  getsockname?(into: { address?: string; port?: number }): number;
  close(): void;
}

/** What `node:net` makes them by: undocumented, and there since `node:cluster` needs it. */
type MakeHandle = (
  address: string | null,
  port: number | null,
  type: number | null,
  fd?: number,
  flags?: number,
) => BoundHandle | number;

/** What `node:net` calls a Unix socket, in place of a version of IP. */
const UNIX = -1;

class HeldHandle implements BoundSocket {
  readonly address: Address;
  readonly handle: BoundHandle;
  readonly #file: number;

  /** @param file The number of a Unix socket's file, which goes with it; -1 for none. */
  constructor(handle: BoundHandle, address: Address, file: number = fileAt(address)) {
    this.handle = handle;
    this.address = address;
    this.#file = file;
  }

  close(): void {
    this.handle.close();
    removeOwn(this.address, this.#file);
  }
}

/** The holder for Node and Deno. */
export class NodeHolder extends ServiceManaged implements SocketHolder {
  readonly #make: MakeHandle;

  constructor() {
    super();
    const make = (net as unknown as { _createServerHandle?: MakeHandle })._createServerHandle;
    if (make === undefined) throw new UnsupportedError("This runtime can't bind sockets for other processes");
    this.#make = make;
  }

  async bind(wish: SocketWish): Promise<BoundSocket> {
    const address = wish.address!;
    checkListenPath(address);
    try {
      const target = await versionOf(address);
      return await overDead(address, () => this.#bound(address, wish, target));
    } catch (error) {
      throw listenError(address, error);
    }
  }

  protected override adopt(fd: number, address: Address): BoundSocket {
    const handle = this.#make(null, null, null, fd);
    if (typeof handle !== "number") return new HeldHandle(handle, address, -1);
    throw new ListenError("EBADF", `Cannot adopt descriptor ${fd}: it is no listening socket`);
  }

  lane(): SocketLane {
    return {
      stdio: [],
      variables: {},
      started() {},
      send: (socket: BoundSocket, message: ToWorker, send) => send(message, (socket as HeldHandle).handle),
      close() {},
    };
  }

  #bound(address: Address, { mode }: SocketWish, [host, version]: Target): BoundSocket {
    if (address.transport === "unix") {
      const handle = madeBy(this.#make(address.path, UNIX, UNIX), "listen");
      const held = new HeldHandle(handle, address);
      try {
        setMode({ address, backlog: 0, reusePort: false, mode });
      } catch (error) {
        held.close();
        throw error;
      }
      return held;
    }
    const handle = madeBy(this.#make(host, address.port, version, undefined, 0), "bind");
    const name: { address?: string; port?: number } = {};
    // A port that is taken is told by libuv only now, and by Deno not at all: the handle is bound to nothing there, and
    // would listen wherever a port is free.
    const fault = handle.getsockname?.(name) ?? 0;
    const port = name.port ?? 0;
    if (fault !== 0 || port === 0 || (address.port !== 0 && port !== address.port)) {
      handle.close();
      throw fault < 0 ? systemError("bind", fault) : inUse(address.port);
    }
    return new HeldHandle(handle, { ...address, hostname: name.address ?? host, port });
  }
}

type Target = readonly [host: string, version: number];

async function versionOf(address: Address): Promise<Target> {
  if (address.transport === "unix") return ["", UNIX];
  const version = net.isIP(address.hostname);
  if (version !== 0) return [address.hostname, version];
  const found = await lookup(address.hostname);
  return [found.address, found.family];
}

function inUse(port: number): Error {
  return Object.assign(new Error(`Port ${port} is taken: bind EADDRINUSE`), { code: "EADDRINUSE" });
}

function madeBy(handle: BoundHandle | number, call: string): BoundHandle {
  if (typeof handle === "number") throw systemError(call, handle);
  return handle;
}
