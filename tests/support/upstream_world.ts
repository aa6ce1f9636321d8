/** An upstream of ours and servers that do what a script says, in memory and in virtual time. */
import { type MemoryAdapter, memoryAdapter } from "../../adapters/memory/mod.ts";
import { type Conn, serve, type Server, silentLogger } from "../../mod.ts";
import { VirtualClock } from "../../src/testing/clock.ts";
import { type Upstream, upstream, type UpstreamAddress, type UpstreamOptions } from "../../src/upstream/mod.ts";

/** A server's end of one connection. */
export class Side {
  readonly conn: Conn;
  /** Number of the connection, from 1. */
  readonly number: number;
  /** Everything that came, each byte a character. */
  text = "";
  /** How its input ended. */
  end: "open" | "fin" | "reset" = "open";
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(conn: Conn, number: number) {
    this.conn = conn;
    this.number = number;
    void this.#follow();
  }

  async #follow(): Promise<void> {
    try {
      for await (const chunk of this.conn) {
        for (const byte of chunk) this.text += String.fromCharCode(byte);
        this.#tell();
      }
      this.end = "fin";
    } catch {
      this.end = "reset";
    }
    this.#tell();
  }

  /** The next head, up to its empty line; null at the end. */
  async head(): Promise<string | null> {
    return await this.until("\r\n\r\n");
  }

  /** What comes up to and with `mark`; null if the end comes before. */
  async until(mark: string): Promise<string | null> {
    for (;;) {
      const at = this.text.indexOf(mark, this.#taken);
      if (at >= 0) {
        const found = this.text.slice(this.#taken, at + mark.length);
        this.#taken = at + mark.length;
        return found;
      }
      if (this.end !== "open") return null;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  send(text: string): void {
    this.conn.write(Uint8Array.from(text, (char) => char.charCodeAt(0))).catch(() => {});
  }

  /** Everything that was said leaves, then FIN. */
  close(): void {
    void this.conn.close();
  }

  reset(): void {
    this.conn.abort();
  }

  #tell(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** What a server does on each connection. */
export type Script = (side: Side) => unknown;

/** A whole answer. */
export function answer(body: string, fields = "", status = "200 OK"): string {
  return `HTTP/1.1 ${status}\r\ncontent-length: ${body.length}\r\n${fields}\r\n${body}`;
}

/** Answers every request on a connection with its number and that of the request. */
export const counting: Script = async (side) => {
  for (let i = 1; await side.head() !== null; i++) side.send(answer(`${side.number}.${i}`));
};

/** Servers and an upstream that asks them. */
export class UpstreamWorld implements AsyncDisposable {
  readonly clock: VirtualClock = new VirtualClock({ turns: 2 });
  readonly adapter: MemoryAdapter = memoryAdapter({ clock: this.clock });
  readonly servers: Server[] = [];
  /** Connections that each server has got. */
  readonly sides: Side[][] = [];
  upstream!: Upstream;

  /** A server that follows a script. */
  async serve(script: Script): Promise<string> {
    const sides: Side[] = [];
    const at = this.servers.length;
    this.sides.push(sides);
    this.servers.push(
      await serve({
        port: 0,
        hostname: "127.0.0.1",
        adapter: this.adapter,
        clock: this.clock,
        logger: silentLogger,
        lingerTimeout: 0,
        answers: false,
      }, async (conn) => {
        const side = new Side(conn, this.sides[at].length + 1);
        this.sides[at].push(side);
        await script(side);
        await conn.closed;
      }),
    );
    return this.url(at);
  }

  url(at: number): string {
    const { address } = this.servers[at];
    return `http://127.0.0.1:${(address as { port: number }).port}`;
  }

  ask(addresses: string | readonly (string | UpstreamAddress)[], options: UpstreamOptions = {}): Upstream {
    const { adapter, clock } = this;
    return this.upstream = upstream(addresses, { adapter, clock, logger: silentLogger, ...options });
  }

  async pass(ms: number): Promise<void> {
    await this.#settle();
    await this.clock.advance(ms);
    await this.#settle();
  }

  /** What goes from one end to another and back takes turns, and no time. */
  async #settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await this.clock.settle();
  }

  /** Waits for what needs no more than `limit` ms. */
  async until<T>(promise: Promise<T>, limit = 60_000): Promise<T> {
    let isDone = false;
    promise.then(() => isDone = true, () => isDone = true);
    const end = this.clock.now() + limit;
    await this.clock.settle();
    while (!isDone && this.clock.now() < end) await this.clock.advance(5);
    if (!isDone) throw new Error(`Still pending after ${limit} ms of virtual time`);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.until(this.upstream?.drain(AbortSignal.timeout(0)) ?? Promise.resolve());
    for (const server of this.servers) await this.until(server.close());
    await this.pass(5000);
    if (this.adapter.openSockets > 0) throw new Error(`${this.adapter.openSockets} sockets are left`);
  }
}

/** An upstream of one server with a script. */
export async function upstreamWorld(script: Script, options: UpstreamOptions = {}): Promise<UpstreamWorld> {
  const w = new UpstreamWorld();
  w.ask(await w.serve(script), options);
  return w;
}
