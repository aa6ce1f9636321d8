/**
 * Who the client is behind proxies that are trusted.
 *
 * @module
 */
import { OptionError } from "../../errors.ts";
import type { Address } from "../../endpoint.ts";
import { type ForwardedElement, parseForwarded, parseXForwarded } from "./forwarded.ts";
import { parseIp, PeerSet } from "../../ip_ranges.ts";

/** What is known of the client after the proxies have been heard. */
export interface ProxyView {
  /** The client; its port is 0 where no proxy tells it. */
  readonly remote: Address;
  /** The scheme that the client used, or null if no trusted proxy says. */
  readonly scheme: "http" | "https" | null;
  /** The host that the client asked for, or null if no trusted proxy says. */
  readonly host: string | null;
}

/** `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1]:80`; a bare IPv6 address is tried before it. */
const NODE = /^(?:\[([0-9a-f:.]+)\]|([\d.]+))(?::(\d{1,5}))?$/i;
const HOST = /^(?:\[[0-9a-f:.]+\]|[0-9a-z._~!$&'()*+,;=-]+)(?::\d{1,5})?$/i;
/** The longest name of the DNS, and a port. */
const MAX_HOST_LENGTH = 259;

/**
 * The option `trustProxy`: false believes nobody; true believes every peer, and takes the first client named; a list of
 * addresses, CIDR ranges and the words `loopback`, `private` and `unix` believes those.
 *
 * `Forwarded` (RFC 7239) is preferred to `X-Forwarded-For`, `-Proto` and `-Host`. A trusted proxy must write one kind
 * and remove the other: a field that it lets through unseen is the client's own word.
 */
export class ProxyTrust {
  /** Whether anybody is trusted at all; if not, `resolve` need not be called. */
  readonly enabled: boolean;
  readonly #all: boolean;
  readonly #peers: PeerSet;

  /** @throws {OptionError} An entry is neither address, range nor word. */
  constructor(option: boolean | readonly string[] = false) {
    if (typeof option !== "boolean" && !Array.isArray(option)) {
      throw new OptionError("trustProxy", `trustProxy must be true, false or a list, got ${JSON.stringify(option)}`);
    }
    const entries: readonly string[] = typeof option === "boolean" ? [] : option;
    this.#all = option === true;
    this.#peers = new PeerSet("trustProxy", entries);
    this.enabled = this.#all || entries.length > 0;
  }

  /**
   * The client of a request: the rightmost one named that is not itself trusted. What can't be read is passed over,
   * and never throws.
   *
   * @param remote The connection's peer.
   * @param header Gives a field by its lower-case name.
   */
  resolve(remote: Address, header: (name: string) => string | null): ProxyView {
    if (!this.enabled || !this.#trusts(remote)) return { remote, scheme: null, host: null };
    const elements = elementsOf(header);
    let client = remote;
    let word: ForwardedElement | null = null;
    for (let i = elements.length - 1; i >= 0; i--) {
      word = elements[i];
      const address = parseNode(word.for);
      if (address !== null) client = address;
      // Nobody vouches for what stands left of an untrusted hop, nor of one that isn't named.
      if (!this.#all && (address === null || !this.#trusts(address))) break;
    }
    return { remote: client, scheme: parseScheme(word?.proto ?? null), host: parseHost(word?.host ?? null) };
  }

  #trusts(address: Address): boolean {
    return this.#all || this.#peers.has(address);
  }
}

function elementsOf(header: (name: string) => string | null): ForwardedElement[] {
  const forwarded = header("forwarded");
  if (forwarded !== null) return parseForwarded(forwarded);
  return parseXForwarded(header("x-forwarded-for"), header("x-forwarded-proto"), header("x-forwarded-host"));
}

/** RFC 7239, section 6; `unknown` and obfuscated names are nobody. */
function parseNode(text: string | null): Address | null {
  if (text === null) return null;
  if (text.includes(":") && parseIp(text) !== null) return tcp(text, 0);
  const match = NODE.exec(withoutHiddenPort(text));
  if (match === null) return null;
  const hostname = match[1] ?? match[2];
  const port = Number(match[3] ?? 0);
  const bracketed = match[1] !== undefined;
  if (bracketed !== hostname.includes(":") || parseIp(hostname) === null || port > 65_535) return null;
  return tcp(hostname, port);
}

/** A port may be obfuscated as well: `192.0.2.1:_x`. */
function withoutHiddenPort(text: string): string {
  return text.replace(/:_[0-9a-z._-]+$/i, "");
}

function tcp(hostname: string, port: number): Address {
  return { transport: "tcp", hostname: hostname.toLowerCase(), port };
}

function parseScheme(text: string | null): "http" | "https" | null {
  const scheme = text?.toLowerCase();
  return scheme === "http" || scheme === "https" ? scheme : null;
}

/** A value that a URL can be made with, and nothing else. */
function parseHost(text: string | null): string | null {
  if (text === null || text.length > MAX_HOST_LENGTH || !HOST.test(text)) return null;
  return URL.canParse(`http://${text}/`) ? text : null;
}
