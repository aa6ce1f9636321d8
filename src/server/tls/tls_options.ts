/**
 * The options of TLS listeners: documented and checked. Nothing is read here.
 *
 * @module
 */
import type { TlsIdentity, TlsListenOptions, TlsVersion } from "../../endpoint.ts";
import { OptionError } from "../../errors.ts";
import { checkNames, type Names } from "../../names.ts";
import { callable, oneOf, text, yesOrNo } from "../../validate.ts";

/** A certificate and its key, given or in files. */
export interface TlsPair {
  /** Certificate chain as PEM: text, or the bytes of its file. @default read from `certFile` */
  readonly cert?: string | Uint8Array;
  /** The certificate's private key as PEM: text, or the bytes of its file. @default read from `keyFile` */
  readonly key?: string | Uint8Array;
  /** Path of the certificate chain, instead of `cert`. @default none */
  readonly certFile?: string;
  /** Path of the private key, instead of `key`. @default none */
  readonly keyFile?: string;
}

/** One certificate of several, for the clients that ask for its names (SNI). */
export interface NamedTlsPair extends TlsPair {
  /**
   * Whom it is for: `"a.example"`, or `"*.a.example"` for all names with one label more. @default the names in the
   * certificate
   */
  readonly names?: readonly string[];
}

/** How a listener speaks TLS. */
export interface TlsOptions extends TlsPair {
  /** Certificate chain as PEM: text, or the bytes of its file. @default read from `certFile` */
  readonly cert?: string | Uint8Array;
  /** The certificate's private key as PEM: text, or the bytes of its file. @default read from `keyFile` */
  readonly key?: string | Uint8Array;
  /** Path of the certificate chain, instead of `cert`: read at the start, and again when it changes. @default none */
  readonly certFile?: string;
  /** Path of the private key, instead of `key`. @default none */
  readonly keyFile?: string;
  /**
   * Several certificates, instead of one: a client gets the one for the name that it asks for (SNI), and the first where
   * none fits. @default none
   */
  readonly certs?: readonly NamedTlsPair[];
  /**
   * Looks for the certificate of a name, in lower case, at each handshake that asks for one; return the same object for
   * the same certificate, and it is read once. For undefined it is the one of `cert` or `certFile`; without such a one,
   * and where it throws, that handshake fails. Whoever asks for no name gets that one, too. @default none
   */
  readonly certFor?: (serverName: string) => CertForResult | Promise<CertForResult>;
  /** Authorities that clients' certificates are checked against, as PEM. @default none */
  readonly clientCa?: string | Uint8Array;
  /** Path of the same, instead of `clientCa`. @default none */
  readonly clientCaFile?: string;
  /**
   * Whether clients must show a certificate that an authority of `clientCa` has signed: `require` turns away who
   * doesn't, `request` lets everybody in, and `conn.tls` says whom. @default "require" with `clientCa`, else none is asked
   */
  readonly clientCert?: "request" | "require";
  /** Oldest version that is spoken, `"TLSv1.2"` or `"TLSv1.3"`. @default "TLSv1.2" */
  readonly minVersion?: TlsVersion;
  /** Protocols offered by ALPN (RFC 7301), most wanted first. @default none */
  readonly alpnProtocols?: readonly string[];
  /** Files are read again when they have changed. @default true */
  readonly watch?: boolean;
}

/** What `certFor` gives. */
export type CertForResult = Pick<TlsPair, "cert" | "key"> | undefined;

/** What `reloadTls()` can put in the place of what a listener has. */
export type TlsCertificates = Pick<
  TlsOptions,
  "cert" | "key" | "certFile" | "keyFile" | "certs" | "certFor" | "clientCa" | "clientCaFile"
>;

const PAIR_NAMES: Names<TlsPair> = { cert: true, key: true, certFile: true, keyFile: true };
const NAMED_PAIR_NAMES: Names<NamedTlsPair> = { ...PAIR_NAMES, names: true };
const CERTIFICATES_NAMES: Names<TlsCertificates> = {
  ...PAIR_NAMES,
  certs: true,
  certFor: true,
  clientCa: true,
  clientCaFile: true,
};
const TLS_NAMES: Names<TlsOptions> = {
  ...CERTIFICATES_NAMES,
  clientCert: true,
  minVersion: true,
  alpnProtocols: true,
  watch: true,
};

/**
 * Checks the options of a listener.
 *
 * @throws {OptionError} One can't be used.
 */
export function checkTls(tls: TlsOptions): void {
  if (typeof tls !== "object" || tls === null) {
    throw new OptionError("tls", `tls must be { cert, key } as PEM, or { certFile, keyFile }, got ${String(tls)}`);
  }
  checkNames("tls", tls, TLS_NAMES);
  checkSources(tls);
  if (tls.alpnProtocols !== undefined && !Array.isArray(tls.alpnProtocols)) {
    const got = JSON.stringify(tls.alpnProtocols);
    throw new OptionError("tls.alpnProtocols", `tls.alpnProtocols must be a list, got ${got}`);
  }
  oneOf("tls.clientCert", tls.clientCert, "require", ["request", "require"]);
  oneOf("tls.minVersion", tls.minVersion, "TLSv1.2", ["TLSv1.2", "TLSv1.3"]);
  yesOrNo("tls.watch", tls.watch, true);
  if (tls.clientCert !== undefined && !asksClients(tls)) {
    const why = "without one everybody whom a public authority has signed would be let in";
    throw new OptionError("tls.clientCert", `tls.clientCert needs tls.clientCa or tls.clientCaFile: ${why}`);
  }
}

/**
 * Checks what is to replace a listener's certificates.
 *
 * @param old What the listener was opened with.
 * @throws {OptionError} Something can't be used.
 */
export function checkCertificates(tls: TlsCertificates, old: TlsOptions): void {
  checkNames("tls", tls, CERTIFICATES_NAMES);
  checkSources(tls);
  if (!asksClients(tls) || asksClients(old)) return;
  const why = "is for a listener that asks clients for certificates, open a new one with it";
  throw new OptionError("tls.clientCa", `tls.clientCa ${why}`);
}

function asksClients({ clientCa, clientCaFile }: TlsCertificates): boolean {
  return (clientCa ?? clientCaFile) !== undefined;
}

function checkSources(tls: TlsCertificates): void {
  callable("tls.certFor", tls.certFor);
  if (tls.clientCa !== undefined) pemText("tls.clientCa", tls.clientCa);
  if (tls.clientCaFile !== undefined) text("tls.clientCaFile", tls.clientCaFile, "");
  either("tls.clientCa", tls.clientCa, "tls.clientCaFile", tls.clientCaFile);
  if (tls.certs === undefined) {
    if (tls.certFor === undefined || hasPair(tls)) checkPair("tls", tls);
    return;
  }
  if (hasPair(tls)) throw new OptionError("tls.certs", "tls.certs excludes tls.cert, put that one first in the list");
  if (tls.certFor !== undefined) throw new OptionError("tls.certs", "tls.certs excludes tls.certFor, give one of them");
  if (!Array.isArray(tls.certs) || tls.certs.length === 0) {
    throw new OptionError("tls.certs", `tls.certs must be a list of at least one, got ${JSON.stringify(tls.certs)}`);
  }
  tls.certs.forEach((pair, i) => checkNamedPair(`tls.certs[${i}]`, pair));
}

function hasPair({ cert, key, certFile, keyFile }: TlsPair): boolean {
  return (cert ?? key ?? certFile ?? keyFile) !== undefined;
}

function either(a: string, first: unknown, b: string, second: unknown): void {
  if (first !== undefined && second !== undefined) throw new OptionError(a, `${a} excludes ${b}, give one of them`);
}

function checkPair(at: string, pair: TlsPair): void {
  for (const part of ["cert", "key"] as const) {
    const file = `${part}File` as const;
    either(`${at}.${part}`, pair[part], `${at}.${file}`, pair[file]);
    if (pair[file] !== undefined) text(`${at}.${file}`, pair[file], "");
    else pemText(`${at}.${part}`, pair[part]);
  }
}

function checkNamedPair(at: string, pair: NamedTlsPair): void {
  checkNames(at, pair, NAMED_PAIR_NAMES);
  checkPair(at, pair);
  if (pair.names === undefined) return;
  if (!Array.isArray(pair.names) || pair.names.length === 0) {
    throw new OptionError(`${at}.names`, `${at}.names must be a list of names, got ${JSON.stringify(pair.names)}`);
  }
  for (const name of pair.names) checkName(`${at}.names`, name);
}

/** A host's name, or a wildcard for its first label. */
const NAME = /^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;

function checkName(option: string, name: unknown): void {
  if (typeof name === "string" && NAME.test(name)) return;
  const wanted = 'such as "a.example" or "*.a.example", international ones as "xn--…"';
  throw new OptionError(option, `${option} must be hosts' names, ${wanted}, got ${JSON.stringify(name)}`);
}

/**
 * PEM is ASCII, whatever a file's reader made of it: text, or bytes of any view.
 *
 * @throws {OptionError} It is none.
 */
export function pemText(option: string, value: unknown): string {
  const pem = value instanceof ArrayBuffer || ArrayBuffer.isView(value) ? new TextDecoder().decode(value) : value;
  if (typeof pem === "string" && pem.includes("-----BEGIN ")) return pem;
  throw new OptionError(
    option,
    `${option} must be PEM, text or bytes, that contains "-----BEGIN", read the file first or give its path as ${option}File`,
  );
}

/** What an adapter is given of options that need nothing read, and are never replaced; null for others. */
export function plainTls(tls: TlsOptions): TlsListenOptions | null {
  const { certs, certFor, certFile, keyFile, clientCaFile } = tls;
  if ((certs ?? certFor ?? certFile ?? keyFile ?? clientCaFile) !== undefined) return null;
  const clientCa = tls.clientCa === undefined ? undefined : pemText("tls.clientCa", tls.clientCa);
  return { ...mannersOf(tls), ...identityOf("tls", tls), clientCa };
}

/** The part of the options that stays when certificates are replaced. */
export function mannersOf(tls: TlsOptions): Pick<TlsListenOptions, "alpnProtocols" | "clientCert" | "minVersion"> {
  const { alpnProtocols, minVersion, clientCert = asksClients(tls) ? "require" : undefined } = tls;
  return { alpnProtocols, minVersion, clientCert };
}

/** A pair that is here, as text. @throws {OptionError} It is no PEM. */
export function identityOf(at: string, { cert, key }: Pick<TlsPair, "cert" | "key">): TlsIdentity {
  return { cert: pemText(`${at}.cert`, cert), key: pemText(`${at}.key`, key) };
}
