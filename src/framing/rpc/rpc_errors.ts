/**
 * Why a call has no result.
 *
 * @module
 */
import { SluiceError } from "../../errors.ts";

/**
 * The `code` of an `RpcError` that is not the called method's own. What has never run may be asked for elsewhere:
 * `ERR_RPC_DRAINING` (the other side is leaving), `ERR_RPC_BUSY` (too many calls), `ERR_RPC_UNKNOWN_METHOD`. Nobody knows
 * how far the others came: `ERR_RPC_GONE` (the connection ended first), `ERR_RPC_FAILED` (the method threw),
 * `ERR_RPC_DEADLINE` (the time that the caller gave was over there), `ERR_RPC_CANCELED`.
 */
export type RpcErrorCode =
  | "ERR_RPC_DRAINING"
  | "ERR_RPC_BUSY"
  | "ERR_RPC_UNKNOWN_METHOD"
  | "ERR_RPC_GONE"
  | "ERR_RPC_FAILED"
  | "ERR_RPC_DEADLINE"
  | "ERR_RPC_CANCELED";

/** Options of an `RpcError`. */
export interface RpcErrorOptions extends ErrorOptions {
  /** More about it, for the caller: anything that the codec can carry. @default none */
  readonly data?: unknown;
}

/** A call that has no result. A method that throws one tells its caller just this; what else it throws is told to nobody. */
export class RpcError extends SluiceError {
  /** More about it; undefined for none. */
  readonly data: unknown;

  /** Builds the error. @param code One of your own, or an `RpcErrorCode`. */
  constructor(code: string, message: string, options: RpcErrorOptions = {}) {
    super(code, message, options);
    this.data = options.data;
  }
}

/** One that has a code of ours. */
export function rpcError(code: RpcErrorCode, message: string, options?: RpcErrorOptions): RpcError {
  return new RpcError(code, message, options);
}
