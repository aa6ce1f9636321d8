/**
 * The sans-IO codec of WebSocket frames (RFC 6455 §5): bytes to messages and back.
 *
 * @module
 */

export type { ControlEvent } from "./control.ts";
export { type DecoderOptions, FrameDecoder, type FrameEvent } from "./decoder.ts";
export { Decoders } from "./decoders.ts";
export { frameBytes, FrameEncoder, type FrameSink } from "./encoder.ts";
export type { Role } from "./header.ts";
