/** The server of `programs/websocket_server.ts` as a child process with its raw clients, and what it reported. */
import type { Ended, Present } from "../programs/websocket_routes.ts";
import type { WebSocketRan, WebSocketSetup } from "../programs/websocket_server.ts";
import { DrainedTeller, served, type ToldOutcome } from "./drained.ts";
import { pause } from "./http_loads.ts";
import { type StartOptions, startProgram } from "./processes.ts";
import { WsClient, type WsClientOptions } from "./ws_client.ts";

const PROGRAM = "tests/programs/websocket_server.ts";

/** How the server ended, and what its handlers had taken. */
export type WsOutcome = ToldOutcome<WebSocketRan>;

/** A running server of WebSockets with its clients; `await using` ends both. */
export class WsDrained extends DrainedTeller<WebSocketRan> {
  readonly clients: WsClient[] = [];

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** A client that is not connected yet. */
  open(path: string, options?: WsClientOptions): WsClient {
    const client = new WsClient(this.port, path, options);
    this.clients.push(client);
    return client;
  }

  /** Clients that have their 101; those that read nothing are only connected. */
  async connect(number: number, path: string, options?: WsClientOptions): Promise<WsClient[]> {
    const clients = Array.from({ length: number }, () => this.open(path, options));
    const ready = (client: WsClient) => client.net.until("the connection", () => client.net.connected);
    await Promise.all(clients.map((client) => options?.reads === "never" ? ready(client) : client.opened()));
    return clients;
  }

  /** What the server says of itself, its garbage collected if asked for. */
  async present(gc = false): Promise<Present> {
    const url = `http://127.0.0.1:${this.port}/stats${gc ? "?gc" : ""}`;
    return await (await fetch(url, { headers: { connection: "close" } })).json();
  }

  /** The end of a named WebSocket as the server saw it, and when it told (`performance.now()`). */
  async ended(id: string, limit = 60_000): Promise<Ended & { readonly at: number }> {
    const pattern = new RegExp(`^closed (.*"id":"${id}".*)$`, "m");
    const until = performance.now() + limit;
    for (;;) {
      const found = pattern.exec(this.program.stdout);
      if (found !== null) return { ...JSON.parse(found[1]), at: performance.now() };
      if (performance.now() > until) throw new Error(`${id} has not ended within ${limit} ms`);
      await pause(5);
    }
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const { net } of this.clients) net.close();
    await super[Symbol.asyncDispose]();
  }
}

/** Starts the server, on the runtime of this test unless told otherwise. */
export async function wsDrained(setup: WebSocketSetup = {}, options: StartOptions = {}): Promise<WsDrained> {
  return await served(startProgram(PROGRAM, { ...options, args: [JSON.stringify(setup)] }), WsDrained);
}
