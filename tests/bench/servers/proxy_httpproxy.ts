/**
 * The same with the package http-proxy, on connections that are kept: `proxy_httpproxy.ts PORT`.
 *
 * @module
 */
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import process from "node:process";

/** What is used of it: it has no types. */
interface HttpProxy {
  createProxyServer(options: { target: string; agent: http.Agent; xfwd: boolean }): {
    web(request: IncomingMessage, response: ServerResponse): void;
    on(event: "error", listener: (error: Error, request: IncomingMessage, response: ServerResponse) => void): unknown;
  };
}

const httpProxy: HttpProxy = createRequire(import.meta.url)("http-proxy");

const agent = new http.Agent({ keepAlive: true, maxSockets: 100 });
const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${process.argv[2]}`, agent, xfwd: true });
proxy.on("error", (_, __, response) => response.destroy());
const server = http.createServer((request, response) => proxy.web(request, response));
server.listen(0, "127.0.0.1", () => console.log(`port ${(server.address() as AddressInfo).port}`));
process.on("SIGTERM", () => process.exit(0));
