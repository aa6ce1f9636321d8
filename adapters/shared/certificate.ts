/**
 * What a certificate says of itself (X.509; RFC 5280), read from its bytes.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { TlsCertificate } from "../../src/endpoint.ts";
import { type Element, elements, hexOf, oidOf, textOf, timeOf } from "./der.ts";

/** Names of attributes: RFC 4514, section 3, and what OpenSSL adds to them. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.5": "serialNumber",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "street",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "0.9.2342.19200300.100.1.1": "UID",
  "0.9.2342.19200300.100.1.25": "DC",
  "1.2.840.113549.1.9.1": "emailAddress",
};
const COMMON_NAME = "2.5.4.3";
const SUBJECT_ALT_NAME = "2.5.29.17";
/** `[0]`: the version, which old certificates lack. */
const VERSION = 0xa0;
/** `[3]`: extensions. */
const EXTENSIONS = 0xa3;
const OCTET_STRING = 4;

/** Reads a certificate. @throws {RangeError} It is none. */
export function readCertificate(raw: Uint8Array): TlsCertificate {
  const [certificate] = elements(raw);
  const [body] = elements(certificate?.content ?? raw);
  const fields = elements(body?.content ?? raw);
  if (fields[0]?.tag === VERSION) fields.shift();
  const [serial, , issuer, validity, subject, ...rest] = fields;
  if (subject === undefined) throw new RangeError("A certificate has fewer fields than it must have");
  const [from, to] = elements(validity.content).map(timeOf);
  return {
    subject: nameOf(subject),
    issuer: nameOf(issuer),
    commonName: commonNameOf(subject),
    names: alternativesOf(rest.find(({ tag }) => tag === EXTENSIONS)),
    serialNumber: hexOf(withoutPadding(serial.content)),
    fingerprint: hexOf(createHash("sha256").update(raw).digest(), ":"),
    validFrom: from,
    validTo: to,
    raw,
  };
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/g;

/** The bytes of all certificates in a PEM text. @throws {RangeError} A block of it has no end. */
export function certificatesIn(pem: string): Uint8Array[] {
  const blocks = [...pem.matchAll(BLOCK)];
  if (blocks.length !== pem.split("-----BEGIN ").length - 1) throw new RangeError("PEM is cut off");
  return blocks.filter(([, kind]) => /^((X509|TRUSTED) )?CERTIFICATE$/.test(kind))
    .map(([, , base64]) => new Uint8Array(Buffer.from(base64, "base64")));
}

function attributes(name: Element): [oid: string, value: string, isFirst: boolean][] {
  return elements(name.content).flatMap((set) =>
    elements(set.content).map((pair, i): [string, string, boolean] => {
      const [type, value] = elements(pair.content);
      return [oidOf(type.content), textOf(value), i === 0];
    })
  );
}

function nameOf(name: Element): string {
  return attributes(name).map(([oid, value, isFirst], i) => {
    const between = i === 0 ? "" : isFirst ? ", " : "+";
    return `${between}${ATTRIBUTES[oid] ?? oid}=${escaped(value)}`;
  }).join("");
}

/** RFC 4514, section 2.4: nobody's name can look like two attributes. */
function escaped(value: string): string {
  // deno-lint-ignore no-control-regex
  const inner = value.replace(/[,+"\\<>;]/g, "\\$&").replace(/[\x00-\x1f]/g, (char) => `\\${hexOf(bytesOf(char))}`);
  return inner.replace(/^[ #]/, "\\$&").replace(/ $/, "\\ ");
}

function bytesOf(char: string): Uint8Array {
  return Uint8Array.of(char.charCodeAt(0));
}

function commonNameOf(subject: Element): string | null {
  return attributes(subject).find(([oid]) => oid === COMMON_NAME)?.[1] ?? null;
}

function alternativesOf(extensions: Element | undefined): string[] {
  if (extensions === undefined) return [];
  for (const extension of elements(elements(extensions.content)[0].content)) {
    const parts = elements(extension.content);
    if (oidOf(parts[0].content) !== SUBJECT_ALT_NAME) continue;
    const value = parts.find(({ tag }) => tag === OCTET_STRING)!;
    return elements(elements(value.content)[0].content).flatMap(alternativeOf);
  }
  return [];
}

/** RFC 5280, section 4.2.1.6; kinds that are no text are left out. */
function alternativeOf({ tag, content }: Element): string[] {
  const text = String.fromCharCode(...content);
  if (tag === 0x81) return [`email:${text}`];
  if (tag === 0x82) return [`DNS:${text}`];
  if (tag === 0x86) return [`URI:${text}`];
  return tag === 0x87 ? [`IP:${ipOf(content)}`] : [];
}

function ipOf(content: Uint8Array): string {
  if (content.length !== 16) return content.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => (content[2 * i] * 256 + content[2 * i + 1]).toString(16));
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

function withoutPadding(serial: Uint8Array): Uint8Array {
  return serial.length > 1 && serial[0] === 0 ? serial.subarray(1) : serial;
}
