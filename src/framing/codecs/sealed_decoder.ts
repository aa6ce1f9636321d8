/**
 * Frames that wait as they were cut.
 *
 * @module
 */
import type { Decoder, SealedFrames } from "../decoder.ts";
import { MappedDecoder } from "../mapped_decoder.ts";

/** Lets a stream keep its frames as they were cut until somebody takes them. */
export class SealedDecoder<Raw, T> extends MappedDecoder<Raw, T> {
  readonly sealed: SealedFrames<Raw, T>;

  constructor(cut: Decoder<Raw>, open: (raw: Raw) => T) {
    super(cut, open);
    this.sealed = { cut, open };
  }
}
