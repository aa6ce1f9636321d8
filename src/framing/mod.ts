/**
 * Framing: codecs without I/O, and the streams that apply them to a connection.
 *
 * @module
 */
export type { Codec, Decoder, Encoder, FrameErrorCode, SealedFrames } from "./decoder.ts";
export {
  delimiterCodec,
  delimiterDecoder,
  delimiterEncoder,
  type DelimiterOptions,
  type Unterminated,
} from "./delimiter.ts";
export { fixedCodec, fixedDecoder, fixedEncoder } from "./fixed.ts";
export { Framed, framed, type FramedConn, frames, lines } from "./framed.ts";
export { type Heartbeat, heartbeat, type HeartbeatOptions, type HeartbeatTarget } from "./heartbeat.ts";
export type { FrameConn, FrameStreamOptions } from "./intake.ts";
export {
  lengthPrefixCodec,
  lengthPrefixDecoder,
  lengthPrefixEncoder,
  type LengthPrefixOptions,
} from "./length_prefix.ts";
export {
  type ByteLineOptions,
  lineCodec,
  lineDecoder,
  lineEncoder,
  type LineEncoderOptions,
  type LineOptions,
} from "./lines.ts";
export { DEFAULT_MAX_LENGTH } from "./option_checks.ts";
export { FrameStream } from "./stream.ts";
export { textDecoder, type TextOptions, Utf8Decoder } from "./text.ts";
