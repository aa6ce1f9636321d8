/**
 * What to answer when a handler fails, and whose fault it was.
 *
 * @module
 */
import { DeadlineExceeded } from "../../context/mod.ts";
import { DrainTimeoutError } from "../../errors.ts";
import { BodyError, HttpError } from "../http_errors.ts";
import type { HttpExchange } from "./exchange.ts";
import { noFields } from "../answer/fields.ts";
import { sendWhole } from "./whole_answer.ts";

/** So many errors around another are looked into. */
const WRAPPERS = 5;

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

/** Explains a failure, counts it, and logs it if the handler is to blame. */
export function account(error: unknown, exchange: HttpExchange): Explanation {
  const explanation = explain(error, exchange);
  const { service } = exchange.http;
  if (explanation.refusal !== null) service.refused(explanation.refusal);
  if (explanation.isFault) {
    const { server } = service;
    service.handlerErrors++;
    exchange.fault = error;
    exchange.log.error("Request failed", { server: server.name, error });
  }
  return explanation;
}

/** Looks behind the error: a handler that was told to stop, or whose reader failed, is not to blame. */
function explain(thrown: unknown, exchange: HttpExchange): Explanation {
  const error = bodyFailureIn(thrown, exchange) ?? thrown;
  const refusal = refusalOf(error);
  if (refusal !== null) {
    const { status, message } = refusal;
    return { status, message, refusal: error === refusal ? refusal : null, isFault: false };
  }
  // With the connection lost, whatever the handler makes of it, nobody is left to answer.
  const lost = exchange.http.conn.ending.failure !== null;
  const broken = error instanceof BodyError && !exchange.isOverdue;
  if (lost || broken) return { status: 0, message: "", refusal: null, isFault: false };
  const cause = exchange.cause();
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

/**
 * The failure of the request's body, if that is what an error is about: whoever passes a body on wraps it (Node's
 * `fetch()`), or says the same in an error of its own (Deno's).
 */
function bodyFailureIn(thrown: unknown, { body }: HttpExchange): Error | null {
  const failure = body?.failure ?? null;
  if (failure === null) return null;
  let error = thrown;
  for (let depth = 0; depth < WRAPPERS && error instanceof Error; depth++) {
    if (error === failure || error.message === failure.message) return failure;
    error = error.cause;
  }
  return null;
}

function refusalOf(error: unknown): HttpError | null {
  if (error instanceof HttpError) return error;
  return error instanceof BodyError && error.cause instanceof HttpError ? error.cause : null;
}

/** Answers for a handler that gave nothing; only after a fault of its own the connection goes on. */
export function sendFailure(exchange: HttpExchange, status: number, message: string): void {
  let lines = `content-type: text/plain; charset=utf-8\r\n`;
  if (status === 503) lines += `retry-after: ${exchange.http.service.limits.retryAfter}\r\n`;
  sendWhole(exchange, status, "", { ...noFields(), lines, close: status !== 500 }, `${message}\n`);
}
