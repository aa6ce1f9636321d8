/** The server of `programs/http_server.ts` as a child process with its raw clients, and what it reported. */
import { assertEquals } from "@std/assert";
import type { HttpSetup, Ran } from "../programs/http_server.ts";
import { DrainedTeller, served, type ToldOutcome } from "./drained.ts";
import { HttpClient } from "./http_client.ts";
import { type Program, startProgram } from "./processes.ts";
import type { ClientOptions } from "./swarm.ts";

const PROGRAM = "tests/programs/http_server.ts";

/** How the server ended, and what its handlers had run. */
export type HttpOutcome = ToldOutcome<Ran>;

/** A running HTTP server with its clients; `await using` ends both. */
export class HttpDrained extends DrainedTeller<Ran> {
  readonly clients: HttpClient[] = [];

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** A client that is not connected yet. */
  open(options?: ClientOptions): HttpClient {
    const client = new HttpClient(this.port, options);
    this.clients.push(client);
    return client;
  }

  /** A connected client. */
  async client(options?: ClientOptions): Promise<HttpClient> {
    const client = this.open(options);
    await client.net.until("the connection", () => client.net.connected || !client.net.isOpen);
    return client;
  }

  /** Connected clients. */
  connect(number: number, options?: ClientOptions): Promise<HttpClient[]> {
    return Promise.all(Array.from({ length: number }, () => this.client(options)));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.close();
    await super[Symbol.asyncDispose]();
  }
}

/** Starts the program without waiting for its port. */
export function launchHttp(setup: HttpSetup = {}): Program {
  return startProgram(PROGRAM, { args: [JSON.stringify(setup)] });
}

/** Starts the server on the runtime of this test. */
export async function httpDrained(setup: HttpSetup = {}): Promise<HttpDrained> {
  return await served(launchHttp(setup), HttpDrained);
}

/** Fails unless every client got a whole answer to each of its requests, and a FIN at the end. */
export function assertWhole(clients: readonly HttpClient[], what: string): void {
  const wrong = clients.filter(({ net, asked, answered, reader, problem }) =>
    net.end !== "fin" || answered < asked || reader.partial || problem !== null
  );
  assertEquals(wrong.map((client) => client.describe()), [], what);
}
