/** Clients of a server that is reloaded: those that come and go, and those that stay. */
import { type Conn, connect } from "../../mod.ts";

/** What clients of a storm have seen. */
export interface StormTally {
  /** Requests that were answered. */
  answered: number;
  /** What became of those that were not, by the words of the error. */
  readonly failures: string[];
  /** Process ids of those that answered. */
  readonly pids: Set<string>;
}

const REQUEST = "GET / HTTP/1.1\r\nHost: storm\r\n\r\n";

/** Clients that ask until they are told to stop. */
export class Storm {
  readonly tally: StormTally = { answered: 0, failures: [], pids: new Set() };
  readonly #port: number;
  readonly #clients: Promise<void>[];
  #isOver = false;

  /** @param fresh How many connect for each request. @param kept How many stay as long as they may. */
  constructor(port: number, fresh: number, kept: number) {
    this.#port = port;
    const loop = (one: () => Promise<void>): Promise<void> => this.#loop(one);
    this.#clients = [
      ...Array.from({ length: fresh }, () => loop(() => this.#askOnce())),
      ...Array.from({ length: kept }, () => loop(() => this.#askOnAndOn())),
    ];
  }

  async end(): Promise<StormTally> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    return this.tally;
  }

  async #loop(one: () => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      try {
        await one();
      } catch (error) {
        const { name, code, message } = error as Error & { code?: string };
        this.tally.failures.push(`${name} ${code ?? ""} ${message}`);
      }
    }
  }

  async #askOnce(): Promise<void> {
    await using conn = await connect({ port: this.#port, readTimeout: 20_000 });
    await this.#ask(conn);
  }

  async #askOnAndOn(): Promise<void> {
    await using conn = await connect({ port: this.#port, readTimeout: 20_000 });
    while (!this.#isOver) {
      if (await this.#ask(conn)) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** True if it was told that this answer is the connection's last. */
  async #ask(conn: Conn): Promise<boolean> {
    await conn.write(REQUEST);
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const chunk = await conn.read();
      if (chunk === null) throw new Error(`ended without an answer, behind ${JSON.stringify(text)}`);
      text += decoder.decode(chunk);
      const [, head, body] = /^([^]*?)\r\n\r\n([^]*)$/.exec(text) ?? [];
      const length = Number(/content-length: (\d+)/i.exec(head ?? "")?.[1] ?? NaN);
      if (head === undefined || body.length < length) continue;
      this.tally.answered++;
      this.tally.pids.add(body);
      return /connection: close/i.test(head);
    }
  }
}
