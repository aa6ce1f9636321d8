/**
 * Which fields go on, and which are for one connection alone (RFC 9110 §7.6.1).
 *
 * @module
 */

/** For one connection, whatever Connection says. */
const HOP_BY_HOP: ReadonlySet<string> = new Set((
  "connection keep-alive proxy-connection proxy-authenticate proxy-authorization proxy-authentication-info te " +
  "transfer-encoding upgrade http2-settings"
).split(" "));

const NONE: ReadonlySet<string> = new Set();

/** The names in a Connection field, in lower case. */
export function namedBy(connection: string | null): ReadonlySet<string> {
  if (connection === null) return NONE;
  const names = connection.toLowerCase().split(",").map((name) => name.trim()).filter((name) => name !== "");
  return names.length === 0 ? NONE : new Set(names);
}

/** Whether a field is for this connection alone. @param named Those that the Connection field names. */
export function isHopByHop(name: string, named: ReadonlySet<string>): boolean {
  return HOP_BY_HOP.has(name) || named.has(name);
}

/** Trailer fields as lines, each with its CRLF: those that text can carry. */
export function trailerLines(trailers: Iterable<readonly [string, string]> | null): string {
  let lines = "";
  for (const [name, value] of trailers ?? []) {
    // Trailers go out as text behind the last chunk; what is not ASCII would be other bytes there.
    if (/^[\t\x20-\x7e]*$/.test(value) && !HOP_BY_HOP.has(name)) lines += `${name}: ${value}\r\n`;
  }
  return lines;
}
