/**
 * Calls over frames: requests and answers of both sides on one connection, of any codec.
 *
 * @example
 * ```ts
 * import { connect, framed, serve } from "@sluice/sluice";
 * import { json, lengthPrefix } from "@sluice/sluice/framing/codecs";
 * import { rpc } from "@sluice/sluice/framing/rpc";
 *
 * const server = await serve({ port: 0, hostname: "127.0.0.1" }, (conn, ctx) => {
 *   const methods = { greet: (name: unknown) => `hello ${name}` };
 *   return rpc(framed(conn, lengthPrefix(json())), { ctx, methods }).done;
 * });
 *
 * const conn = await connect(server.address);
 * const peer = rpc(framed(conn, lengthPrefix(json())));
 * console.log(await peer.call("greet", "Ada")); // hello Ada
 * ```
 *
 * @module
 */
export { rpc } from "./rpc.ts";
export type {
  AnyMethods,
  Rpc,
  RpcApi,
  RpcCallArgs,
  RpcCallOptions,
  RpcConn,
  RpcEnvelopeOptions,
  RpcFrames,
  RpcMethod,
  RpcOptions,
  RpcResult,
} from "./rpc_api.ts";
export { RpcError, type RpcErrorCode, type RpcErrorOptions } from "./rpc_errors.ts";
export { RPC_PING, type RpcEnvelope, type RpcMessage } from "./rpc_wire.ts";
