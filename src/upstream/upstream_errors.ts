/**
 * The errors of what goes out: of pools, and of calls to an upstream.
 *
 * @module
 */
import { SluiceError } from "../errors.ts";

/** No connection came free within `acquireTimeout`; `cause` is why the last connect failed, if one did. */
export class PoolTimeoutError extends SluiceError {
  /** Builds the error. */
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_POOL_TIMEOUT", message, options);
  }
}

/** The pool is draining or closed: it gives nothing any more. */
export class PoolClosedError extends SluiceError {
  /** Builds the error. */
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_POOL_CLOSED", message, options);
  }
}

/** Why a call to an upstream got no answer, or not all of one. */
export type UpstreamFailure =
  /** No connection could be made; nothing was sent. */
  | "connect"
  /** The connection ended before the answer began. */
  | "closed"
  /** The connection ended in the middle of the answer. */
  | "truncated"
  /** What came is no HTTP. */
  | "protocol"
  /** The answer's head did not come within `headTimeout`, or nothing more of its body within `bodyTimeout`. */
  | "timeout"
  /** What makes the request's body has failed. */
  | "body";

/** An upstream gave no answer, or not all of one; `cause` is what happened underneath. */
export class UpstreamError extends SluiceError {
  /** What happened. */
  readonly failure: UpstreamFailure;
  /** The address that was asked, such as `http://10.0.0.7:8080`. */
  readonly address: string;

  /** Builds the error; `code` is `ERR_UPSTREAM_` and the failure. */
  constructor(failure: UpstreamFailure, address: string, message: string, options?: ErrorOptions) {
    super(`ERR_UPSTREAM_${failure.toUpperCase()}`, message, options);
    this.failure = failure;
    this.address = address;
  }
}
