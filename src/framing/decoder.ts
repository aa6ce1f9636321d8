/**
 * What a framing is: bytes in, frames out, and back. No socket, no timer, no promise.
 *
 * @module
 */

/** The `code` of a `FrameError`. `ERR_FRAME_DEAD`: the decoder was fed again after an error. */
export type FrameErrorCode = "ERR_FRAME_TOO_LONG" | "ERR_FRAME_TRUNCATED" | "ERR_FRAME_MALFORMED" | "ERR_FRAME_DEAD";

/** Cuts a stream of bytes into frames; however the bytes are split, the frames are the same. */
export interface Decoder<T> {
  /** Bytes held of a frame that is not complete; 0 at a frame boundary and after an error. */
  readonly buffered: number;
  /**
   * Appends to `out` every frame that `chunk` completes. The decoder owns the chunk: frames may be views of it.
   *
   * @throws {FrameError} The bytes break the framing; frames decoded before are in `out`, and the decoder is dead.
   */
  decode(chunk: Uint8Array, out: T[]): void;
  /**
   * Ends the stream: an unfinished frame is delivered, dropped or refused, as the framing says.
   *
   * @throws {FrameError} The stream ended inside a frame.
   */
  finish(out: T[]): void;
  /** The bytes held of a frame that is not complete, for a protocol that takes over. Later calls don't change them. */
  unread(): Uint8Array;
  /**
   * Length in bytes of the first `count` frames of `bytes`, which begin at a frame boundary. It changes nothing in the
   * decoder, and tells a takeover where the frames nobody took begin.
   */
  measure(bytes: Uint8Array, count: number): number;
  /** The same in two steps, for who lets frames wait. @default what waits are frames */
  readonly sealed?: SealedFrames<unknown, T>;
}

/**
 * Frames that wait as they were cut, and are opened when somebody takes them: what they become may be a thousand times
 * as large.
 */
export interface SealedFrames<Raw, T> {
  /** Cuts what arrives, and opens nothing. */
  readonly cut: Decoder<Raw>;
  /** Opens what was cut. @throws {FrameError} It is not what it should be: this frame is where the stream breaks. */
  open(raw: Raw): T;
}

/** Turns a frame into the bytes that its decoder cuts out again. */
export interface Encoder<T> {
  /** The bytes of `frame`. @throws {OptionError} The framing can't carry this frame. */
  encode(frame: T): Uint8Array;
  /** The same as text, where the frame is text: it is then encoded together with all text of its turn. */
  encodeText?(frame: T): string | null;
}

/** Both directions of one framing, for one connection. */
export interface Codec<In, Out = In> {
  /** Cuts what arrives. */
  readonly decoder: Decoder<In>;
  /** Writes what leaves. */
  readonly encoder: Encoder<Out>;
}
