/**
 * The errors of HTTP: {@linkcode HttpError}, a client broke the protocol, {@linkcode BodyError}, what the reader of a
 * body gets, and {@linkcode ResponseError}, a server broke the protocol.
 *
 * @module
 */

import { SluiceError } from "../errors.ts";

/** Why a request was refused: one word for counters and logs. */
export type RefusalReason =
  | "badMethod"
  | "methodTooLong"
  | "badRequestLine"
  | "badTarget"
  | "targetTooLong"
  | "unsupportedVersion"
  | "bareCr"
  | "bareLf"
  | "headTooLarge"
  | "tooManyHeaders"
  | "obsFold"
  | "emptyFieldName"
  | "badFieldName"
  | "spaceBeforeColon"
  | "missingColon"
  | "badFieldValue"
  | "missingHost"
  | "repeatedHost"
  | "badHost"
  | "badContentLength"
  | "repeatedContentLength"
  | "lengthWithTransferEncoding"
  | "badTransferEncoding"
  | "repeatedTransferEncoding"
  | "transferEncodingInHttp10"
  | "unknownTransferCoding"
  | "connectWithBody"
  | "connectNotServed"
  | "unknownExpectation"
  | "bodyTooLarge"
  | "badChunkSize"
  | "badChunkExtension"
  | "chunkExtensionsTooLarge"
  | "badChunkEnd"
  | "trailersTooLarge"
  | "tooManyTrailers"
  | "headTimeout"
  | "bodyTimeout"
  | "overload"
  | "queueFull"
  | "queueTimeout"
  | "draining";

/** What a refusal is answered with, and what is said about it. */
interface Refusal {
  readonly status: number;
  readonly message: string;
}

const REFUSALS: Readonly<Record<RefusalReason, Refusal>> = {
  badMethod: { status: 400, message: "The method is not a token" },
  methodTooLong: { status: 501, message: "The method is longer than any known one" },
  badRequestLine: { status: 400, message: "The request line is not `method SP target SP version CRLF`" },
  badTarget: { status: 400, message: "The request target is in no form that its method allows" },
  targetTooLong: { status: 414, message: "The request target is longer than maxTargetBytes" },
  unsupportedVersion: { status: 505, message: "Only HTTP/1.0 and HTTP/1.1 are spoken here" },
  bareCr: { status: 400, message: "A CR is not followed by LF" },
  bareLf: { status: 400, message: "An LF is not preceded by CR" },
  headTooLarge: { status: 431, message: "The head is longer than maxHeadBytes" },
  tooManyHeaders: { status: 431, message: "There are more fields than maxHeaders" },
  obsFold: { status: 400, message: "A field line begins with whitespace" },
  emptyFieldName: { status: 400, message: "A field has no name" },
  badFieldName: { status: 400, message: "A field's name is not a token" },
  spaceBeforeColon: { status: 400, message: "There is whitespace between a field's name and its colon" },
  missingColon: { status: 400, message: "A field line has no colon" },
  badFieldValue: { status: 400, message: "A field's value has a control character" },
  missingHost: { status: 400, message: "An HTTP/1.1 request needs Host" },
  repeatedHost: { status: 400, message: "Host is there more than once" },
  badHost: { status: 400, message: "Host is not `host[:port]`" },
  badContentLength: { status: 400, message: "Content-Length is not one decimal number" },
  repeatedContentLength: { status: 400, message: "Content-Length is there more than once" },
  lengthWithTransferEncoding: { status: 400, message: "Content-Length and Transfer-Encoding are both there" },
  badTransferEncoding: { status: 400, message: "Transfer-Encoding is not `chunked`" },
  repeatedTransferEncoding: { status: 400, message: "Transfer-Encoding is there more than once" },
  transferEncodingInHttp10: { status: 400, message: "HTTP/1.0 has no Transfer-Encoding" },
  unknownTransferCoding: { status: 501, message: "The only transfer coding spoken here is `chunked`" },
  connectWithBody: { status: 400, message: "CONNECT has no body" },
  connectNotServed: { status: 405, message: "No tunnels are served here" },
  unknownExpectation: { status: 417, message: "The only expectation met here is `100-continue`" },
  bodyTooLarge: { status: 413, message: "The body is larger than maxBodyBytes" },
  badChunkSize: { status: 400, message: "A chunk's size is not 1 to 16 hexadecimal digits" },
  badChunkExtension: { status: 400, message: "A chunk's extension has a control character" },
  chunkExtensionsTooLarge: { status: 400, message: "The chunk extensions are too large" },
  badChunkEnd: { status: 400, message: "A chunk's data is not followed by CRLF" },
  trailersTooLarge: { status: 431, message: "The trailer section is too large" },
  tooManyTrailers: { status: 431, message: "There are too many trailer fields" },
  headTimeout: { status: 408, message: "The head did not arrive in time" },
  bodyTimeout: { status: 408, message: "The body did not arrive in time" },
  overload: { status: 503, message: "The server is at its limit" },
  queueFull: { status: 503, message: "Too many requests are waiting" },
  queueTimeout: { status: 503, message: "The request waited too long for its turn" },
  draining: { status: 503, message: "The server is shutting down" },
};

/** Every {@linkcode RefusalReason}, to make counters from. */
export const REFUSAL_REASONS: readonly RefusalReason[] = Object.keys(REFUSALS) as RefusalReason[];

/** The peer broke the protocol or a limit: answer with `status` and close; `code` is `ERR_HTTP_` and the reason. */
export class HttpError extends SluiceError {
  /** The status code to answer with. */
  readonly status: number;
  /** Why. */
  readonly reason: RefusalReason;

  /** Builds the error for a reason; the status and the message follow from it. */
  constructor(reason: RefusalReason, options?: ErrorOptions) {
    const refusal = REFUSALS[reason];
    super("ERR_HTTP_" + reason.replace(/[A-Z]/g, "_$&").toUpperCase(), refusal.message, options);
    this.status = refusal.status;
    this.reason = reason;
  }
}

/** A request's body ended before its time: the client has gone, it was too large, or too slow, or `ctx.signal` has aborted; `cause` says more. */
export class BodyError extends SluiceError {
  /** Builds the error. */
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_HTTP_BODY", message, options);
  }
}

/** A response breaks HTTP/1.1 or ends before its time: the connection is of no more use. */
export class ResponseError extends SluiceError {
  /** It was right as far as it came; the end came too early. */
  readonly truncated: boolean;

  /** Builds the error. */
  constructor(message: string, truncated = false, options?: ErrorOptions) {
    super("ERR_RESPONSE", message, options);
    this.truncated = truncated;
  }
}
