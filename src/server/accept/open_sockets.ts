/**
 * What a host name stands for on a machine that has two versions of IP.
 *
 * @module
 */
import { ListenError } from "../../errors.ts";
import type { Adapter } from "../../platform.ts";
import type { SocketListener, SocketListenOptions } from "../../socket.ts";

/** Both versions; a system that has only one of them says so when it is asked for the other. */
const EVERYWHERE = ["::", "0.0.0.0"] as const;
const LOOPBACK = ["127.0.0.1", "::1"] as const;

/** So often a port is looked for that is free in both versions. */
const TRIES = 10;

/** They are no word about a version of IP. `EACCES` is one under Deno: it may be permitted for the other only. */
const OTHER_FAULTS: readonly string[] = ["EADDRINUSE", "EMFILE", "ENFILE"];

/**
 * Opens an address. `localhost` is IPv4's and IPv6's loopback, on one port; no host name at all is every address of
 * both, by one socket (Node's default, and Go's).
 *
 * @throws {ListenError} Nothing is open then.
 */
export function openSockets(
  adapter: Adapter,
  target: SocketListenOptions,
  hostname: string | undefined,
): Promise<SocketListener[]> {
  if (target.address.transport === "unix") return openOne(adapter, target);
  if (hostname === undefined) return openEverywhere(adapter, target);
  return hostname === "localhost" ? openLoopback(adapter, target) : openOne(adapter, target);
}

async function openOne(adapter: Adapter, target: SocketListenOptions): Promise<SocketListener[]> {
  return [await adapter.listen(target)];
}

async function openEverywhere(adapter: Adapter, target: SocketListenOptions): Promise<SocketListener[]> {
  const [both, old] = EVERYWHERE;
  try {
    return [await adapter.listen(at(target, both))];
  } catch (error) {
    if (!isOfVersion(error)) throw error;
    return [await adapter.listen(at(target, old))];
  }
}

async function openLoopback(adapter: Adapter, target: SocketListenOptions): Promise<SocketListener[]> {
  const [old, recent] = LOOPBACK;
  for (let left = TRIES;; left--) {
    const first = await adapter.listen(at(target, old)).catch((error) =>
      isOfVersion(error) ? null : Promise.reject(error)
    );
    const port = portOf(first ?? target);
    try {
      const second = await adapter.listen(at(target, recent, port));
      return first === null ? [second] : [first, second];
    } catch (error) {
      if (first !== null && isOfVersion(error)) return [first];
      await first?.close();
      const isTaken = (error as ListenError).code === "EADDRINUSE" && portOf(target) === 0;
      if (!isTaken || left === 1) throw error;
    }
  }
}

/** The system may lack this version of IP, or the right to it. */
function isOfVersion(error: unknown): boolean {
  return error instanceof ListenError && !OTHER_FAULTS.includes(error.code) && !error.code.startsWith("ERR_TLS");
}

function at(target: SocketListenOptions, hostname: string, port: number = portOf(target)): SocketListenOptions {
  return { ...target, address: { transport: "tcp", hostname, port } };
}

function portOf({ address }: Pick<SocketListener, "address">): number {
  return address.transport === "tcp" ? address.port : 0;
}
