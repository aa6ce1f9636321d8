/** Load clients and the server's end of their connections, played by a test: in memory and in virtual time. */
import { type MemoryAdapter, memoryAdapter } from "../../adapters/memory/mod.ts";
import { type Conn, listen, type Listener } from "../../mod.ts";
import {
  type ClientEvents,
  type Connector,
  type LoadClient,
  makeConnector,
  type ResolvedClientOptions,
} from "../../src/tools/load/clients/client.ts";
import { parseTarget } from "../../src/tools/load/target.ts";
import type { FaultClass } from "../../src/tools/load/load_api.ts";
import { VirtualClock } from "../../src/testing/clock.ts";

/** What a client is made of where a test does not say otherwise. */
const PLAIN: ResolvedClientOptions = {
  pipeline: 1,
  size: null,
  method: "GET",
  headers: [],
  body: null,
  check: "echo",
  timeout: 1000,
  seed: 1,
};

/** The server's end of one connection. */
export class LoadPeer {
  readonly conn: Conn;
  /** Everything received, a character for each byte. */
  text = "";
  /** How its input ended. */
  end: "open" | "fin" | "reset" = "open";

  constructor(conn: Conn) {
    this.conn = conn;
    conn.consume({
      data: (chunk) => {
        for (const byte of chunk) this.text += String.fromCharCode(byte);
      },
      end: () => this.end = "fin",
      closed: (error) => {
        if (error !== undefined) this.end = "reset";
      },
    });
  }

  /** Writes bytes, a character for each. */
  send(text: string): void {
    void this.conn.write(Uint8Array.from(text, (char) => char.charCodeAt(0)));
  }

  /** What has come since the last time. */
  take(): string {
    const { text } = this;
    this.text = "";
    return text;
  }
}

/** One client with everything it has told. */
export class LoadPlayer implements ClientEvents {
  client!: LoadClient;
  /** What it told, in order, a line for each; of faults the class. */
  readonly log: string[] = [];
  readonly faults: [token: number, fault: FaultClass, detail: string][] = [];
  /** What could have been sent at each fault. */
  readonly rooms: number[] = [];
  /** Called at each answer. */
  onAnswer: ((token: number) => void) | null = null;
  #sent = 0;

  answered(token: number, bytes: number): void {
    this.log.push(`answered ${token}, ${bytes} bytes`);
    this.onAnswer?.(token);
  }

  failed(token: number, fault: FaultClass, detail: string): void {
    this.log.push(`failed ${token}: ${fault}`);
    this.faults.push([token, fault, detail]);
    this.rooms.push(this.client.room);
  }

  idle(): void {
    this.log.push("idle");
  }

  closed(expected: boolean): void {
    this.log.push(expected ? "closed as expected" : "closed");
  }

  /** Sends so many requests, with tokens from 0. */
  send(count = 1): void {
    for (let i = 0; i < count; i++) this.client.send(this.#sent++);
  }

  /** What it has told since the last time. */
  told(): string[] {
    return this.log.splice(0);
  }

  /** What the last fault said. */
  get detail(): string {
    return this.faults.at(-1)?.[2] ?? "";
  }
}

/** A listener without a server behind it, and load clients. */
export class LoadWorld implements AsyncDisposable {
  readonly clock: VirtualClock = new VirtualClock({ turns: 2 });
  readonly adapter: MemoryAdapter = memoryAdapter({ seed: 1, clock: this.clock });
  readonly peers: LoadPeer[] = [];
  readonly #connectors: Connector[] = [];
  #listener: Listener | null = null;

  async start(): Promise<this> {
    const listener = await listen({ port: 9000, hostname: "127.0.0.1", adapter: this.adapter, clock: this.clock });
    this.#listener = listener;
    void this.#accept(listener);
    return this;
  }

  async #accept(listener: Listener): Promise<void> {
    for await (const conn of listener) this.peers.push(new LoadPeer(conn));
  }

  connector(url: string, options: Partial<ResolvedClientOptions> = {}): Connector {
    const { adapter, clock } = this;
    const connector = makeConnector(parseTarget(url), { ...PLAIN, ...options, adapter, clock });
    this.#connectors.push(connector);
    return connector;
  }

  /** Opens a client of `connector`; its peer is the last one. */
  async open(connector: Connector): Promise<[LoadPlayer, LoadPeer]> {
    const player = new LoadPlayer();
    player.client = await connector.open(player);
    await this.settle();
    return [player, this.peers.at(-1)!];
  }

  /** One client and its peer. */
  join(url: string, options: Partial<ResolvedClientOptions> = {}): Promise<[LoadPlayer, LoadPeer]> {
    return this.open(this.connector(url, options));
  }

  /** Everything on its way arrives. */
  settle(): Promise<void> {
    return this.clock.settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connector of this.#connectors) connector.close();
    for (const peer of this.peers) peer.conn.abort();
    await this.#listener?.close();
    await this.settle();
  }
}

/** Runs a test in a world of its own. */
export async function inLoadWorld(body: (world: LoadWorld) => Promise<void>): Promise<void> {
  await using world = await new LoadWorld().start();
  await body(world);
}
