/**
 * What a header says: the numbers of version 2, and its TLVs read when somebody asks.
 *
 * @module
 */
import type { Address } from "../../endpoint.ts";
import { FrameError } from "../../errors.ts";
import type { ProxyHeader, ProxySsl, ProxyTlv } from "../../proxied.ts";

/** What a header of version 2 begins with. */
export const SIGNATURE: readonly number[] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10];

/** Signature, version and command, family and protocol, length. */
export const FIXED_LENGTH = 16;

/** Families of addresses, as the upper half of their byte. */
export const FAMILY = { unspecified: 0, inet: 1, inet6: 2, unix: 3 } as const;

/** Room for the path of a Unix socket. */
export const UNIX_PATH = 108;

/** Types of TLVs, and of those inside others. */
export const TLV = {
  alpn: 0x01,
  authority: 0x02,
  crc32c: 0x03,
  uniqueId: 0x05,
  ssl: 0x20,
  sslVersion: 0x21,
  sslCommonName: 0x22,
  sslCipher: 0x23,
  sslSignatureAlgorithm: 0x24,
  sslKeyAlgorithm: 0x25,
  namespace: 0x30,
  gcp: 0xe0,
  aws: 0xea,
  azure: 0xee,
} as const;

/** Inside of the TLVs of AWS and of Azure: the type before the value. */
const AWS_VPC_ENDPOINT = 1;
const AZURE_LINK = 1;

/** Of the TLV about TLS: a byte of flags, four of the verification's outcome, then TLVs. */
const SSL_FIXED = 5;
const SSL_SECURE = 1;
const SSL_CERT_ON_CONN = 2;
const SSL_CERT_IN_SESSION = 4;

const decoder = new TextDecoder();

/** What every header has. */
export type HeaderFields = Pick<ProxyHeader, "version" | "command" | "source" | "destination">;

/** A header that was read. */
export class ParsedHeader implements ProxyHeader {
  readonly version: 1 | 2;
  readonly command: "proxy" | "local";
  readonly source: Address | null;
  readonly destination: Address | null;
  readonly tlvs: readonly ProxyTlv[];

  constructor({ version, command, source, destination }: HeaderFields, tlvs: readonly ProxyTlv[] = NONE) {
    this.version = version;
    this.command = command;
    this.source = source;
    this.destination = destination;
    this.tlvs = tlvs;
  }

  get alpn(): string | null {
    return textOf(this.tlvs, TLV.alpn);
  }

  get authority(): string | null {
    return textOf(this.tlvs, TLV.authority);
  }

  get uniqueId(): Uint8Array | null {
    return valueOf(this.tlvs, TLV.uniqueId);
  }

  get ssl(): ProxySsl | null {
    const value = valueOf(this.tlvs, TLV.ssl);
    return value === null ? null : parseSsl(value);
  }

  get namespace(): string | null {
    return textOf(this.tlvs, TLV.namespace);
  }

  get awsVpcEndpointId(): string | null {
    const value = valueOf(this.tlvs, TLV.aws);
    return value?.[0] === AWS_VPC_ENDPOINT ? decoder.decode(value.subarray(1)) : null;
  }

  get azureLinkId(): number | null {
    const value = valueOf(this.tlvs, TLV.azure);
    // The one number in all this that has its lowest byte first.
    return value?.length === 5 && value[0] === AZURE_LINK ? viewOf(value).getUint32(1, true) : null;
  }

  get gcpPscConnectionId(): bigint | null {
    const value = valueOf(this.tlvs, TLV.gcp);
    return value?.length === 8 ? viewOf(value).getBigUint64(0) : null;
  }
}

const NONE: readonly ProxyTlv[] = [];

/**
 * Splits TLVs.
 *
 * @throws {FrameError} One is longer than what is there.
 */
export function parseTlvs(bytes: Uint8Array): ProxyTlv[] {
  const tlvs: ProxyTlv[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 3 > bytes.length ? Infinity : at + 3 + bytes[at + 1] * 256 + bytes[at + 2];
    if (end > bytes.length) throw broken(`PROXY header has a TLV that ends ${lateBy(end, bytes.length)}`);
    tlvs.push({ type: bytes[at], value: bytes.subarray(at + 3, end) });
    at = end;
  }
  return tlvs;
}

function lateBy(end: number, length: number): string {
  return end === Infinity ? "in its own length" : `${end - length} bytes behind the header`;
}

/** @throws {FrameError} It is too short, or what is inside of it does not fit. */
export function parseSsl(value: Uint8Array): ProxySsl {
  if (value.length < SSL_FIXED) throw broken(`PROXY header tells of TLS in ${value.length} bytes, which takes 5`);
  const flags = value[0];
  const tlvs = parseTlvs(value.subarray(SSL_FIXED));
  const certOnConn = (flags & SSL_CERT_ON_CONN) !== 0;
  const certInSession = (flags & SSL_CERT_IN_SESSION) !== 0;
  return {
    secure: (flags & SSL_SECURE) !== 0,
    certOnConn,
    certInSession,
    // Without a certificate the outcome is said to be good as well.
    verified: (certOnConn || certInSession) && viewOf(value).getUint32(1) === 0,
    version: textOf(tlvs, TLV.sslVersion),
    commonName: textOf(tlvs, TLV.sslCommonName),
    cipher: textOf(tlvs, TLV.sslCipher),
    signatureAlgorithm: textOf(tlvs, TLV.sslSignatureAlgorithm),
    keyAlgorithm: textOf(tlvs, TLV.sslKeyAlgorithm),
  };
}

/** The value of the first TLV of a type, or null. */
export function valueOf(tlvs: readonly ProxyTlv[], type: number): Uint8Array | null {
  return tlvs.find((tlv) => tlv.type === type)?.value ?? null;
}

function textOf(tlvs: readonly ProxyTlv[], type: number): string | null {
  const value = valueOf(tlvs, type);
  return value === null ? null : decoder.decode(value);
}

/** A view on the same memory. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The error of a header that can't be taken. */
export function broken(message: string): FrameError {
  return new FrameError("ERR_PROXY_HEADER", message);
}
