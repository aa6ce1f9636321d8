/**
 * An HTTP server under a watch, for a parent that makes it run out of things. Takes one JSON argument, `WatchSetup`;
 * prints its port, the port of a second server for its parent, and each warning as JSON.
 *
 * `/block?ms=` blocks the loop, `/hang` never returns, `/big?bytes=` is an answer of many megabytes. The second server answers
 * `/readyz`, `/sample` with the watch's view, and `/end`, after which nothing keeps the process alive but the watch.
 *
 * @module
 */
import process from "node:process";
import { healthHandler, type HttpOptions, type HttpServer, reply, serveHttp } from "../../src/http/mod.ts";
import { type WatchOptions, watchResources } from "../../src/watch/mod.ts";

/** What the parent asks for. */
export interface WatchSetup {
  readonly http?: HttpOptions;
  readonly watch?: WatchOptions;
  /** New connections are turned away while the watch says so. */
  readonly sheds?: boolean;
}

const setup: WatchSetup = JSON.parse(process.argv[2] ?? "{}");
const big = new Uint8Array(64 << 20);

const watch = watchResources({
  ...setup.watch,
  onWarning: (warning) => console.log(`warning ${JSON.stringify(warning)}`),
});

function block(ms: number): Response {
  const end = performance.now() + ms;
  while (performance.now() < end);
  return reply("done\n");
}

const admit = setup.sheds === true ? { admit: watch.ready } : {};
const server = await serveHttp({ port: 0, hostname: "127.0.0.1", ...setup.http, ...admit }, (request) => {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/block") return block(Number(searchParams.get("ms")));
  if (pathname === "/hang") return new Promise(() => {});
  if (pathname !== "/big") return reply("ok\n");
  return reply(big.subarray(0, Number(searchParams.get("bytes") ?? big.length)));
});
watch.add(server);

const health = healthHandler({ checks: { resources: watch.ready }, servers: [server] });
const parent: HttpServer = await serveHttp({ port: 0, hostname: "127.0.0.1", idleTimeout: 0 }, (request, ctx) => {
  const { pathname } = new URL(request.url);
  if (pathname === "/sample") {
    const { last, overloaded, unavailable, lastReport } = watch;
    return reply(JSON.stringify({ last, overloaded, unavailable, lastReport }));
  }
  if (pathname !== "/end") return health(request, ctx);
  for (const each of [server, parent]) each.close();
  return reply("ending\n");
});

for (const { address } of [server, parent]) if (address.transport === "tcp") console.log(`port ${address.port}`);
