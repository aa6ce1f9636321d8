/**
 * Sluice's reverse proxy in front of a port of this machine: `proxy_ours.ts PORT`; SIGTERM drains it.
 *
 * @module
 */
import process from "node:process";
import { run, silentLogger } from "../../../mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import { proxy, upstream } from "../../../src/upstream/mod.ts";

const logger = silentLogger;
const app = upstream(`http://127.0.0.1:${process.argv[2]}`, { logger });
const server = await serveHttp({ hostname: "127.0.0.1", logger }, (request, ctx) => proxy(request, ctx, app));
if (server.address.transport === "tcp") console.log(`port ${server.address.port}`);
await run(server, { logger });
