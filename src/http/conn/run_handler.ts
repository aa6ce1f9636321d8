/**
 * Calls the handler, and follows what it gives to its end.
 *
 * @module
 */
import type { HttpExchange } from "./exchange.ts";
import { runWithin, surround } from "./observed.ts";
import { LazyRequest } from "../request/request.ts";
import type { HttpResult } from "../http_api.ts";

/** Who is told how it went. */
export interface HandlerOutcome {
  /** The handler gave an answer. */
  answered(exchange: HttpExchange, result: HttpResult): void;
  /** The handler threw. */
  failed(exchange: HttpExchange, error: unknown): void;
  /** The handler has taken the connection, and keeps it until `handling` settles. */
  attend(exchange: HttpExchange, handling: Promise<unknown>): void;
  /** Does something that no data of the connection began. */
  outside(step: () => void): void;
}

/** Runs the handler of `exchange`; a handler that answers at once costs no promise. */
export function runHandler(exchange: HttpExchange, to: HandlerOutcome): void {
  const { service } = exchange.http;
  exchange.place = null;
  exchange.running = true;
  service.active++;
  let result: HttpResult | Promise<HttpResult>;
  try {
    result = service.server.isolated(
      exchange.heard !== null && surround(exchange.heard) ? callObserved : callHandler,
      exchange,
    );
  } catch (error) {
    return exchange.state === "handed" ? to.attend(exchange, Promise.reject(error)) : to.failed(exchange, error);
  }
  if (exchange.state === "handed") return to.attend(exchange, Promise.resolve(result));
  if (!isPromise(result)) return to.answered(exchange, result);
  exchange.handling = result;
  const settled = (tell: () => void): void => {
    exchange.handling = null;
    if (exchange.state === "handed") return;
    try {
      to.outside(tell);
    } catch (error) {
      exchange.http.conn.abort(error);
    }
  };
  result.then(
    (response) => settled(() => to.answered(exchange, response)),
    (error) => settled(() => to.failed(exchange, error)),
  );
}

function callHandler(exchange: HttpExchange): HttpResult | Promise<HttpResult> {
  const { service } = exchange.http;
  const handler = exchange.head.isConnect ? service.onConnect! : service.handler;
  return handler(new LazyRequest(exchange) as unknown as Request, exchange, exchange);
}

/** Who observes it may want to be around its handler. */
function callObserved(exchange: HttpExchange): HttpResult | Promise<HttpResult> {
  return runWithin(exchange, exchange.heard!, exchange.http.service.observers, () => callHandler(exchange));
}

function isPromise(value: HttpResult | Promise<HttpResult>): value is Promise<HttpResult> {
  return typeof (value as Promise<HttpResult> | null | undefined)?.then === "function";
}
