/**
 * The receiving end of a framed connection: decodes, queues, holds back, and reports boundaries.
 *
 * @module
 */
import { endOfTurn } from "../clock.ts";
import type { Names } from "../names.ts";
import { duration } from "../validate.ts";
import { Boundary } from "../server/conn/boundary.ts";
import type { Conn, Consumer } from "../server/conn/conn.ts";
import { Accumulator } from "./accumulator.ts";
import type { Decoder } from "./decoder.ts";
import { positiveInteger } from "./option_checks.ts";

/** What a stream of frames needs of a connection. */
export type FrameConn = Pick<Conn, "consume" | "release" | "pause" | "resume" | "report" | "took" | "state">;

/**
 * Options of a stream of frames.
 *
 * @typeParam Stream What `goodbye` is given: the stream that the options are for.
 */
export interface FrameStreamOptions<Stream = unknown> {
  /** Bytes of frames that wait unread before the connection is paused. @default 65536 */
  readonly highWaterMark?: number;
  /**
   * How long in ms the peer may take for its first frame, from its first byte or without one (Go: `ReadHeaderTimeout`);
   * then the connection is dropped with a `DeadlineError`. What comes behind it is for `readTimeout` and `idleTimeout`.
   * @default 0 (none)
   */
  readonly firstFrameTimeout?: number;
  /**
   * What the protocol says before the FIN of a drain, to the stream that it is given; a promise defers the FIN until it
   * settles, for `lingerTimeout` or what is left of the drain's budget at the most. @default that of the server
   */
  readonly goodbye?: (stream: Stream) => void | Promise<void>;
}

/** Names of `FrameStreamOptions`. */
export const STREAM_NAMES: Names<FrameStreamOptions> = { highWaterMark: true, firstFrameTimeout: true, goodbye: true };

/** Bytes of waiting frames at which the connection is paused: one large chunk, and a second is on its way. */
const DEFAULT_HIGH_WATER_MARK = 64 * 1024;

/** Frames opened for one batch, or between two looks at the time: each may be as large as its payload's limit. */
const MAX_OPENED = 16;

/** Ms after which others have their turn, before more frames of this connection are opened. */
const MAX_OPENING = 4;

/**
 * The queue between a connection and whoever takes its frames. `wake` is called when there may be something to take.
 * *Busy*, to the connection, lasts from a frame's arrival until its taker asks again and finds nothing.
 */
export class FrameIntake<T> implements Consumer {
  /** It serves a handler: when that settles, the connection may close. */
  readonly attended = true;
  /** Only there if the protocol has a goodbye of its own: the server's stands in for it. */
  readonly goodbye?: () => void | Promise<void>;
  readonly firstWithin?: number;
  readonly #conn: FrameConn;
  readonly #decoder: Decoder<unknown>;
  /** Opens a frame when it is taken; null if frames wait as what they are. */
  readonly #open: ((raw: unknown) => T) | null;
  readonly #wake: () => void;
  readonly #highWaterMark: number;
  /** Frames, or what was cut of them. */
  #queue: unknown[] = [];
  /** The oldest of them, if it is opened. */
  #opened: { readonly frame: T } | null = null;
  /** Frames opened since nothing waited or others had their turn, and since when. */
  #openings = 0;
  #openingSince = 0;
  /** Others have their turn: nothing is opened. */
  #isResting = false;
  /** Frames at the front of the queue that are taken. */
  #taken = 0;
  /** Takes, of one frame or of all that waited. */
  #takes = 0;
  /** The bytes that the queue was decoded from, so that a takeover gets those of the frames nobody took. */
  #raw: Uint8Array[] = [];
  #rawLength = 0;
  readonly #boundary: Boundary;
  #ended = false;
  #detached = false;
  /** The end was taken while the connection closes. */
  #spent = false;
  /** The decoder is dead. */
  #failed = false;
  #error: unknown = null;

  constructor(
    conn: FrameConn,
    decoder: Decoder<T>,
    wake: () => void,
    options: Omit<FrameStreamOptions, "goodbye">,
    goodbye: (() => void | Promise<void>) | undefined,
  ) {
    this.#conn = conn;
    this.#boundary = new Boundary(conn);
    const { sealed } = decoder;
    this.#decoder = sealed?.cut ?? decoder;
    this.#open = sealed === undefined ? null : (raw) => sealed.open(raw);
    this.#wake = wake;
    this.#highWaterMark = positiveInteger("highWaterMark", options.highWaterMark, DEFAULT_HIGH_WATER_MARK);
    const firstWithin = duration("firstFrameTimeout", options.firstFrameTimeout, 0);
    if (firstWithin > 0) this.firstWithin = firstWithin;
    if (goodbye !== undefined) this.goodbye = goodbye;
  }

  /** Takes the connection's bytes, and tells it that it is at a boundary unless some came at once. */
  attach(): void {
    this.#conn.consume(this);
    if (!this.#detached) this.#boundary.begin();
  }

  get spent(): boolean {
    return this.#spent;
  }

  /** Bytes of an incomplete frame. */
  get buffered(): number {
    return this.#decoder.buffered;
  }

  get handling(): number {
    return this.#boundary.isBusy ? 1 + this.#takes : 0;
  }

  /**
   * Frames that may be taken. Where the oldest has to be opened and can't be, the stream breaks here, and none may; nor
   * while others have their turn.
   */
  get size(): number {
    if (this.#open !== null && this.#opened === null && this.#waiting > 0) this.#openNext(this.#open);
    return this.#isResting ? 0 : this.#waiting;
  }

  get #waiting(): number {
    return this.#queue.length - this.#taken;
  }

  /** No more frames will be queued. */
  get ended(): boolean {
    return this.#ended && !(this.#isResting && this.#waiting > 0);
  }

  get paused(): boolean {
    return this.#boundary.isPaused;
  }

  /** The oldest frame; only while `size` is above 0. */
  take(): T {
    this.#takes++;
    this.#conn.took();
    const waited = this.#queue[this.#taken++];
    const frame = this.#opened === null ? waited as T : this.#opened.frame;
    this.#opened = null;
    if (this.#taken === this.#queue.length) this.#emptied();
    return frame;
  }

  /** All frames that wait; of those that have to be opened a few. Only while `size` is above 0. */
  takeAll(): T[] {
    if (this.#open !== null) return this.#takeOpened();
    this.#takes++;
    this.#conn.took(this.#waiting);
    const frames = this.#taken === 0 ? this.#queue : this.#queue.slice(this.#taken);
    this.#queue = [];
    this.#emptied();
    return frames as T[];
  }

  #takeOpened(): T[] {
    const frames: T[] = [];
    do frames.push(this.take()); while (frames.length < MAX_OPENED && this.size > 0);
    return frames;
  }

  /**
   * The taker learns that the stream ended: returns why, null if it ended well. The connection is given back, except
   * where it was we who closed the input: there `afterFin` has still to count.
   */
  takeEnd(): unknown {
    const error = this.#error;
    this.#error = null;
    if (this.#conn.state === "closing") this.#spent = true;
    else this.release();
    return error;
  }

  /** The taker wants more and there is nothing: what it took is dealt with. */
  idle(): void {
    if (this.#waiting === 0 && this.#error === null) this.#report(false);
  }

  /** Gives the connection back, with the bytes of all frames that nobody took. */
  release(): void {
    if (this.#detached) return;
    const unread = this.#unread();
    const { isPaused } = this.#boundary;
    this.#detach();
    this.#conn.release(unread.length > 0 ? unread : undefined);
    if (isPaused) this.#conn.resume();
  }

  data(chunk: Uint8Array): void {
    // After an error what follows means nothing; it is read all the same, so that the peer's FIN is seen.
    if (this.#ended) return;
    this.#keepRaw(chunk);
    try {
      this.#decoder.decode(chunk, this.#queue);
    } catch (error) {
      return this.#fail(error);
    }
    if (this.#waiting === 0) {
      this.#dropRaw();
      return this.#report(this.#boundary.isBusy);
    }
    this.#report(true);
    this.#wake();
    if (this.#rawLength > this.#highWaterMark && !this.#detached) this.#boundary.press(true);
  }

  end(): void {
    if (this.#ended) return;
    try {
      // If it is we who close, half a message is neither a message nor the peer's mistake.
      if (this.#conn.state !== "closing") this.#decoder.finish(this.#queue);
    } catch (error) {
      return this.#fail(error);
    }
    this.#ended = true;
    this.#report(this.#boundary.isBusy || this.#waiting > 0);
    this.#wake();
  }

  closed(error?: Error): void {
    if (this.#detached) return;
    this.#error ??= error ?? null;
    // Nobody is left to answer, so the frames that wait are not run.
    this.#detach();
    this.#wake();
  }

  afterFin(chunk: Uint8Array): number {
    if (this.#failed) return 0;
    const began = this.#decoder.buffered > 0 ? 1 : 0;
    const frames: unknown[] = [];
    try {
      this.#decoder.decode(chunk, frames);
    } catch {
      // The frame that breaks the framing began too.
      this.#failed = true;
      return frames.length + 1 - began;
    }
    return frames.length + (this.#decoder.buffered > 0 ? 1 : 0) - began;
  }

  #fail(error: unknown): void {
    this.#ended = true;
    this.#failed = true;
    this.#error = error;
    this.#report(true);
    this.#wake();
  }

  #openNext(open: (raw: unknown) => T): void {
    if (this.#isResting || this.#rests()) return;
    try {
      this.#opened = { frame: open(this.#queue[this.#taken]) };
    } catch (error) {
      this.#ended = true;
      this.#failed = true;
      this.#error = error;
      this.#emptied();
    }
  }

  /** Frames have been opened for so long that whoever else has something to do comes first. */
  #rests(): boolean {
    if (this.#openings++ === 0) this.#openingSince = performance.now();
    if (this.#openings % MAX_OPENED > 0 || performance.now() - this.#openingSince < MAX_OPENING) return false;
    this.#openings = 0;
    this.#isResting = true;
    endOfTurn(() => {
      this.#isResting = false;
      this.#wake();
    });
    return true;
  }

  #emptied(): void {
    // The bytes of a broken frame are only here: the decoder has let go of them.
    if (this.#failed) this.#raw = [this.#unread()];
    else this.#dropRaw();
    this.#queue.length = 0;
    this.#taken = 0;
    this.#openings = 0;
    this.#boundary.press(false);
  }

  #detach(): void {
    this.#ended = true;
    this.#detached = true;
    this.#boundary.forget();
    this.#queue = [];
    this.#opened = null;
    this.#taken = 0;
    this.#dropRaw();
  }

  #keepRaw(chunk: Uint8Array): void {
    if (this.#raw.length === 0 && this.#decoder.buffered > 0) this.#raw.push(this.#decoder.unread());
    this.#raw.push(chunk);
    this.#rawLength += chunk.length;
  }

  #dropRaw(): void {
    this.#raw.length = 0;
    this.#rawLength = 0;
  }

  #unread(): Uint8Array {
    if (this.#raw.length === 0) return this.#decoder.unread();
    const bytes = new Accumulator();
    const length = this.#raw.reduce((sum, chunk) => sum + chunk.length, 0);
    for (const chunk of this.#raw) bytes.append(chunk, 0, chunk.length, length);
    return bytes.view().subarray(this.#decoder.measure(bytes.view(), this.#taken));
  }

  #report(busy: boolean): void {
    if (!this.#detached) this.#boundary.report(busy, this.#decoder.buffered > 0);
  }
}
