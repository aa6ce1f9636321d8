/**
 * A client that sends lines and gets a line for each.
 *
 * @module
 */
import { type Conn, type Consumer, type Decoder, delimiterDecoder } from "@sluice/sluice";
import type { ClientEvents, ResolvedClientOptions } from "./load_client.ts";
import type { Content } from "./content.ts";
import { MessageClient } from "./message_client.ts";
import { reasonOf } from "./words.ts";

/** Longest line of a server that is asked for anything but echoes. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;
const CR = 0x0d;

/** One connection that speaks in lines. */
export class TcpClient extends MessageClient<Uint8Array> implements Consumer {
  readonly #decoder: Decoder<Uint8Array>;
  readonly #lines: Uint8Array[] = [];

  constructor(conn: Conn, events: ClientEvents, options: ResolvedClientOptions, content: Content) {
    super(conn, events, options, content);
    const size = options.size?.max ?? 0;
    this.#decoder = delimiterDecoder("\n", { maxLength: size + MAX_LINE_BYTES, unterminated: "drop" });
    conn.consume(this);
  }

  data(chunk: Uint8Array): void {
    if (this.isOver) return;
    const lines = this.#lines;
    try {
      this.#decoder.decode(chunk, lines);
    } catch (error) {
      this.failAll("wrong", reasonOf(error as Error));
      return this.drop(false);
    }
    for (let i = 0; i < lines.length; i++) this.message(lines[i]);
    lines.length = 0;
    this.settle();
  }

  end(): void {
    this.#lost(true, "The server closed the connection (FIN)");
    // Only now: with tokens told, nothing is left to wait for but the peer.
    void this.conn.close();
  }

  closed(error?: Error): void {
    this.#lost(false, error === undefined ? "The connection ended" : reasonOf(error));
  }

  protected write(n: number): void {
    void this.conn.write(this.content.text(n) + "\n");
  }

  protected leave(): Promise<unknown> {
    return this.conn.close();
  }

  /** The server's prefix is its own affair; so is a CR. */
  protected answers(n: number, line: Uint8Array): boolean {
    const end = line.length > 0 && line[line.length - 1] === CR ? line.length - 1 : line.length;
    const size = this.content.size(n);
    return end >= size && this.content.matches(n, 0, line, end - size, size);
  }

  #lost(orderly: boolean, how: string): void {
    if (this.isOver) return;
    const held = this.#decoder.buffered;
    if (held > 0 && this.flight.size > 0) this.fail("truncated", `${how} after ${held} bytes of an answer`);
    this.lose(orderly, "reset", `${how} without an answer`);
  }
}
