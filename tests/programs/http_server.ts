/**
 * An HTTP server with a route for each test, for a parent that sends it signals. Takes one JSON argument, `HttpSetup`;
 * prints its port, a line for each drain phase, what its handlers ran, and the report as JSON.
 *
 * @module
 */
import process from "node:process";
import type { HttpHandler, HttpStats } from "../../src/http/mod.ts";
import { ranIds, routes } from "./http_routes.ts";
import { serveTold, type ToldSetup } from "./told_server.ts";

/** What the parent asks for. */
export interface HttpSetup extends ToldSetup {
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

const handler: HttpHandler = setup.app === "hono" ? (await import("./http_hono.ts")).app.fetch : routes;
const ran = (stats: HttpStats): Ran => ({ clients: Object.fromEntries(ranIds), stats });
await serveTold(setup, handler, ran);
