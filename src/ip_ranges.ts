/**
 * Ranges of IP addresses in CIDR notation (RFC 4632, RFC 4291), and which addresses lie in them.
 *
 * @module
 */
import type { Address } from "./endpoint.ts";
import { parseIpv6 } from "./address.ts";
import { OptionError } from "./errors.ts";

/** The eight groups of an IPv6 address; an IPv4 address is mapped into `::ffff:0:0/96`. */
export type IpGroups = readonly number[];

/** Addresses whose first `bits` bits are those of `groups`. */
export interface IpRange {
  /** The range's first address. */
  readonly groups: IpGroups;
  /** Length of the prefix, counted in IPv6. */
  readonly bits: number;
}

const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const IPV6 = /^[0-9a-f:]+(?::\d[\d.]*)?$/i;
const PREFIX = /^(?:0|[1-9]\d{0,2})$/;
/** Bits before the IPv4 part of a mapped address. */
const MAPPED_BITS = 96;

/** An address in strict notation, without zone or brackets; null if it is none. */
export function parseIp(text: string): IpGroups | null {
  if (IPV4.test(text)) return mapped(text);
  if (!text.includes(":") || !IPV6.test(text)) return null;
  const dotted = text.includes(".") ? text.slice(text.lastIndexOf(":") + 1) : null;
  return dotted !== null && !IPV4.test(dotted) ? null : parseIpv6(text);
}

/** An address, or an address with `/` and the prefix's length; null if it is neither. */
export function parseIpRange(text: string): IpRange | null {
  const slash = text.indexOf("/");
  const groups = parseIp(slash < 0 ? text : text.slice(0, slash));
  if (groups === null) return null;
  if (slash < 0) return { groups, bits: 128 };
  const prefix = text.slice(slash + 1);
  if (!PREFIX.test(prefix)) return null;
  const bits = Number(prefix) + (text.includes(":") ? 0 : MAPPED_BITS);
  return bits > 128 ? null : { groups, bits };
}

/** Whether an address lies in a range. A range of IPv6 holds no IPv4 address, unless it lies in the mapped part. */
export function inRange(address: IpGroups, range: IpRange): boolean {
  if (range.bits < MAPPED_BITS && isMapped(address)) return false;
  for (let i = 0, bits = range.bits; bits > 0; i++, bits -= 16) {
    const mask = bits >= 16 ? 0xffff : 0xffff << (16 - bits) & 0xffff;
    if (((address[i] ^ range.groups[i]) & mask) !== 0) return false;
  }
  return true;
}

/** Whether it is an IPv4 address. */
export function isMapped(groups: IpGroups): boolean {
  return groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
}

function mapped(text: string): IpGroups {
  const [a, b, c, d] = text.split(".").map(Number);
  return [0, 0, 0, 0, 0, 0xffff, a * 256 + b, c * 256 + d];
}

/** Words for ranges: loopback; private networks of RFC 1918 and RFC 4193. `unix` is every peer on a Unix socket. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  loopback: ["127.0.0.0/8", "::1"],
  private: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
  unix: [],
};

/** Peers that an option names: by addresses, CIDR ranges and the words `loopback`, `private` and `unix`. */
export class PeerSet {
  readonly #unix: boolean;
  readonly #ranges: readonly IpRange[];

  /**
   * @param option The option's name, for the error.
   * @throws {OptionError} An entry is neither address, range nor word.
   */
  constructor(option: string, entries: readonly string[]) {
    this.#unix = entries.includes("unix");
    this.#ranges = entries.flatMap((entry) => rangesOf(option, entry));
  }

  /** Whether the peer at this address is one of them. */
  has(address: Address): boolean {
    if (address.transport === "unix") return this.#unix;
    const groups = parseIp(address.hostname.split("%")[0]);
    return groups !== null && this.#ranges.some((range) => inRange(groups, range));
  }
}

function rangesOf(option: string, entry: string): IpRange[] {
  const texts = typeof entry === "string" && Object.hasOwn(WORDS, entry) ? WORDS[entry] : [entry];
  return texts.map((text) => {
    const range = typeof text === "string" ? parseIpRange(text) : null;
    if (range !== null) return range;
    throw new OptionError(
      option,
      `${option} takes addresses, CIDR ranges and ${Object.keys(WORDS).join(", ")}, got ${JSON.stringify(entry)}`,
    );
  });
}
