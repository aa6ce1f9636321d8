/**
 * The race at SIGTERM: keep-alive clients that post without a pause, and go to a new connection when theirs has ended.
 *
 * @module
 */
import type { Ran } from "../programs/http_server.ts";
import { bodyText, HttpClient } from "./http_client.ts";
import { posting } from "./http_loads.ts";

/** A request that was written on an established connection and got no whole answer. */
export interface Lost {
  readonly client: number;
  readonly request: number;
  /** It was the first one of its connection, which the server may not have accepted. */
  readonly first: boolean;
  /** Its connection as its client saw it. */
  readonly seen: string;
}

/** Requests without an answer in two runs of 500 clients and five SIGTERMs: see the measurements of the runtimes. */
export const PEERS: Readonly<Record<string, string>> = {
  "HAProxy, idle-close-on-response": "0",
  "Bun.serve stop": "8, 43",
  "nginx": "33",
  "Go Shutdown": "42, 55",
  "Deno.serve shutdown": "58, 132",
  "Node server.close()": "119, 177",
  "Node, stoppable": "262, 149",
  "Node, http-terminator": "316, 243",
  "srvx on Node": "334",
};

/** Many clients of one server. */
export class Race implements Disposable {
  sent = 0;
  answered = 0;
  connections = 0;
  /** Connections that the server did not let come about. */
  refused = 0;
  readonly lost: Lost[] = [];
  readonly problems: string[] = [];
  readonly #port: number;
  readonly #clients: number;
  readonly #think: number;
  /** Clients that wait for the others to be accepted: a server under load may accept one connection a turn. */
  #early: (() => void)[] = [];
  readonly #open: Set<HttpClient> = new Set();
  readonly #highest: Map<number, number> = new Map();
  /** `performance.now()` after which nobody opens a connection. */
  opensUntil = Infinity;

  constructor(port: number, clients: number, think: number) {
    this.#port = port;
    this.#clients = clients;
    this.#think = think;
    for (let i = 0; i < clients; i++) this.#connect(i, 0);
  }

  /** Clients that have been answered: the server has accepted them. */
  get accepted(): number {
    return this.#highest.size;
  }

  /** Clients with a connection. */
  get running(): number {
    return this.#open.size;
  }

  /** Requests that were lost and that the server says it ran. */
  ranAmong(ran: Ran): Lost[] {
    return this.lost.filter(({ client, request }) => request <= (ran.clients[`c${client}`]?.[1] ?? -1));
  }

  /** Clients of which the server ran a request twice, or ran another number than were answered. */
  miscounted(ran: Ran): string[] {
    return [...this.#highest].filter(([client, answered]) => {
      const [count, highest] = ran.clients[`c${client}`] ?? [0, -1];
      return count !== answered + 1 || highest !== answered;
    }).map(([client, answered]) => `c${client}: ${answered + 1} answered, ran ${ran.clients[`c${client}`]}`);
  }

  [Symbol.dispose](): void {
    for (const client of this.#open) {
      client.onEnd = null;
      client.close();
    }
  }

  /** One client's next connection; its first request there has the number `next`. */
  #connect(name: number, next: number): void {
    if (performance.now() > this.opensUntil) return;
    const client = new HttpClient(this.#port, { closesOnFin: true });
    this.#open.add(client);
    let body = "";
    const ask = () => {
      if (!client.isOpen) return;
      const exchange = posting(`request ${next} of client ${name}`, `c${name}.${next}`);
      body = exchange.body;
      this.sent++;
      client.ask(exchange.request);
    };
    client.onAnswer = (answer) => {
      if (answer.status !== 200 || bodyText(answer) !== body) {
        this.problems.push(`${answer.status} ${bodyText(answer)}`);
      }
      this.answered++;
      this.#highest.set(name, next++);
      this.#afterAll(() => setTimeout(ask, Math.random() * this.#think));
    };
    client.onEnd = () => {
      this.#open.delete(client);
      this.#note(client, name, next);
      // A client whose request was lost stops here, so that the number it had can be looked up.
      if (client.net.connected && client.asked === client.answered) this.#connect(name, next);
    };
    client.net.socket.once("connect", () => {
      this.connections++;
      ask();
    });
  }

  /** Calls back at once, or when every client has had its first answer. */
  #afterAll(go: () => void): void {
    if (this.#highest.size === this.#clients && this.#early.length === 0) return go();
    this.#early.push(go);
    if (this.#highest.size === this.#clients) { for (const early of this.#early.splice(0)) early(); }
  }

  #note(client: HttpClient, name: number, next: number): void {
    if (client.problem !== null) this.problems.push(client.problem.message);
    if (client.reader.partial) this.problems.push(`truncated: ${client.describe()}`);
    if (!client.net.connected) this.refused++;
    if (client.asked === client.answered) return;
    this.lost.push({ client: name, request: next, first: client.asked === 1, seen: client.describe() });
  }
}
