/**
 * An HTTP server with a route for each test, for a parent that sends it signals. Takes one JSON argument, `HttpSetup`;
 * prints its port, a line for each drain phase, what its handlers ran, and the report as JSON.
 *
 * @module
 */
import process from "node:process";
import { defaultAdapter, run, type RunOptions } from "../../mod.ts";
import { type HttpHandler, type HttpOptions, type HttpServer, type HttpStats, serveHttp } from "../../src/http/mod.ts";
import { ranIds, routes } from "./http_routes.ts";

/** What the parent asks for. */
export interface HttpSetup {
  readonly http?: HttpOptions;
  readonly run?: RunOptions;
  /** @default "routes" */
  readonly app?: "routes" | "hono";
}

/** What was run, by the client's name for itself in the field `x-id: <client>.<number>`. */
export interface Ran {
  /** How many requests, and the highest number among them. */
  readonly clients: Readonly<Record<string, readonly [count: number, highest: number]>>;
  readonly stats: HttpStats;
}

const setup: HttpSetup = JSON.parse(process.argv[2] ?? "{}");

async function handler(): Promise<HttpHandler> {
  return setup.app === "hono" ? (await import("./http_hono.ts")).app.fetch : routes;
}

async function start(): Promise<HttpServer> {
  const options: HttpOptions = {
    hostname: "127.0.0.1",
    onDrainPhase: (phase) => console.log(`phase ${phase}`),
    ...setup.http,
  };
  const server = await serveHttp(options, await handler());
  if (server.address.transport === "tcp") console.log(`port ${server.address.port}`);
  return server;
}

// Signals are heard before the port is printed: whoever reads it may send one at once.
const adapter = await defaultAdapter();
const starting = start();
await run(starting, {
  adapter,
  ...setup.run,
  onReport: async (report) => {
    const ran: Ran = { clients: Object.fromEntries(ranIds), stats: (await starting).http };
    console.log(`ran ${JSON.stringify(ran)}`);
    console.log(`report ${JSON.stringify(report)}`);
  },
});
