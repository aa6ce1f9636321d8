/**
 * Addresses of clients that speak IPv4 to a socket of both versions.
 *
 * @module
 */
const MAPPED = "::ffff:";

/** An IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2) as IPv4; any other as it is. */
export function plainIp(address: string): string {
  return address.startsWith(MAPPED) && address.includes(".") ? address.slice(MAPPED.length) : address;
}
