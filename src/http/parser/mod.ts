/**
 * The sans-IO parser of HTTP/1.1 requests (RFC 9112, RFC 9110): bytes in, heads and body parts out.
 *
 * @module
 */

export type { ParserLimits } from "./limits.ts";
export { END, type ParserEvent, RequestParser } from "./parser.ts";
export { RequestHead, type TargetForm } from "./request_head.ts";
