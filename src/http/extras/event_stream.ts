/**
 * Server-sent events (WHATWG HTML, section 9.2).
 *
 * @module
 */
import { type Clock, systemClock } from "../../clock.ts";
import { checkNames, gotNumber, type Names } from "../../names.ts";
import { duration, oneOf } from "../../validate.ts";

/** One event. */
export interface ServerSentEvent {
  /** Its text; it may have several lines. */
  readonly data: string;
  /** Its type. @default "message", on the client's side */
  readonly event?: string;
  /** What the client sends as `Last-Event-ID` when it comes back. */
  readonly id?: string;
  /** Milliseconds after which the client comes back when the connection is lost. */
  readonly retry?: number;
}

/** Where events come from. A function gets a signal that aborts when no more are wanted. */
export type EventSource = AsyncIterable<ServerSentEvent> | ((signal: AbortSignal) => AsyncIterable<ServerSentEvent>);

/** Options of `eventStream`. */
export interface EventStreamOptions {
  /**
   * What a drain does to the stream: `"end"` ends it well between two events and tells the client when to come back;
   * `"wait"` goes on until the grace is over; `"cut"` breaks it off at once.
   * @default "end"
   */
  readonly onDrain?: "end" | "wait" | "cut";
  /** When clients come back after a drain, in ms, each at a random point within ±50 %. @default 1000 */
  readonly retry?: number;
  /** A comment is sent after so many ms without an event, so that no proxy takes the stream for dead; 0 for none. @default 15000 */
  readonly heartbeat?: number;
  /** More header fields, or other values of the ones that are set here. @default none */
  readonly headers?: Readonly<Record<string, string>> | readonly (readonly [string, string])[];
  /** Time, for tests. @default the machine's */
  readonly clock?: Clock;
}

const NAMES: Names<EventStreamOptions> = { onDrain: true, retry: true, heartbeat: true, headers: true, clock: true };

/** What a stream needs of a request's context. */
export interface EventStreamContext {
  /** The hard end: the client has gone, or the grace is over. */
  readonly signal: AbortSignal;
  /** The soft end: a drain has begun. */
  readonly draining: AbortSignal;
  /** The soft end of a stream: the drain's lame duck is over. @default draining */
  readonly leaving?: AbortSignal;
}

type Policy = "end" | "wait" | "cut";
interface Settings {
  readonly onDrain: Policy;
  readonly retry: number;
  readonly heartbeat: number;
  readonly clock: Clock;
}

const POLICIES: readonly Policy[] = ["end", "wait", "cut"];
const DEFAULT_RETRY = 1_000;
const DEFAULT_HEARTBEAT = 15_000;
/** Share by which `retry` varies up and down, so that clients don't return together. */
const RETRY_JITTER = 0.5;

/** Without the last one, nginx and its kin would collect events until a buffer is full. */
const HEADERS: readonly (readonly [string, string])[] = [
  ["content-type", "text/event-stream; charset=utf-8"],
  ["cache-control", "no-cache"],
  ["x-accel-buffering", "no"],
];

const LINE_END = /\r\n|\r|\n/;
const HEARTBEAT = new TextEncoder().encode(": \n\n");
const encoder = new TextEncoder();

/**
 * Answers with a stream of events. The next event is asked for when the client takes the last one. When the stream
 * ends, however it does, the source's iterator is told (`return`).
 *
 * @throws {OptionError} An option can't be used.
 * @example
 * ```ts
 * serveHttp({ port: 8080 }, (_request, ctx) =>
 *   eventStream(ctx, async function* (signal) {
 *     for (let n = 1; !signal.aborted; n++) {
 *       yield { data: `${n}`, id: `${n}` };
 *       await new Promise((resolve) => setTimeout(resolve, 1000));
 *     }
 *   }));
 * ```
 */
export function eventStream(
  ctx: EventStreamContext,
  source: EventSource,
  options: EventStreamOptions = {},
): Response {
  checkNames("eventStream()", options, NAMES);
  const settings: Settings = {
    onDrain: oneOf("onDrain", options.onDrain, "end", POLICIES),
    retry: duration("retry", options.retry, DEFAULT_RETRY),
    heartbeat: duration("heartbeat", options.heartbeat, DEFAULT_HEARTBEAT),
    clock: options.clock ?? systemClock,
  };
  const headers = new Headers(options.headers as HeadersInit | undefined);
  for (const [name, value] of HEADERS) if (!headers.has(name)) headers.set(name, value);
  const stream = new EventStream(ctx, source, settings);
  return new Response(new ReadableStream<Uint8Array>(stream, { highWaterMark: 0 }), { headers });
}

/**
 * An event as the lines of a stream.
 *
 * @throws {TypeError} A member has a wrong type, or `event` or `id` has a character that would change the stream's meaning.
 */
export function formatEvent(event: ServerSentEvent): string {
  const { data, event: type, id, retry } = event;
  if (typeof data !== "string") throw new TypeError(`An event's data must be a string, got ${typeof data}`);
  let text = "";
  if (type !== undefined) text += `event: ${oneLine("event", type)}\n`;
  if (id !== undefined) text += `id: ${oneLine("id", id)}\n`;
  if (retry !== undefined) text += retryLine(retry);
  for (const line of data.split(LINE_END)) text += `data: ${line}\n`;
  return `${text}\n`;
}

function oneLine(field: string, value: unknown): string {
  // A NUL makes clients ignore the whole id.
  if (typeof value === "string" && !/[\r\n\0]/.test(value)) return value;
  throw new TypeError(`An event's ${field} must be a string without line ends and NUL, got ${JSON.stringify(value)}`);
}

function retryLine(ms: number): string {
  if (Number.isSafeInteger(ms) && ms >= 0) return `retry: ${ms}\n`;
  throw new TypeError(`An event's retry must be a whole number of milliseconds, got ${gotNumber(ms)}`);
}

/** The body's source. Each chunk is a whole event, so wherever it ends is an event's edge. */
class EventStream implements UnderlyingDefaultSource<Uint8Array> {
  readonly #ctx: EventStreamContext;
  /** A drain that is called off leaves the context with another one. */
  readonly #draining: AbortSignal;
  readonly #settings: Settings;
  readonly #iterator: AsyncIterator<ServerSentEvent>;
  readonly #stop: AbortController = new AbortController();
  readonly #onDrain = (): void => this.#drain();
  readonly #onAbort = (): void => this.#fail(this.#ctx.signal.reason);
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  /** The client has taken everything. */
  #wanted = false;
  /** The source has been asked and hasn't answered. */
  #asked = false;
  #ended = false;
  #sentAt = 0;
  #cancelTimer: (() => void) | null = null;

  constructor(ctx: EventStreamContext, source: EventSource, settings: Settings) {
    this.#ctx = ctx;
    this.#draining = ctx.leaving ?? ctx.draining;
    this.#settings = settings;
    const events = typeof source === "function" ? source(this.#stop.signal) : source;
    this.#iterator = events[Symbol.asyncIterator]();
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    const { signal } = this.#ctx;
    if (signal.aborted) return this.#fail(signal.reason);
    signal.addEventListener("abort", this.#onAbort);
    if (this.#settings.onDrain === "wait") return;
    const draining = this.#draining;
    if (draining.aborted) return this.#drain();
    draining.addEventListener("abort", this.#onDrain);
  }

  /** Returns at once: a heartbeat may come first, and a drain must not wait for the source. */
  pull(): void {
    this.#wanted = true;
    if (this.#cancelTimer === null && this.#settings.heartbeat > 0) this.#beatAfter(this.#settings.heartbeat);
    if (!this.#asked) this.#ask();
  }

  cancel(reason: unknown): void {
    this.#end(reason);
  }

  #ask(): void {
    this.#asked = true;
    nextOf(this.#iterator).then((result) => this.#answered(result)).catch((error) => this.#fail(error));
  }

  #answered(result: IteratorResult<ServerSentEvent>): void {
    this.#asked = false;
    if (this.#ended) return;
    if (!result.done) return this.#send(encoder.encode(formatEvent(result.value)));
    this.#settle(new DOMException("The source has ended", "AbortError"));
    this.#controller.close();
  }

  #send(bytes: Uint8Array): void {
    this.#wanted = false;
    this.#sentAt = this.#settings.clock.now();
    this.#controller.enqueue(bytes);
  }

  #drain(): void {
    if (this.#ended) return;
    const { reason } = this.#draining;
    if (this.#settings.onDrain === "cut") return this.#fail(reason);
    const jittered = this.#settings.retry * (1 + RETRY_JITTER * (2 * Math.random() - 1));
    this.#controller.enqueue(encoder.encode(`${retryLine(Math.round(jittered))}\n`));
    this.#controller.close();
    this.#end(reason);
  }

  #fail(reason: unknown): void {
    if (this.#ended) return;
    this.#controller.error(reason);
    this.#end(reason);
  }

  /** Tells the source that no more is wanted. Its own work may take as long as it likes; nobody waits for it. */
  #end(reason: unknown): void {
    if (this.#ended) return;
    this.#settle(reason);
    returnOf(this.#iterator);
  }

  #settle(reason: unknown): void {
    this.#ended = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#ctx.signal.removeEventListener("abort", this.#onAbort);
    if (this.#settings.onDrain !== "wait") this.#draining.removeEventListener("abort", this.#onDrain);
    this.#stop.abort(reason);
  }

  /** One timer for the whole stream: an event leaves it alone, and it finds out when it fires. */
  #beatAfter(delay: number): void {
    const { clock } = this.#settings;
    if (this.#cancelTimer === null) this.#sentAt = clock.now();
    this.#cancelTimer = clock.setTimer(() => this.#beat(), delay);
  }

  #beat(): void {
    const { clock, heartbeat } = this.#settings;
    const due = this.#sentAt + heartbeat - clock.now();
    if (due > 0) return this.#beatAfter(due);
    // A client that doesn't take what it has needs no heartbeat on top.
    if (this.#wanted) this.#send(HEARTBEAT);
    this.#beatAfter(heartbeat);
  }
}

/** The source's next word; what it throws is its rejection. */
async function nextOf(iterator: AsyncIterator<ServerSentEvent>): Promise<IteratorResult<ServerSentEvent>> {
  return await iterator.next();
}

async function returnOf(iterator: AsyncIterator<ServerSentEvent>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // The stream has ended already: there is nobody left to tell.
  }
}
