/**
 * The same with `node:http`.
 *
 * @module
 */
import http from "node:http";
import type { AddressInfo } from "node:net";

const server = http.createServer((_, response) => {
  response.writeHead(200, { "Content-Type": "text/plain" });
  response.end("hello world");
});
server.listen(0, "127.0.0.1", () => console.log(`port ${(server.address() as AddressInfo).port}`));
