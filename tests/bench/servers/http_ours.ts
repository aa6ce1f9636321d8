/**
 * Sluice's HTTP server under load: `http_ours.ts MODE [tls]`; SIGTERM drains it. A mode that ends in " fast" has
 * `FastResponse` in the place of the global one, one that ends in " metrics" is counted.
 *
 * @module
 */
import process from "node:process";
import { run, silentLogger } from "../../../mod.ts";
import { type HttpApp, type HttpHandler, reply, serveHttp } from "../../../src/http/mod.ts";
import { HELLO, makeStream } from "../bodies.ts";
import { app } from "./hono_app.ts";
import { handlers as web } from "./http_web.ts";
import { secure } from "./secure.ts";

const handlers: Record<string, HttpHandler | HttpApp> = {
  "hello reply": () => reply(HELLO),
  "hello Response": () => new Response(HELLO),
  json: web.json,
  hono: app,
  "post collect": async (request) => new Response(await request.arrayBuffer()),
  "post reply": async (request) => reply(await request.bytes()),
  "post body": (request) => new Response(request.body),
  stream: () => new Response(makeStream()),
};

const logger = silentLogger;
const tls = secure ?? undefined;
const [, mode, fast, metrics] = /^(.*?)( fast)?( metrics)?$/.exec(process.argv[2])!;
if (fast !== undefined) await import("../../../src/http/answer/fast_global.ts");
const server = await serveHttp({ hostname: "127.0.0.1", logger, tls }, handlers[mode]);
if (metrics !== undefined) new (await import("../../../src/metrics/mod.ts")).Metrics({ servers: [server] });
if (server.address.transport === "tcp") console.log(`port ${server.address.port}`);
await run(server, { logger });
