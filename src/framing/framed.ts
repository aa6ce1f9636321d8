/**
 * A connection that carries frames both ways.
 *
 * @module
 */
import { checkNames, type Names } from "../names.ts";
import type { Conn } from "../server/conn/conn.ts";
import type { Codec, Decoder } from "./decoder.ts";
import { type FrameConn, type FrameStreamOptions, STREAM_NAMES } from "./intake.ts";
import { LINE_NAMES, lineCodecOf, type LineEncoderOptions, type LineOptions } from "./lines.ts";
import { FrameStream } from "./stream.ts";

/** What a framed connection needs of the connection below. */
export type FramedConn =
  & FrameConn
  & Pick<Conn, "write" | "bytesRead" | "closed" | "close" | "abort">
  & { readonly isEnding?: boolean; readonly isWithheld?: boolean; readonly whenGone?: Promise<void> };

const NAMES: Names<LineOptions & LineEncoderOptions & FrameStreamOptions> = { ...LINE_NAMES, ...STREAM_NAMES };

/** A stream of frames with the way back. */
export class Framed<In, Out = In, On extends FramedConn = Conn> extends FrameStream<In> {
  /** The connection below, as it was given: `waitUntil()`, `answered()`, `remote` and all. */
  readonly conn: On;
  readonly #codec: Codec<In, Out>;

  /**
   * Takes over the bytes of `conn`.
   *
   * @throws {OptionError} An option can't be used.
   * @throws {InUseError} Another consumer has them, or a `read()` is pending.
   */
  constructor(conn: On, codec: Codec<In, Out>, options: FrameStreamOptions<Framed<In, Out, On>> = {}) {
    // What it is given is this.
    super(conn, codec.decoder, options as FrameStreamOptions<FrameStream<In>>);
    this.conn = conn;
    this.#codec = codec;
  }

  /**
   * Writes one frame; fulfils below the connection's high-water mark.
   *
   * @throws {OptionError} At once: the framing can't carry this frame.
   * @throws {ConnClosedError} The write side is closed.
   */
  send(frame: Out): Promise<void> {
    const { encoder } = this.#codec;
    return this.conn.write(encoder.encodeText?.(frame) ?? encoder.encode(frame));
  }
}

/**
 * The inbound frames of a connection.
 *
 * @throws {InUseError} Another consumer has its bytes, or a `read()` is pending.
 */
export function frames<T>(
  conn: FrameConn,
  decoder: Decoder<T>,
  options?: FrameStreamOptions<FrameStream<T>>,
): FrameStream<T> {
  if (options !== undefined) checkNames("frames()", options, STREAM_NAMES);
  return new FrameStream(conn, decoder, options);
}

/**
 * Frames of a connection in both directions. A codec serves one connection: its decoder remembers.
 *
 * @throws {InUseError} Another consumer has its bytes, or a `read()` is pending.
 * @example
 * ```ts
 * const messages = framed(conn, lengthPrefixCodec({ size: 4 }));
 * for await (const message of messages) await messages.send(message);
 * ```
 */
export function framed<In, Out, On extends FramedConn = Conn>(
  conn: On,
  codec: Codec<In, Out>,
  options?: FrameStreamOptions<Framed<In, Out, On>>,
): Framed<In, Out, On> {
  if (options !== undefined) checkNames("framed()", options, STREAM_NAMES);
  return new Framed(conn, codec, options);
}

/**
 * Lines of text in both directions. To ask for the lines again later, keep what this returns: a second `lines(conn)`
 * is refused until the first has ended, or was left with `break`.
 *
 * @throws {OptionError} An option can't be used.
 * @throws {InUseError} Another consumer has its bytes, or a `read()` is pending.
 * @example
 * ```ts
 * const text = lines(conn, { maxLength: 1024 });
 * for await (const line of text) await text.send(`echo: ${line}`);
 * ```
 */
export function lines<On extends FramedConn = Conn>(
  conn: On,
  options: LineOptions & LineEncoderOptions & FrameStreamOptions<Framed<string, Uint8Array | string, On>> = {},
): Framed<string, Uint8Array | string, On> {
  checkNames("lines()", options, NAMES);
  return new Framed(conn, lineCodecOf(options), options);
}
