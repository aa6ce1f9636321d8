/**
 * Decoders for many connections.
 *
 * @module
 */
import { type DecoderOptions, FrameDecoder } from "./decoder.ts";

/**
 * Lends decoders to connections that have something to decode: most of many thousands have nothing, and then a decoder
 * is like any other. One is kept, since connections take turns.
 */
export class Decoders {
  readonly #options: DecoderOptions;
  #spare: FrameDecoder | null = null;

  constructor(options: Omit<DecoderOptions, "inflate">) {
    this.#options = { ...options, inflate: null };
  }

  /** One in which there is nothing. */
  take(): FrameDecoder {
    const decoder = this.#spare ?? new FrameDecoder(this.#options);
    this.#spare = null;
    return decoder;
  }

  /** Takes one back in which there is nothing, neither part of a frame nor of a message. */
  giveBack(decoder: FrameDecoder): void {
    this.#spare = decoder;
  }

  /** One for a connection of its own, whose messages may be compressed. */
  make(inflate: NonNullable<DecoderOptions["inflate"]>): FrameDecoder {
    return new FrameDecoder({ ...this.#options, inflate });
  }
}
