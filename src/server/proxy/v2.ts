/**
 * Version 2 of the PROXY protocol: binary.
 *
 * @module
 */
import type { Address } from "../../endpoint.ts";
import type { ProxyTlv } from "../../proxied.ts";
import { crc32c } from "../../crc32c.ts";
import { formatIp } from "./format_ip.ts";
import {
  broken,
  FAMILY,
  FIXED_LENGTH,
  type HeaderFields,
  ParsedHeader,
  parseSsl,
  parseTlvs,
  TLV,
  UNIX_PATH,
  valueOf,
  viewOf,
} from "./header.ts";

/** The longest header behind its fixed part: a client's certificate has room, and 10,000 idlers are 40 MB. */
export const MAX_LENGTH = 4096;

const VERSION_2 = 2;
const LOCAL = 0;
const PROXY = 1;
/** Unspecified, a stream, datagrams. */
const PROTOCOLS = 3;

/** Bytes of both addresses and ports, by family. */
const SIZES: readonly number[] = [0, 12, 36, 2 * UNIX_PATH];

const decoder = new TextDecoder();

/**
 * The length of all of a header, told by its fixed part.
 *
 * @throws {FrameError} It can't be taken, whatever follows.
 */
export function lengthOf(fixed: Uint8Array): number {
  const [version, command] = halves(fixed[12]);
  const [family, protocol] = halves(fixed[13]);
  if (version !== VERSION_2) throw broken(`PROXY header has the version ${version}, which must be 2`);
  if (command > PROXY) throw broken(`PROXY header has the command ${command}, which must be 0 or 1`);
  if (command === PROXY && (family >= SIZES.length || protocol >= PROTOCOLS)) {
    throw broken(`PROXY header has the unknown family ${family} or protocol ${protocol}`);
  }
  const length = fixed[14] * 256 + fixed[15];
  if (length > MAX_LENGTH) throw broken(`PROXY header has ${length} bytes, more than ${MAX_LENGTH}`);
  if (command === PROXY && length < SIZES[family]) {
    throw broken(`PROXY header has ${length} bytes, too few for its addresses, which take ${SIZES[family]}`);
  }
  return FIXED_LENGTH + length;
}

/**
 * Reads a whole header, whose fixed part `lengthOf()` has taken.
 *
 * @throws {FrameError} It is malformed.
 */
export function parseBinary(bytes: Uint8Array): ParsedHeader {
  const [version, [, command], [family]] = [2 as const, halves(bytes[12]), halves(bytes[13])];
  // A proxy that speaks for itself has nothing to say: what is there is to be passed over.
  if (command === LOCAL) return new ParsedHeader({ version, command: "local", source: null, destination: null });
  const end = FIXED_LENGTH + SIZES[family];
  const tlvs = bytes.length > end ? parseTlvs(bytes.slice(end)) : undefined;
  if (tlvs !== undefined) checkTlvs(bytes, end, tlvs);
  return new ParsedHeader({ version, command: "proxy", ...addresses(bytes, family) }, tlvs);
}

function addresses(bytes: Uint8Array, family: number): Pick<HeaderFields, "source" | "destination"> {
  if (family === FAMILY.unspecified) return { source: null, destination: null };
  if (family === FAMILY.unix) {
    const to = FIXED_LENGTH + UNIX_PATH;
    return { source: unixAt(bytes, FIXED_LENGTH), destination: unixAt(bytes, to) };
  }
  const size = family === FAMILY.inet ? 4 : 16;
  const ports = FIXED_LENGTH + 2 * size;
  return {
    source: tcpAt(bytes, FIXED_LENGTH, size, ports),
    destination: tcpAt(bytes, FIXED_LENGTH + size, size, ports + 2),
  };
}

function tcpAt(bytes: Uint8Array, at: number, size: number, port: number): Address {
  const view = viewOf(bytes);
  const groups = Array.from({ length: size / 2 }, (_, i) => view.getUint16(at + 2 * i));
  const hostname = formatIp(size === 4 ? [0, 0, 0, 0, 0, 0xffff, ...groups] : groups);
  return { transport: "tcp", hostname, port: view.getUint16(port) };
}

function unixAt(bytes: Uint8Array, at: number): Address {
  const field = bytes.subarray(at, at + UNIX_PATH);
  const end = field.indexOf(0);
  return { transport: "unix", path: decoder.decode(end < 0 ? field : field.subarray(0, end)) };
}

function checkTlvs(bytes: Uint8Array, from: number, tlvs: readonly ProxyTlv[]): void {
  const ssl = valueOf(tlvs, TLV.ssl);
  if (ssl !== null) parseSsl(ssl);
  const sum = valueOf(tlvs, TLV.crc32c);
  if (sum === null) return;
  if (sum.length !== 4) throw broken(`PROXY header has a checksum of ${sum.length} bytes, which must be 4`);
  const zeroed = bytes.slice();
  // The values lie in memory of their own, which begins where the TLVs do.
  zeroed.fill(0, from + sum.byteOffset, from + sum.byteOffset + 4);
  if (crc32c(zeroed) !== viewOf(sum).getUint32(0)) throw broken("PROXY header has a checksum that is wrong");
}

function halves(byte: number): [upper: number, lower: number] {
  return [byte >> 4, byte & 15];
}
