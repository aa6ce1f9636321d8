/**
 * IP addresses as text: which are the same, and which belong together.
 *
 * @module
 */
import type { Address } from "./endpoint.ts";
import type { Adapter } from "./platform.ts";

const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0xffff];

/** The eight groups of an IPv6 address, or null if it is none (RFC 4291, section 2.2). */
export function parseIpv6(text: string): number[] | null {
  const address = text.split("%")[0];
  const halves = address.split("::");
  if (halves.length > 2) return null;
  const head = groupsOf(halves[0]);
  const tail = halves.length === 2 ? groupsOf(halves[1]) : [];
  if (head === null || tail === null) return null;
  const gap = 8 - head.length - tail.length;
  if (halves.length === 2 ? gap < 1 : gap !== 0) return null;
  return [...head, ...new Array<number>(gap).fill(0), ...tail];
}

function groupsOf(text: string): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  for (const part of text.split(":")) {
    if (part.includes(".")) {
      const bytes = part.split(".").map(Number);
      if (bytes.length !== 4 || bytes.some((byte) => !(byte >= 0 && byte <= 255))) return null;
      groups.push(bytes[0] * 256 + bytes[1], bytes[2] * 256 + bytes[3]);
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(part)) return null;
      groups.push(parseInt(part, 16));
    }
  }
  return groups;
}

/** An address in one spelling: IPv4-mapped IPv6 as IPv4, other IPv6 with all its groups. */
export function normalizeIp(hostname: string): string {
  return keyOfIp(hostname, 128);
}

/**
 * What counts as one peer.
 *
 * @param ipv6Prefix Bits of an IPv6 address that tell peers apart: 64 for a household, 128 for every address.
 */
export function addressKey(address: Address, ipv6Prefix: number): string {
  return address.transport === "unix" ? "unix" : keyOfIp(address.hostname, ipv6Prefix);
}

function keyOfIp(hostname: string, prefix: number): string {
  if (!hostname.includes(":")) return hostname;
  const groups = parseIpv6(hostname);
  if (groups === null) return hostname;
  if (MAPPED_PREFIX.every((group, i) => groups[i] === group)) {
    return `${groups[6] >> 8}.${groups[6] & 255}.${groups[7] >> 8}.${groups[7] & 255}`;
  }
  return groups.map((group, i) => {
    const bits = Math.min(16, Math.max(0, prefix - i * 16));
    return (group & (0xffff << (16 - bits)) & 0xffff).toString(16);
  }).join(":");
}

/** An address for people. */
export function formatAddress(address: Address): string {
  if (address.transport === "unix") return `unix:${address.path}`;
  if (address.hostname === "") return "unknown";
  return address.hostname.includes(":")
    ? `[${address.hostname}]:${address.port}`
    : `${address.hostname}:${address.port}`;
}

/** An address as a URL that a client on this machine can use: one that stands for all addresses is no destination. */
export function urlOf(address: Address, scheme: string): string {
  if (address.transport === "unix") return formatAddress(address);
  const everywhere = address.hostname === "0.0.0.0" || address.hostname === "::";
  const place = everywhere ? `localhost:${address.port}` : formatAddress(address);
  return `${scheme}://${place}${scheme.startsWith("http") ? "/" : ""}`;
}

/** How many connections wait in the kernel to be accepted at these addresses; null if it can't be told. */
export function queuedAt(adapter: Adapter, addresses: readonly Address[]): number | null {
  let sum: number | null = null;
  for (const address of addresses) {
    const waiting = adapter.acceptQueue(address);
    if (waiting !== null) sum = (sum ?? 0) + waiting;
  }
  return sum;
}
