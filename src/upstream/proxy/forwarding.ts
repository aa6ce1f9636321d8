/**
 * What an upstream is told of the client: Forwarded (RFC 7239) or X-Forwarded-*, and Via.
 *
 * @module
 */
import type { Address } from "../../endpoint.ts";
import { isToken } from "../../http/answer/fields.ts";

/** Which fields say who the client is. */
export type ForwardedKind = "x-forwarded" | "forwarded" | "both" | "none";

/** What is known of the client. */
export interface ClientView {
  /** The client, or whom a trusted proxy names. */
  readonly remote: Address;
  /** Who has made the connection. */
  readonly peer: Address;
  readonly scheme: string;
  readonly host: string;
}

/** Fields that say who the client is: what came of them is the client's own word. */
export function isForwarding(name: string): boolean {
  return name === "forwarded" || name.startsWith("x-forwarded-") || name === "x-real-ip";
}

/** The fields, each with its CRLF. */
export function forwardingLines(kind: ForwardedKind, client: ClientView): string {
  const x = kind === "x-forwarded" || kind === "both" ? xForwarded(client) : "";
  return kind === "forwarded" || kind === "both" ? x + forwarded(client) : x;
}

/** Who is named: the client, and behind it the proxy that has named it. */
function hopsOf({ remote, peer }: ClientView): Address[] {
  return isSameHost(remote, peer) ? [remote] : [remote, peer];
}

function isSameHost(one: Address, other: Address): boolean {
  if (one.transport === "unix" || other.transport === "unix") return one.transport === other.transport;
  return one.hostname === other.hostname;
}

function xForwarded(client: ClientView): string {
  const ips = hopsOf(client).flatMap((hop) => hop.transport === "tcp" ? [plain(hop.hostname)] : []);
  const from = ips.length === 0 ? "" : `x-forwarded-for: ${ips.join(", ")}\r\n`;
  return `${from}x-forwarded-proto: ${client.scheme}\r\nx-forwarded-host: ${client.host}\r\n`;
}

function forwarded(client: ClientView): string {
  const [first, ...others] = hopsOf(client).map((hop) => `for=${node(hop)}`);
  const about = `${first};host=${quoted(client.host)};proto=${client.scheme}`;
  return `forwarded: ${[about, ...others].join(", ")}\r\n`;
}

function node(hop: Address): string {
  if (hop.transport === "unix") return "unknown";
  const ip = plain(hop.hostname);
  return ip.includes(":") ? `"[${ip}]"` : ip;
}

/** Without the name of an interface, which means nothing elsewhere, and IPv4 as such. */
function plain(ip: string): string {
  return ip.split("%")[0].replace(/^::ffff:(?=\d+\.)/i, "");
}

function quoted(host: string): string {
  return isToken(host) ? host : `"${host.replace(/["\\]/g, "\\$&")}"`;
}

/** The Via field of a request (RFC 9110 §7.6.3). @param before What came of it. */
export function viaLine(before: string | null, minor: number, name: string): string {
  return `via: ${before === null ? "" : `${before}, `}1.${minor} ${name}\r\n`;
}
