/**
 * A line server behind proxies, which answers each line with who asks. Prints its port, and its counters for each line
 * on standard input. Takes the timeout for headers in ms.
 *
 * @module
 */
import process from "node:process";
import { lines, serve, silentLogger } from "../../mod.ts";
import { formatAddress } from "../../src/address.ts";

const server = await serve({
  port: 0,
  hostname: "127.0.0.1",
  logger: silentLogger,
  backlog: 4096,
  proxyProtocol: { from: ["loopback"], timeout: Number(process.argv[2]) },
}, async (conn) => {
  for await (const line of lines(conn)) await conn.write(`${formatAddress(conn.remote)} ${line}\n`);
});
console.log(server.url);
process.stdin.on("data", () => console.log(JSON.stringify(server.stats)));
