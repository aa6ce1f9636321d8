/**
 * Trailer fields (RFC 9110 §6.5): those that could change how the request is understood are dropped.
 *
 * @module
 */

import { readFields } from "./field_text.ts";

/** Framing, routing, authentication, conditions, and the form of the content (RFC 9110 §6.5.1). */
const FORBIDDEN: ReadonlySet<string> = new Set((
  "content-length transfer-encoding trailer te host connection keep-alive upgrade expect max-forwards " +
  "proxy-connection authorization proxy-authorization cookie set-cookie forwarded x-forwarded-for x-forwarded-host " +
  "x-forwarded-proto if-match if-none-match if-modified-since if-unmodified-since if-range range cache-control pragma " +
  "content-encoding content-type content-range"
).split(" "));

/** The trailer fields from `start` to the empty line, names in lower case; null if none is left. */
export function readTrailers(bytes: Uint8Array, start: number): [lowerCaseName: string, value: string][] | null {
  const fields = readFields(bytes, start).filter(([name]) => !FORBIDDEN.has(name));
  return fields.length === 0 ? null : fields;
}
