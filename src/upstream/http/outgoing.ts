/**
 * A request on its way out: its head as text, and where its body comes from.
 *
 * @module
 */
import type { ContextParent } from "../../context/mod.ts";
import type { ResponseHead } from "../../http/client/response_head.ts";
import type { OutgoingBody } from "./outgoing_body.ts";

/** A request that was checked. */
export interface Outgoing {
  readonly method: string;
  /** As it goes into the request line. */
  readonly target: string;
  /** The Host field; null for that of the address that is asked. */
  readonly host: string | null;
  /** The other fields, each with its CRLF; framing, Expect and Upgrade are not among them. */
  readonly lines: string;
  readonly body: OutgoingBody | null;
  /** The body waits for a 100 (Continue). */
  readonly expectContinue: boolean;
  /** The protocol that is asked for; empty for none. */
  readonly upgrade: string;
  /** It may be sent twice. */
  readonly isIdempotent: boolean;
  readonly context: ContextParent | undefined;
  /** Hears of interim answers (1xx), but for a 101. */
  readonly inform: ((head: ResponseHead) => void) | null;
}

/** Methods that may be repeated without asking (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

/** Whether a request may be repeated by its method alone. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}

/** Methods whose requests say that they have no body (RFC 9110 §8.6). */
const EXPECT_BODY: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

/** The head as it goes over the wire. @param host That of the address that is asked. */
export function headOf(request: Outgoing, host: string): string {
  const { method, target, lines, upgrade } = request;
  const protocol = upgrade === "" ? "" : `connection: Upgrade\r\nupgrade: ${upgrade}\r\n`;
  const expect = request.expectContinue ? "expect: 100-continue\r\n" : "";
  const start = `${method} ${target} HTTP/1.1\r\nhost: ${request.host ?? host}\r\n`;
  return `${start}${lines}${framing(request)}${expect}${protocol}\r\n`;
}

function framing({ method, body }: Outgoing): string {
  if (body === null) return EXPECT_BODY.has(method) ? "content-length: 0\r\n" : "";
  return body.length < 0 ? "transfer-encoding: chunked\r\n" : `content-length: ${body.length}\r\n`;
}
