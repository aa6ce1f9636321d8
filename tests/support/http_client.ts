/**
 * One raw HTTP/1.1 connection that writes down what it saw, for tests that look at the wire.
 *
 * @module
 */
import { type Answer, AnswerReader } from "./http_answers.ts";
import { type ClientOptions, type End, NetClient } from "./swarm.ts";

/** A request's parts; a body gets its Content-Length. */
export interface RequestParts {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string;
}

/** A request as text. */
export function httpRequest(target: string, { method, headers = {}, body }: RequestParts = {}): string {
  const fields: Record<string, string | number> = { Host: "test", ...headers };
  if (body !== undefined) fields["Content-Length"] = body.length;
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${method ?? (body === undefined ? "GET" : "POST")} ${target} HTTP/1.1\r\n${lines}\r\n${body ?? ""}`;
}

/** The body as text. */
export function bodyText(answer: Answer): string {
  return new TextDecoder().decode(answer.body);
}

/** One connection as an HTTP client sees it. */
export class HttpClient {
  readonly net: NetClient;
  readonly reader: AnswerReader = new AnswerReader();
  /** Requests begun, and whole answers received. */
  asked = 0;
  answered = 0;
  /** Every answer, unless `onAnswer` takes them. */
  readonly answers: Answer[] = [];
  /** An answer said `Connection: close`: nothing more may be asked. */
  saidClose = false;
  /** What was received and isn't HTTP. */
  problem: Error | null = null;
  /** Takes each answer. */
  onAnswer: ((answer: Answer) => void) | null = null;
  /** Called when the input has ended. */
  onEnd: (() => void) | null = null;

  constructor(port: number, options?: ClientOptions) {
    this.net = new NetClient(port, options);
    // Before the other's listeners, which wake those who wait for what is noted here.
    this.net.socket.prependListener("data", (chunk: Uint8Array) => this.#read(() => this.reader.feed(chunk)));
    this.net.socket.prependListener("end", () => this.#read(() => this.reader.finish()));
    this.net.onChange = () => {
      if (this.net.isOpen) return;
      this.net.onChange = null;
      this.onEnd?.();
    };
  }

  /** The connection takes requests, as far as its client can know. */
  get isOpen(): boolean {
    return this.net.isOpen && !this.saidClose;
  }

  get end(): End {
    return this.net.end;
  }

  /** Writes one request, or its first part. */
  ask(request: string): void {
    this.asked++;
    this.reader.methods.push(request.slice(0, request.indexOf(" ")));
    this.net.socket.write(request, "latin1");
  }

  /** Writes several requests at once. */
  askAll(requests: readonly string[]): void {
    this.asked += requests.length;
    for (const request of requests) this.reader.methods.push(request.slice(0, request.indexOf(" ")));
    this.net.socket.write(requests.join(""), "latin1");
  }

  /** Writes more of a request that was begun. */
  more(part: string): void {
    this.net.socket.write(part, "latin1");
  }

  /** Asks and waits for the answer. */
  async fetch(request: string, limit?: number): Promise<Answer> {
    this.ask(request);
    return await this.answer(limit);
  }

  /** Waits until all that was asked is answered; gives the last answer. */
  async answer(limit?: number): Promise<Answer> {
    await this.net.until("an answer", () => this.answered === this.asked || !this.net.isOpen, limit);
    if (this.answered < this.asked) throw new Error(`unanswered: ${this.describe()}`);
    return this.answers[this.answers.length - 1];
  }

  /** Waits for the end of its input. */
  over(limit?: number): Promise<End> {
    return this.net.over(limit);
  }

  /** Reads so many bytes per millisecond from now on; made for `reads: "never"`. */
  readAt(rate: number): void {
    const { socket } = this.net;
    socket.on("data", (chunk: Uint8Array) => {
      socket.pause();
      setTimeout(() => socket.resume(), chunk.length / rate);
    });
    this.net.look();
  }

  close(): void {
    this.net.close();
  }

  /** What a test prints about a client that failed. */
  describe(): string {
    const parts = [`${this.net.end}, ${this.asked} asked, ${this.answered} answered`];
    if (this.reader.partial) parts.push(`cut in an answer after ${this.reader.bodyBytes} bytes of body`);
    if (this.saidClose) parts.push("was told to close");
    if (this.problem !== null) parts.push(this.problem.message);
    return parts.join(", ");
  }

  #read(read: () => Answer[]): void {
    if (this.problem !== null) return;
    try {
      for (const answer of read()) this.#note(answer);
    } catch (error) {
      this.problem = error as Error;
    }
  }

  #note(answer: Answer): void {
    if (this.saidClose) throw new Error("an answer behind Connection: close");
    this.answered++;
    this.saidClose = answer.closes;
    if (this.onAnswer === null) this.answers.push(answer);
    else this.onAnswer(answer);
  }
}
