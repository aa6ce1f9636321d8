/**
 * The seam at which another protocol takes a connection over (RFC 9110 §7.8): it is handed over with its unread bytes
 * behind an answer of status 101, and stays in the drain.
 *
 * @module
 */
import { fieldsOf, isAscii, latin1 } from "../answer/fields.ts";
import { reply } from "../answer/reply.ts";
import { statusLine } from "../answer/status.ts";
import { UpgradeResponse } from "../answer/upgrade_response.ts";
import type { Connection } from "../../server/conn/connection.ts";
import { HttpError } from "../http_errors.ts";
import { sourceOf } from "../request/request.ts";
import { HttpExchange } from "./exchange.ts";
import type { Takeover } from "./takeover.ts";

const SWITCHING_PROTOCOLS = 101;

/** What an answer of this server decides for itself; a 101 has no body. */
const OWN = ["connection", "upgrade", "content-type"];

/** The protocol that a request asked for, and that is willing. */
export interface NextProtocol {
  /** Its name. */
  readonly name: string;
  /** Fields of the 101, each with its CRLF: what middleware adds or takes away doesn't change them. */
  readonly lines: string;
  /** The same for fields that middleware may change. */
  readonly extra: string;
  /** Names of the first, in lower case. */
  readonly owns: readonly string[];
  /** The one of them by which a copy of the answer is known: its value is this answer's alone. */
  readonly proof: readonly [name: string, value: string];
  /**
   * Makes itself ready, takes the connection by `handOver`, behind whose 101 it may write at once, and gives what begins
   * to speak it, and tells when that is over. Whatever throws before `handOver` is answered like any failure of a handler.
   */
  take(handOver: () => Connection): (takeover: Takeover) => void;
}

/** The exchange of a request that the handler of a server was given; undefined of any other. */
export function exchangeOf(request: Request): HttpExchange | undefined {
  const source = sourceOf(request);
  return source instanceof HttpExchange ? source : undefined;
}

/** A drain lets nobody begin: the answer then, and null otherwise. */
export function refusalInDrain(exchange: HttpExchange): Response | null {
  return isTooLate(exchange) ? unavailable(exchange) : null;
}

/**
 * A successor on the same socket refuses nobody, and neither does who is succeeded: who was accepted here begins, and is
 * told goodbye at its first quiet moment (issue 14).
 */
function isTooLate({ http: { conn, service } }: HttpExchange): boolean {
  return conn.isDraining && service.server.adapter?.parent?.isSucceeded !== true;
}

/** The answer that begins the protocol as soon as the handler returns it, or a copy of it. */
export function switchingTo(protocol: NextProtocol, exchange: HttpExchange): Response {
  const made = new UpgradeResponse(protocol.lines + protocol.extra);
  const response = made as unknown as Response;
  const [name, value] = protocol.proof;
  // It is called in the context of this moment, as if it were called here.
  const isolated = exchange.http.service.server.adapter!.isolate?.() ?? ((run, given) => run(given));
  exchange.upgrading = {
    takes: (given) => given === response || given?.headers?.get?.(name) === value,
    begin: (given) => {
      if (isTooLate(exchange)) return false;
      const isAsMade = given === response && !made.isTouched;
      const extra = isAsMade ? protocol.extra : extraLines(given.headers, protocol.owns);
      // Not isolated: what is begun here, timers too, is the server's and not this request's.
      const serve = protocol.take(() => handOver(exchange, protocol, extra));
      isolated(serve, exchange.http.switched(exchange));
      return true;
    },
    unavailable: () => unavailable(exchange),
  };
  return response;
}

function handOver(exchange: HttpExchange, { name, lines }: NextProtocol, extra: string): Connection {
  const conn = exchange.switch();
  exchange.upgrade = name;
  // Begun in the lame duck, it is asked to finish when that is over, though its connection was asked already.
  if (exchange.http.service.server.isLameDuck) conn.ctx!.endDraining();
  const text = `${statusLine(SWITCHING_PROTOCOLS)}${lines}${extra}\r\n`;
  void conn.write(isAscii(text) ? text : latin1(text));
  return conn;
}

function unavailable({ http: { service } }: HttpExchange): Response {
  const error = new HttpError("draining");
  service.refused(error);
  const headers = { "retry-after": String(service.limits.retryAfter) };
  return reply(`${error.message}\n`, { status: error.status, headers });
}

/** The fields besides the handshake's, middleware's too. @throws {TypeError} One can't stand in a head. */
function extraLines(headers: Headers, owns: readonly string[]): string {
  const rest = new Headers(headers);
  for (const name of [...OWN, ...owns]) rest.delete(name);
  return fieldsOf(rest).lines;
}
