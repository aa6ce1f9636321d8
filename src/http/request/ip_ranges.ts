/**
 * Ranges of IP addresses in CIDR notation (RFC 4632, RFC 4291), and which addresses lie in them.
 *
 * @module
 */
import { parseIpv6 } from "../../address.ts";

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

function isMapped(groups: IpGroups): boolean {
  return groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
}

function mapped(text: string): IpGroups {
  const [a, b, c, d] = text.split(".").map(Number);
  return [0, 0, 0, 0, 0, 0xffff, a * 256 + b, c * 256 + d];
}
