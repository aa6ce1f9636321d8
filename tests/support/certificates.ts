/**
 * Makes certificates: for any name, by any authority, valid whenever a test wants it. ECDSA on P-256, for tests only.
 *
 * @module
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { Buffer } from "node:buffer";

/** A certificate, its key, and what it can sign with. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
  readonly name: string;
}

/** What a certificate says; see `certify()`. */
export interface CertificateWishes {
  /** Names beside the common one, with their kinds: `DNS:a.example`, `URI:spiffe://x`, `IP:127.0.0.1`, `email:a@b`. */
  readonly names?: readonly string[];
  /** Who signs; itself if nobody does, and then it is an authority. */
  readonly by?: TestCertificate;
  /** It may sign others. @default if nobody has signed it */
  readonly signs?: boolean;
  /** Ms since the epoch. @default a day ago */
  readonly from?: number;
  /** Ms since the epoch. @default in a day */
  readonly to?: number;
}

const DAY = 86_400_000;
/** Its first bit is set: such numbers have a zero in front. */
const state = { serial: 0x8b00 };

/** Makes a certificate with this common name. */
export function certify(name: string, wishes: CertificateWishes = {}): TestCertificate {
  const { names = [], by, signs = by === undefined, from = Date.now() - DAY, to = Date.now() + DAY } = wishes;
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  const body = sequence(
    context(0, integer(2)),
    integer(state.serial++),
    ECDSA_SHA256,
    nameOf(by?.name ?? name),
    sequence(time(from), time(to)),
    nameOf(name),
    publicPart(privateKey),
    context(3, sequence(...extensions(names, signs))),
  );
  const signature = sign("sha256", body, by?.key ?? key);
  const whole = sequence(body, ECDSA_SHA256, der(3, Buffer.of(0), signature));
  return { cert: pem("CERTIFICATE", whole), key, name };
}

function pem(kind: string, bytes: Buffer): string {
  return `-----BEGIN ${kind}-----\n${bytes.toString("base64").replace(/.{1,64}/g, "$&\n")}-----END ${kind}-----\n`;
}

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

function sequence(...parts: Uint8Array[]): Buffer {
  return der(0x30, ...parts);
}

function context(number: number, ...parts: Uint8Array[]): Buffer {
  return der(0xa0 | number, ...parts);
}

function integer(value: number): Buffer {
  return der(2, Buffer.from(value < 128 ? [value] : [0, value >> 8, value & 255]));
}

function oid(...bytes: number[]): Buffer {
  return der(6, Buffer.from(bytes));
}

const ECDSA_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2));

function nameOf(commonName: string): Buffer {
  const organization = der(0x31, sequence(oid(0x55, 4, 10), der(12, Buffer.from("Sluice, tests"))));
  return sequence(organization, der(0x31, sequence(oid(0x55, 4, 3), der(12, Buffer.from(commonName)))));
}

function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\..*/g, "");
  return der(23, Buffer.from(`${digits.slice(2)}Z`));
}

function publicPart(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: "spki", format: "der" }) as Buffer;
}

function extensions(names: readonly string[], isAuthority: boolean): Buffer[] {
  const basic = extension(19, true, sequence(...isAuthority ? [der(1, Buffer.of(0xff))] : []));
  return names.length === 0 ? [basic] : [basic, extension(17, false, sequence(...names.map(alternative)))];
}

function extension(id: number, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(0x55, 0x1d, id), ...critical ? [der(1, Buffer.of(0xff))] : [], der(4, value));
}

const KINDS: Readonly<Record<string, number>> = { email: 0x81, DNS: 0x82, URI: 0x86, IP: 0x87 };

function alternative(name: string): Buffer {
  const [, kind, value] = /^(\w+):(.*)$/.exec(name)!;
  return der(KINDS[kind], kind === "IP" ? Buffer.from(value.split(".").map(Number)) : Buffer.from(value));
}
