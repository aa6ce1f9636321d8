/**
 * Where servers under test listen: free ports, and whether somebody answers there.
 *
 * @module
 */
import { formatAddress, StartError } from "@sluice/sluice/cli/kit";
import {
  type Address,
  type Conn,
  ConnectError,
  type ConnectOptions,
  Dialer,
  listen,
  ListenError,
} from "@sluice/sluice";

/**
 * Ports to choose from, below those that systems give to clients: a client that tries a port of that range while
 * nobody listens can get connected to itself.
 */
const FIRST_PORT = 18_000;
const LAST_PORT = 31_999;
/** Ports to try before giving up. */
const TRIES = 50;
/** Longest wait for one connection to a server that starts, in ms. */
const CONNECT_LIMIT = 1000;

/** Where a server listens. */
export type Place = Pick<ConnectOptions, "hostname" | "port" | "path">;

/** A place as people write it. */
export function formatPlace({ hostname = "127.0.0.1", port = 0, path }: Place): string {
  const address: Address = path === undefined ? { transport: "tcp", hostname, port } : { transport: "unix", path };
  return formatAddress(address);
}

/**
 * A port on which nobody listens.
 *
 * @throws {StartError} None was found.
 */
export async function freePort(hostname: string): Promise<number> {
  for (let i = 0; i < TRIES; i++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1));
    try {
      await (await listen({ hostname, port })).close();
      return port;
    } catch (error) {
      if (!(error instanceof ListenError) || error.code !== "EADDRINUSE") throw error;
    }
  }
  throw new StartError(`No free port on ${hostname} after ${TRIES} tries`, "Choose one with --port");
}

/** Connects; rejects too if the system has connected the socket to itself, which it can while nobody listens. */
export async function connectTo(dialer: Dialer): Promise<Conn> {
  const conn = await dialer.connect();
  if (conn.local.transport === "unix" || formatAddress(conn.local) !== formatAddress(conn.remote)) return conn;
  conn.abort();
  throw new ConnectError("ECONNREFUSED", `Nobody listens on ${formatAddress(conn.remote)}: connected to itself`);
}

/** Somebody takes connections there; gives its own connection back at once. */
export async function isTaken(place: Place): Promise<boolean> {
  try {
    const conn = await connectTo(new Dialer({ ...place, connectTimeout: CONNECT_LIMIT }));
    // Not awaited: a server that keeps its side open would hold this up.
    void conn.close();
    return true;
  } catch {
    return false;
  }
}
