/**
 * Writes PROXY headers, for clients that speak for others.
 *
 * @module
 */
import { bytesOf, concat } from "../../bytes.ts";
import type { Address, UnixAddress } from "../../endpoint.ts";
import { OptionError } from "../../errors.ts";
import { type IpGroups, isMapped, parseIp } from "../../ip_ranges.ts";
import { checkNames, type Names } from "../../names.ts";
import type { ProxySendOptions, ProxyTlv } from "../../proxied.ts";
import { integer, oneOf, yesOrNo } from "../../validate.ts";
import { crc32c } from "../../crc32c.ts";
import { formatIp } from "./format_ip.ts";
import { FAMILY, FIXED_LENGTH, SIGNATURE, TLV, UNIX_PATH, viewOf } from "./header.ts";
import { MAX_LENGTH } from "./v2.ts";

const NAMES: Names<ProxySendOptions> = {
  version: true,
  command: true,
  source: true,
  destination: true,
  tlvs: true,
  checksum: true,
};
const TLV_NAMES: Names<ProxyTlv> = { type: true, value: true };

const VERSION_2 = 0x20;
const PROXY = 1;
const STREAM = 1;
/** What goes before a checksum: type and length. */
const CHECKSUM = [TLV.crc32c, 0, 4];
/** Both addresses as paths, and a checksum: what is left is for TLVs. */
const MOST_TLVS = MAX_LENGTH - 2 * UNIX_PATH - 7;

/** Gives the header for a connection between these ends. */
export type HeaderWriter = (local: Address, remote: Address) => Uint8Array;

/** What goes into a header, checked. */
interface Checked {
  readonly version: 1 | 2;
  readonly isLocal: boolean;
  readonly source: Address | undefined;
  readonly destination: Address | undefined;
  readonly tlvs: Uint8Array;
  readonly checksum: boolean;
}

/** @throws {OptionError} An option can't be used. */
export function headerWriter(options: ProxySendOptions | true): HeaderWriter {
  const checked = check(options === true ? {} : options);
  return (local, remote) => {
    const source = checked.source ?? local;
    const destination = checked.destination ?? remote;
    return checked.version === 1 ? line(checked, source, destination) : binary(checked, source, destination);
  };
}

function check(options: ProxySendOptions): Checked {
  checkNames("proxyProtocol", options, NAMES);
  const version = integer("proxyProtocol.version", options.version, 2, 1, 2) as 1 | 2;
  const tlvs = options.tlvs ?? [];
  if (!Array.isArray(tlvs)) {
    throw new OptionError("proxyProtocol.tlvs", `proxyProtocol.tlvs must be a list, got ${String(tlvs)}`);
  }
  const checksum = yesOrNo("proxyProtocol.checksum", options.checksum, false);
  if (version === 1 && (tlvs.length > 0 || checksum)) {
    const name = checksum ? "checksum" : "tlvs";
    throw new OptionError(`proxyProtocol.${name}`, `proxyProtocol.${name} needs version 2, got version 1`);
  }
  return {
    version,
    isLocal: oneOf("proxyProtocol.command", options.command, "proxy", ["proxy", "local"]) === "local",
    source: checkAddress("source", options.source),
    destination: checkAddress("destination", options.destination),
    tlvs: encodeTlvs(tlvs),
    checksum,
  };
}

function checkAddress(name: "source" | "destination", address: Address | undefined): Address | undefined {
  if (address === undefined) return undefined;
  const option = `proxyProtocol.${name}`;
  if (address?.transport === "unix") {
    if (new TextEncoder().encode(address.path).length <= UNIX_PATH) return address;
    throw new OptionError(
      option,
      `${option} has a path of more than ${UNIX_PATH} bytes, ${JSON.stringify(address.path)}`,
    );
  }
  if (address?.transport === "tcp" && ipOf(address) !== null) {
    integer(`${option}.port`, address.port, 0, 0, 65_535);
    return address;
  }
  throw new OptionError(option, `${option} must be an address with an IP address, got ${JSON.stringify(address)}`);
}

function encodeTlvs(tlvs: readonly ProxyTlv[]): Uint8Array {
  const pieces = tlvs.flatMap((tlv) => {
    checkNames("proxyProtocol.tlvs", tlv, TLV_NAMES);
    const type = integer("proxyProtocol.tlvs.type", tlv.type, -1, 0, 255);
    const value = bytesOf(tlv.value, "proxyProtocol.tlvs.value");
    return [Uint8Array.of(type, value.length >> 8, value.length & 255), value];
  });
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (size <= MOST_TLVS) return concat(pieces, size);
  throw new OptionError(
    "proxyProtocol.tlvs",
    `proxyProtocol.tlvs must have ${MOST_TLVS} bytes at the most, got ${size}`,
  );
}

function line({ isLocal }: Checked, source: Address, destination: Address): Uint8Array {
  const [from, to] = [ipOf(source), ipOf(destination)];
  const text =
    isLocal || from === null || to === null || source.transport === "unix" || destination.transport === "unix"
      ? "UNKNOWN"
      : `${tcpWords(from, to)} ${source.port} ${destination.port}`;
  return new TextEncoder().encode(`PROXY ${text}\r\n`);
}

/** Both in one version of IP: an IPv4 address beside one of IPv6 is mapped. */
function tcpWords(from: IpGroups, to: IpGroups): string {
  const isOld = isMapped(from) && isMapped(to);
  const word = (ip: IpGroups) => isOld || !isMapped(ip) ? formatIp(ip) : `::ffff:${formatIp(ip)}`;
  return `${isOld ? "TCP4" : "TCP6"} ${word(from)} ${word(to)}`;
}

function binary(checked: Checked, source: Address, destination: Address): Uint8Array {
  const [family, addresses] = checked.isLocal ? [FAMILY.unspecified, EMPTY] as const : pack(source, destination);
  const tlvs = checked.isLocal ? EMPTY : checked.tlvs;
  const withSum = checked.checksum && !checked.isLocal;
  const length = addresses.length + tlvs.length + (withSum ? CHECKSUM.length + 4 : 0);
  const header = new Uint8Array(FIXED_LENGTH + length);
  header.set(SIGNATURE);
  header[12] = VERSION_2 | (checked.isLocal ? 0 : PROXY);
  header[13] = family === FAMILY.unspecified ? 0 : family << 4 | STREAM;
  const view = viewOf(header);
  view.setUint16(14, length);
  header.set(addresses, FIXED_LENGTH);
  header.set(tlvs, FIXED_LENGTH + addresses.length);
  if (withSum) {
    header.set(CHECKSUM, header.length - 7);
    view.setUint32(header.length - 4, crc32c(header));
  }
  return header;
}

const EMPTY = new Uint8Array(0);

function pack(source: Address, destination: Address): readonly [family: number, addresses: Uint8Array] {
  if (source.transport === "unix" && destination.transport === "unix") {
    return [FAMILY.unix, concat([packUnix(source), packUnix(destination)])];
  }
  const [from, to] = [ipOf(source), ipOf(destination)];
  if (from === null || to === null || source.transport === "unix" || destination.transport === "unix") {
    return [FAMILY.unspecified, EMPTY];
  }
  // The last two groups of a mapped address are IPv4's.
  const isOld = isMapped(from) && isMapped(to);
  const words = [...from.slice(isOld ? 6 : 0), ...to.slice(isOld ? 6 : 0), source.port, destination.port];
  return [isOld ? FAMILY.inet : FAMILY.inet6, Uint8Array.from(words.flatMap((word) => [word >> 8, word & 255]))];
}

function packUnix({ path }: UnixAddress): Uint8Array {
  const field = new Uint8Array(UNIX_PATH);
  new TextEncoder().encodeInto(path, field);
  return field;
}

function ipOf(address: Address): IpGroups | null {
  return address.transport === "tcp" && typeof address.hostname === "string"
    ? parseIp(address.hostname.split("%")[0])
    : null;
}
