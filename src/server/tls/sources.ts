/**
 * Makes of a listener's options what an adapter takes: reads files, checks pairs, sorts certificates by name.
 *
 * @module
 */
import type { TlsCertificate, TlsIdentity, TlsListenOptions } from "../../endpoint.ts";
import { ListenError } from "../../errors.ts";
import type { TlsParts } from "../../platform.ts";
import { NameTable } from "./name_table.ts";
import {
  type CertForResult,
  identityOf,
  mannersOf,
  type NamedTlsPair,
  pemText,
  type TlsCertificates,
  type TlsOptions,
  type TlsPair,
} from "./tls_options.ts";

/** What was read at one moment. */
export interface Loaded {
  readonly tls: TlsListenOptions;
  /** The first of each chain, in the order of the options. */
  readonly certificates: readonly TlsCertificate[];
  /** All that was read, to tell whether something has changed. */
  readonly contents: string;
}

/** Paths of all files that the options name. */
export function filesOf(tls: TlsCertificates): string[] {
  return [tls, ...tls.certs ?? []].flatMap(({ certFile, keyFile }) => [certFile, keyFile])
    .concat(tls.clientCaFile)
    .filter((path) => path !== undefined);
}

/** So often files are read again that were changed while they were being read. */
const TRIES = 5;

/** Hears of each handshake that is lost because `certFor()` failed. */
export type CertForFailed = (serverName: string, error: unknown) => void;

/**
 * Reads and checks everything.
 *
 * @throws {ListenError} A file can't be read, or a certificate or a key can't be used; the message names it.
 */
export async function load(parts: TlsParts, tls: TlsOptions, tell: CertForFailed): Promise<Loaded> {
  const files = filesOf(tls);
  let texts = await readAll(parts, files);
  for (let left = TRIES; left > 0; left--) {
    // A pair is two files, and may be swapped between reading the one and the other.
    const again = await readAll(parts, files);
    const same = again.every((text, i) => text === texts[i]);
    texts = again;
    if (same) break;
  }
  const byPath = new Map(files.map((path, i) => [path, texts[i]]));
  return { ...assemble(parts, tls, byPath, tell), contents: texts.join("\0") };
}

/** Of several that can't be read the first one is told of, whichever fails first. */
async function readAll(parts: TlsParts, files: readonly string[]): Promise<string[]> {
  const read = await Promise.allSettled(files.map((path) => parts.readText(path)));
  return read.map((one, i) => {
    if (one.status === "rejected") throw unreadable(files[i], one.reason);
    return one.value;
  });
}

function unreadable(path: string, cause: Error & { readonly code?: string }): ListenError {
  return new ListenError(cause.code ?? "ERR_TLS", `Can't read the TLS file ${path}: ${cause.message}`, { cause });
}

function assemble(
  parts: TlsParts,
  tls: TlsOptions,
  texts: ReadonlyMap<string, string>,
  tell: CertForFailed,
): Omit<Loaded, "contents"> {
  const pairs: readonly NamedTlsPair[] = tls.certs ?? (hasPair(tls) ? [tls] : []);
  const found = pairs.map((pair) => inspected(parts, pair, texts));
  const clientCa = tls.clientCaFile === undefined
    ? tls.clientCa && pemText("tls.clientCa", tls.clientCa)
    : texts.get(tls.clientCaFile);
  if (clientCa !== undefined) naming(tls.clientCaFile, "clientCa", () => parts.inspectAll(clientCa));
  const identityFor = tls.certFor === undefined ? byName(pairs, found) : byFunction(parts, tls.certFor, tell);
  return {
    tls: { ...mannersOf(tls), ...found[0]?.identity, clientCa, identityFor, replaceable: true },
    certificates: found.map(({ certificate }) => certificate),
  };
}

interface Inspected {
  readonly identity: TlsIdentity;
  readonly certificate: TlsCertificate;
}

function hasPair({ cert, certFile }: TlsPair): boolean {
  return (cert ?? certFile) !== undefined;
}

function inspected(parts: TlsParts, pair: TlsPair, texts: ReadonlyMap<string, string>): Inspected {
  const { certFile, keyFile } = pair;
  const identity = {
    cert: certFile === undefined ? pemText("tls.cert", pair.cert) : texts.get(certFile)!,
    key: keyFile === undefined ? pemText("tls.key", pair.key) : texts.get(keyFile)!,
  };
  const files = [certFile, keyFile].filter((path) => path !== undefined).join(" and ");
  return { identity, certificate: naming(files || undefined, "cert", () => parts.inspect(identity)) };
}

/** The message of what goes wrong says where it lies. */
function naming<T>(file: string | undefined, option: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const { code, message } = error as ListenError;
    throw new ListenError(code ?? "ERR_TLS", `${message}, in ${file ?? `tls.${option}`}`, { cause: error });
  }
}

/** One without names needs no choice. */
function byName(pairs: readonly NamedTlsPair[], found: readonly Inspected[]): TlsListenOptions["identityFor"] {
  if (found.length < 2) return undefined;
  const table = new NameTable<TlsIdentity>();
  found.forEach(({ identity, certificate }, i) => {
    for (const name of pairs[i].names ?? namesOf(certificate)) table.add(name, identity);
  });
  return (serverName) => table.find(serverName);
}

/** Who has no other names is known by his common one (as OpenSSL has it; RFC 9525 would rather not). */
function namesOf({ names, commonName }: TlsCertificate): string[] {
  const hosts = names.filter((name) => name.startsWith("DNS:")).map((name) => name.slice(4));
  return hosts.length > 0 || commonName === null ? hosts : [commonName];
}

function isLater<T>(given: T | PromiseLike<T>): given is PromiseLike<T> {
  return typeof (given as PromiseLike<T> | null | undefined)?.then === "function";
}

/** The object that was given last time is known, and so is what was made of it. */
function byFunction(
  parts: TlsParts,
  certFor: NonNullable<TlsOptions["certFor"]>,
  tell: CertForFailed,
): NonNullable<TlsListenOptions["identityFor"]> {
  const known = new WeakMap<object, TlsIdentity>();
  const take = (given: CertForResult): TlsIdentity | undefined => {
    if (given === undefined || given === null) return undefined;
    const identity = known.get(given) ?? identityOf("tls.certFor()", given);
    if (!known.has(given)) parts.inspect(identity);
    known.set(given, identity);
    return identity;
  };
  return (serverName) => {
    const failed = (error: unknown): never => {
      tell(serverName, error);
      throw error;
    };
    try {
      const given = certFor(serverName);
      return isLater(given) ? Promise.resolve(given).then(take).catch(failed) : take(given);
    } catch (error) {
      return failed(error);
    }
  };
}
