/**
 * One client's connection: it sends, reads promptly, and writes down in its account what it sees.
 *
 * @module
 */
import type { Clock, Consumer } from "@sluice/sluice";
import type { Account, Message } from "./account.ts";
import type { Talk, TalkEvents } from "./talk/talk.ts";
import type { VerifyKind } from "./verify_api.ts";
import type { ClientConn } from "./wire.ts";

/** How a client differs from a well-mannered one. */
export interface ClientOptions {
  /** It answers neither a FIN nor a Close. @default false */
  readonly silent?: boolean;
}

/** A message that is sent piece by piece. */
export interface Sending {
  /** Pieces that are still to be written. */
  readonly left: number;
  /** Writes the next piece. */
  next(): void;
}

/** A connected client. */
export class Client implements Consumer, TalkEvents {
  /** What it has seen. */
  readonly account: Account;
  /** Something long has begun to arrive. */
  flowing: boolean = false;
  readonly #conn: ClientConn;
  readonly #clock: Clock;
  readonly #talk: Talk;
  readonly #silent: boolean;
  #ready: boolean;
  #gone = false;
  /** Bytes per ms that it reads at the most; 0: it reads all at once. */
  #rate = 0;
  #paused = false;
  #waiting: (() => void)[] = [];

  constructor(
    conn: ClientConn,
    clock: Clock,
    account: Account,
    talk: (events: TalkEvents) => Talk,
    options: ClientOptions = {},
  ) {
    this.#conn = conn;
    this.#clock = clock;
    this.account = account;
    this.#talk = talk(this);
    this.#silent = options.silent === true;
    this.#ready = this.#talk.greeting === null;
    account.greets = !this.#ready;
    conn.consume(this);
    if (this.#talk.greeting !== null && this.account.end === "open") this.#write(this.#talk.greeting);
  }

  /** It may send: it is connected, its handshake is done, and it has seen no sign of the end. */
  get open(): boolean {
    return this.#ready && this.account.seenAt === Infinity;
  }

  /** Its input has ended. */
  get over(): boolean {
    return this.account.end !== "open";
  }

  /** Messages whose answers are still to come. */
  get pending(): number {
    return this.account.pending;
  }

  // Sending.

  /** Sends so many messages of about so many bytes in one write, and hands them over at once. */
  send(size: number, number: number = 1): void {
    if (!this.open) return;
    for (let i = 0; i < number; i++) this.#write(this.#talk.message(size));
    this.#conn.flush().catch(() => {});
  }

  /** A message that is written piece by piece, from the first `next()` on. */
  begin(pieces: (talk: Talk) => readonly Uint8Array[]): Sending {
    const parts = [...pieces(this.#talk)];
    const sending = { left: parts.length, next: () => this.#piece(parts, sending) };
    return sending;
  }

  /** Asks for something long, if that takes a request. */
  stream(): void {
    const request = this.#talk.stream();
    if (request !== null && this.open) this.#write(request);
  }

  #piece(parts: Uint8Array[], sending: { left: number; message?: Message }): void {
    const part = parts.shift();
    if (part === undefined || this.over) return;
    const now = this.#clock.now();
    sending.message ??= this.account.begins(now, false);
    sending.left = parts.length;
    if (parts.length === 0) sending.message.completedAt = now;
    this.#raw(part);
    this.#conn.flush().catch(() => {});
  }

  /** Half-close: it says that it will send nothing more. */
  finish(): void {
    this.#conn.closeWrite().catch(() => {});
  }

  /** Leaves with good manners. */
  leave(): void {
    const words = this.open ? this.#talk.leave() : null;
    if (words === null) this.finish();
    else this.#raw(words);
    this.account.sees(this.#clock.now());
    this.#changed();
  }

  /** Drops the connection; what is not seen by now is never seen. */
  abort(): void {
    this.account.ends("ours", this.#clock.now(), this.#talk.partial);
    this.#conn.abort();
    this.#changed();
  }

  // Reading.

  /** Reads nothing until `resume`. */
  pause(): void {
    this.#paused = true;
    this.#conn.pause();
  }

  /** Reads on; so many bytes per ms at the most, or all at once. */
  resume(rate: number = 0): void {
    this.#rate = rate;
    this.#paused = false;
    this.#conn.resume();
  }

  /** Fulfils at the next change. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Fulfils when every message is answered, or when the end has come; tells whether it may send. */
  async settled(): Promise<boolean> {
    while (!this.over && (this.pending > 0 || !this.#ready)) await this.changed();
    return this.open;
  }

  /** Fulfils when its input has ended. */
  async ended(): Promise<void> {
    while (!this.over) await this.changed();
  }

  // What the connection says.

  data(chunk: Uint8Array): void {
    this.#talk.feed(chunk);
    if (this.#rate > 0) this.#rest(chunk.length / this.#rate);
    this.#changed();
  }

  end(): void {
    this.#talk.end();
    this.account.ends("fin", this.#clock.now(), this.#talk.partial);
    if (!this.#silent) this.#conn.close().catch(() => {});
    this.#changed();
  }

  closed(error?: Error): void {
    this.#gone = true;
    this.account.ends(error === undefined ? "ours" : "reset", this.#clock.now(), this.#talk.partial);
    this.#changed();
  }

  // What the protocol says.

  opened(): void {
    this.#ready = true;
    this.account.needsClose = true;
  }

  answered(fault: string, status: number): void {
    this.account.answers(fault, status, this.#clock.now());
  }

  flowed(): void {
    this.flowing = true;
  }

  lastWords(code: number | null): void {
    this.account.sees(this.#clock.now());
    if (code !== null) this.account.closeCode = code;
  }

  reply(bytes: Uint8Array, closing: boolean): void {
    if (closing && this.#silent) return;
    this.#raw(bytes);
  }

  #write(message: Uint8Array): void {
    this.account.begins(this.#clock.now(), true);
    this.#raw(message);
  }

  #raw(bytes: Uint8Array): void {
    if (!this.#gone) this.#conn.write(bytes).catch(() => {});
  }

  #rest(ms: number): void {
    this.#conn.pause();
    this.#clock.setTimer(() => {
      if (!this.#paused && !this.#gone) this.#conn.resume();
    }, ms);
  }

  #changed(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/**
 * Whether the rest of a message that was begun is still to be sent: an answer of HTTP that says it is the last one does
 * not end its own request (RFC 9112 §9.6).
 */
export function goesOn(client: Pick<Client, "open" | "over">, kind: VerifyKind): boolean {
  return client.open || (kind === "http" && !client.over);
}
