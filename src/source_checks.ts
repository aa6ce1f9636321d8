/**
 * Checks of what is observed: servers, and others by names of the program's.
 *
 * @module
 */
import { OptionError } from "./errors.ts";

/** A list of servers. @throws {OptionError} It is none, or one of it is none; the message says why it may be so. */
export function checkServers(servers: unknown = [], isServer: (server: unknown) => boolean): void {
  if (!Array.isArray(servers)) {
    throw new OptionError("servers", `servers must be a list of servers, got ${typeof servers}`);
  }
  for (const server of servers) {
    if (isServer(server)) continue;
    const hint = server instanceof Promise ? "a promise: await it before" : String(server);
    throw new OptionError("servers", `servers must be what serve() or serveHttp() gives, got ${hint}`);
  }
}

/**
 * Others, by their names.
 *
 * @param isOne Whether it is one of them; one alone has no name.
 * @param fault What one is told that is none, such as `"must be Channels"`.
 * @throws {OptionError} It is no such object, or one of it is none of them.
 */
export function checkNamed(option: string, given: unknown, isOne: (value: unknown) => boolean, fault: string): void {
  if (given === undefined) return;
  if (typeof given !== "object" || given === null || Array.isArray(given) || isOne(given)) {
    throw new OptionError(option, `${option} must be an object of names, such as { main: … }, got ${String(given)}`);
  }
  for (const [name, one] of Object.entries(given)) {
    if (!isOne(one)) throw new OptionError(option, `${option}.${name} ${fault}, got ${String(one)}`);
  }
}
