/**
 * What a chain of proxies says about a request: `Forwarded` (RFC 7239) and the older `X-Forwarded-*` fields.
 *
 * @module
 */

/** One proxy's word, as written; null for what it doesn't say. */
export interface ForwardedElement {
  /** Who sent the request to this proxy. */
  readonly for: string | null;
  /** The scheme it was made with. */
  readonly proto: string | null;
  /** The Host field as the proxy received it. */
  readonly host: string | null;
}

/** Hops that are looked at, nearest first: more than any chain of proxies, and a bound on what a client can make us parse. */
const MAX_HOPS = 64;

/** A word that can't be read says nothing. */
const NOTHING: ForwardedElement = { for: null, proto: null, host: null };

/** RFC 7239, section 4; a bare value is taken with characters that strictly need quotes, as many proxies send it. */
const PAIR = /[ \t]*([!#$%&'*+\-.^_`|~0-9a-z]+)=(?:([^\s",;=]+)|"((?:[^"\\]|\\.)*)")[ \t]*(?:;|$)/giy;

/** The nearest elements of a `Forwarded` field, in order; an element that is malformed is there, and says nothing. */
export function parseForwarded(field: string): ForwardedElement[] {
  return splitElements(field).map(parseElement);
}

/**
 * `X-Forwarded-For`, `-Proto` and `-Host` as if they were one `Forwarded` field. The lists are matched from the right:
 * the last entry of each is what the nearest proxy wrote. A list that is too short lends its first entry.
 */
export function parseXForwarded(fors: string | null, protos: string | null, hosts: string | null): ForwardedElement[] {
  const addresses = splitList(fors);
  const schemes = splitList(protos);
  const names = splitList(hosts);
  if (addresses.length === 0) {
    const [proto = null, host = null] = [schemes.at(-1), names.at(-1)];
    return proto === null && host === null ? [] : [{ for: null, proto, host }];
  }
  return addresses.map((address, i) => {
    const behind = addresses.length - i;
    return { for: address, proto: fromRight(schemes, behind), host: fromRight(names, behind) };
  });
}

function splitList(field: string | null): string[] {
  if (field === null) return [];
  return field.split(",").map((entry) => entry.trim()).filter((entry) => entry !== "").slice(-MAX_HOPS);
}

function fromRight(list: readonly string[], count: number): string | null {
  return list[Math.max(0, list.length - count)] ?? null;
}

/**
 * Splits at commas outside quotes. It reads from the right, where the nearest proxies write: what a client put
 * in front, a quote without an end above all, can't swallow their elements.
 */
function splitElements(field: string): string[] {
  const elements: string[] = [];
  let end = field.length;
  let quoted = false;
  for (let i = field.length - 1; i >= 0 && elements.length < MAX_HOPS; i--) {
    const char = field[i];
    if (char === '"') quoted = quoted ? isEscaped(field, i) : true;
    else if (char === "," && !quoted) {
      elements.push(field.slice(i + 1, end));
      end = i;
    }
  }
  if (elements.length < MAX_HOPS) elements.push(field.slice(0, end));
  return elements.reverse().filter((element) => element.trim() !== "");
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (at - backslashes > 0 && text[at - backslashes - 1] === "\\") backslashes++;
  return backslashes % 2 === 1;
}

function parseElement(text: string): ForwardedElement {
  const pairs = new Map<string, string>();
  for (PAIR.lastIndex = 0; PAIR.lastIndex < text.length;) {
    const match = PAIR.exec(text);
    if (match === null) return NOTHING;
    const name = match[1].toLowerCase();
    if (pairs.has(name)) return NOTHING;
    pairs.set(name, match[2] ?? match[3].replace(/\\(.)/g, "$1"));
  }
  return { for: pairs.get("for") ?? null, proto: pairs.get("proto") ?? null, host: pairs.get("host") ?? null };
}
