/**
 * Values in frames: JSON, MessagePack and Protocol Buffers, compressed or not, typed, and with the limits and errors of
 * the framing below.
 *
 * @example
 * ```ts
 * import { framed, serve } from "@sluice/sluice";
 * import { json, lengthPrefix } from "@sluice/sluice/framing/codecs";
 *
 * const server = await serve({ port: 9000 }, async (conn) => {
 *   const messages = framed(conn, lengthPrefix(json()));
 *   for await (const message of messages) await messages.send({ echo: message });
 * });
 * ```
 *
 * @module
 */
export { deflated, type DeflatedOptions } from "./deflated.ts";
export { json, type JsonLineOptions, jsonLines, type ParseOptions } from "./json.ts";
export { msgpack, type MsgpackLibrary, type MsgpackOptions } from "./msgpack.ts";
export { type ByteFraming, bytes, lengthPrefix, type Payload, payloadCodec } from "./payload.ts";
export { protobuf, type ProtobufLibrary, type ProtobufMessage, type ProtobufSchema } from "./protobuf.ts";
