/**
 * Origins (RFC 6454): which pages may connect.
 *
 * @module
 */
import { OptionError } from "../../errors.ts";
import { kindOf } from "../fields.ts";

/** Scheme, host and port, if any; no path, no wildcard. */
const ORIGIN = /^([a-z][a-z0-9+.-]*):\/\/(\[[0-9a-f:.]+\]|[^\s/?#@:\[\]\\,;*%"']+)(?::(\d{1,5}))?$/i;

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: "80", https: "443" };

/** Which origins are let in: all, those of the request's own host (null), or those listed, in canonical form. */
export type OriginRule = "*" | null | ReadonlySet<string>;

/** Checks `allowedOrigins`. @throws {OptionError} Something in it is not an origin. */
export function originRule(allowed: unknown): OriginRule {
  if (allowed === undefined) return null;
  if (allowed === "*") return "*";
  if (!Array.isArray(allowed)) {
    const example = 'a list such as ["https://app.example"], or "*" for all';
    throw new OptionError("allowedOrigins", `allowedOrigins must be ${example}, got ${kindOf(allowed)}`);
  }
  return new Set(allowed.map(listedOrigin));
}

/** Checks the Origin that a client sends. @throws {OptionError} It is none. */
export function ownOrigin(origin: unknown): string {
  if (origin === "null" || (typeof origin === "string" && canonicalOrigin(origin) !== null && isAscii(origin))) {
    return origin;
  }
  throw notAnOrigin("origin is", origin, "is no origin");
}

/** Whether a page of this origin may connect to `host`. */
export function isAllowedOrigin(origin: string, rule: OriginRule, host: string): boolean {
  if (rule === "*") return true;
  if (rule === null) return isOwnHost(origin, host);
  if (rule.has(origin)) return true;
  const canonical = canonicalOrigin(origin);
  return canonical !== null && rule.has(canonical);
}

/**
 * Whether the page came from the host that it now connects to. Schemes are not compared: behind a proxy that ends TLS
 * the server sees plain HTTP. The same host on another port is another origin.
 */
function isOwnHost(origin: string, host: string): boolean {
  const parts = ORIGIN.exec(origin);
  const usual = parts === null ? undefined : DEFAULT_PORTS[parts[1].toLowerCase()];
  if (parts === null || usual === undefined) return false;
  const [name, port = usual] = [parts[2].toLowerCase(), parts[3]];
  const target = host.toLowerCase();
  return target === `${name}:${port}` || (target === name && port === usual);
}

/** In lower case and without the scheme's own port; null if it is no origin. */
function canonicalOrigin(origin: string): string | null {
  const parts = ORIGIN.exec(origin);
  if (parts === null) return null;
  const scheme = parts[1].toLowerCase();
  const port = parts[3] === undefined || parts[3] === DEFAULT_PORTS[scheme] ? "" : `:${parts[3]}`;
  return `${scheme}://${parts[2].toLowerCase()}${port}`;
}

/** What of a list a request's Origin is compared with. */
function listedOrigin(entry: unknown): string {
  if (entry === "null") return entry;
  if (entry === "*") {
    throw new OptionError("allowedOrigins", 'allowedOrigins has "*" in its list: give "*" alone to let all in');
  }
  const canonical = typeof entry === "string" ? canonicalOrigin(entry) : null;
  if (canonical === null) throw notAnOrigin("allowedOrigins has", entry, "is no origin");
  const scheme = canonical.slice(0, canonical.indexOf(":"));
  if (scheme === "ws" || scheme === "wss") {
    throw notAnOrigin("allowedOrigins has", entry, "is the address of a WebSocket, not of a page");
  }
  return DEFAULT_PORTS[scheme] === undefined ? canonical : webOrigin(entry as string);
}

/** As a browser writes it: names beyond ASCII in Punycode. */
function webOrigin(entry: string): string {
  try {
    return new URL(entry).origin;
  } catch (cause) {
    throw notAnOrigin("allowedOrigins has", entry, "is no origin", cause);
  }
}

function isAscii(text: string): boolean {
  return /^[\x21-\x7e]*$/.test(text);
}

function notAnOrigin(subject: string, value: unknown, problem: string, cause?: unknown): OptionError {
  const hint = 'give scheme, host and port alone, such as "https://app.example" or "http://localhost:3000"';
  const [option] = subject.split(" ");
  return new OptionError(option, `${subject} ${kindOf(value)}, which ${problem}: ${hint}`, { cause });
}
