/**
 * What to answer when a handler fails, and whose fault it was.
 *
 * @module
 */
import { DeadlineExceeded } from "../context.ts";
import { DrainTimeoutError } from "../errors.ts";
import { BodyError, HttpError } from "./errors.ts";
import type { HttpExchange } from "./exchange.ts";

/** How a failure is answered. */
export interface Explanation {
  /** 0: nobody is left to answer. */
  readonly status: number;
  readonly message: string;
  /** What the peer did, to count; what broke a body was counted when it was found. */
  readonly refusal: HttpError | null;
  /** It was the handler's own fault: log it. */
  readonly isFault: boolean;
}

/** Looks behind the error: a handler that was told to stop, or whose reader failed, is not to blame. */
export function explain(error: unknown, exchange: HttpExchange): Explanation {
  const refusal = refusalOf(error);
  if (refusal !== null) {
    const { status, message } = refusal;
    return { status, message, refusal: error === refusal ? refusal : null, isFault: false };
  }
  if (error instanceof BodyError) return { status: 0, message: "", refusal: null, isFault: false };
  const cause = exchange.done ? exchange.cause() : undefined;
  if (cause instanceof DrainTimeoutError) {
    return { status: 503, message: "the server is shutting down", refusal: new HttpError("draining"), isFault: false };
  }
  if (cause instanceof DeadlineExceeded) {
    return { status: 503, message: "the answer took too long", refusal: null, isFault: true };
  }
  // The client has closed: what the handler makes of it is no news.
  if (exchange.done) return { status: 500, message: "the request was cancelled", refusal: null, isFault: false };
  return { status: 500, message: "internal server error", refusal: null, isFault: true };
}

function refusalOf(error: unknown): HttpError | null {
  if (error instanceof HttpError) return error;
  return error instanceof BodyError && error.cause instanceof HttpError ? error.cause : null;
}
