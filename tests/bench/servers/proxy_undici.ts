/**
 * The same by hand: `node:http` in front, and a pool of undici behind: `proxy_undici.ts PORT`.
 *
 * @module
 */
import http from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { Pool } from "undici";

const pool = new Pool(`http://127.0.0.1:${process.argv[2]}`, { connections: 100 });
const HOP_BY_HOP = new Set(["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"]);

/** Those that go on, one after the other, name and value. */
function passed(raw: readonly string[]): string[] {
  const fields: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    if (!HOP_BY_HOP.has(raw[i].toLowerCase())) fields.push(raw[i], raw[i + 1]);
  }
  return fields;
}

const server = http.createServer((request, response) => {
  const headers = passed(request.rawHeaders);
  headers.push("x-forwarded-for", request.socket.remoteAddress!, "via", "1.1 undici");
  const hasBody = request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined;
  const method = request.method as "GET";
  pool.stream({ path: request.url!, method, headers, body: hasBody ? request : null }, ({ statusCode, headers }) => {
    delete headers["transfer-encoding"];
    delete headers.connection;
    delete headers["keep-alive"];
    response.writeHead(statusCode, headers);
    return response;
  }).catch(() => response.destroy());
});
server.listen(0, "127.0.0.1", () => console.log(`port ${(server.address() as AddressInfo).port}`));
process.on("SIGTERM", () => process.exit(0));
