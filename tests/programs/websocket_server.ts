/**
 * A WebSocket server with a path for each test, for a parent that sends it signals. Takes one JSON argument,
 * `WebSocketSetup`; prints its port, a line for each drain phase and for each named WebSocket that has ended, what its
 * handlers took, and the report as JSON.
 *
 * @module
 */
import process from "node:process";
import type { HttpStats } from "../../src/http/mod.ts";
import type { WebSocketOptions } from "../../src/websocket/mod.ts";
import { serveTold, type ToldSetup } from "./told_server.ts";
import { type Taken, taken, webSocketRoutes } from "./websocket_routes.ts";

/** What the parent asks for. */
export interface WebSocketSetup extends ToldSetup {
  readonly websocket?: WebSocketOptions;
  /** What `lastMessage` gives. @default no such hook */
  readonly lastMessage?: string;
}

/** What was taken, and what HTTP counted. */
export interface WebSocketRan extends Taken {
  readonly stats: HttpStats;
}

const setup: WebSocketSetup = JSON.parse(process.argv[2] ?? "{}");
const { lastMessage } = setup;

const hook = lastMessage === undefined ? {} : { lastMessage: () => lastMessage };
const ran = (stats: HttpStats): WebSocketRan => ({ ...taken(), stats });
await serveTold(setup, webSocketRoutes({ ...setup.websocket, ...hook }), ran);
