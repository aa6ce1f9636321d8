/**
 * Servers, made and started.
 *
 * @module
 */
import { openListener } from "./accept/listener.ts";
import { SERVE_NAMES, type ServeOptions } from "./serve_options.ts";
import { TcpServer } from "./server.ts";
import type { Handler, Server } from "./server_api.ts";
import { checkServer } from "../validate.ts";

/**
 * Makes a server that listens nowhere yet; give it listeners with `serve()`.
 *
 * @throws {OptionError} An option can't be used.
 */
export function createServer(options: ServeOptions, handler: Handler): Server {
  checkServer("createServer()", options, SERVE_NAMES, handler);
  return new TcpServer(options, handler);
}

/**
 * Listens, and serves every connection with `handler` (Go: `net.Listen` and an accept loop; `http.Server`).
 *
 * @param options Where to listen, limits, admission and drain; all durations in ms.
 * @param handler Runs once for each connection, isolated from all others.
 * @throws {OptionError} An option can't be used; nothing was opened.
 * @throws {ListenError} The port is in use, a permission is missing, a certificate is broken.
 * @example
 * ```ts
 * const server = await serve({ port: 9000 }, async (conn) => {
 *   for await (const chunk of conn) await conn.write(chunk);
 * });
 * ```
 */
export async function serve(options: ServeOptions, handler: Handler): Promise<Server> {
  checkServer("serve()", options, SERVE_NAMES, handler);
  const server = new TcpServer(options, handler);
  server.serve(await openListener(options));
  return server;
}
