/**
 * Certificates, keys and the files that they lie in.
 *
 * @module
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { type FSWatcher, lstatSync, readlinkSync, watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, parse, resolve, sep } from "node:path";
import type { TlsCertificate, TlsIdentity, TlsListenOptions } from "../../src/endpoint.ts";
import { ListenError } from "../../src/errors.ts";
import type { TlsParts } from "../../src/platform.ts";
import { certificatesIn, readCertificate } from "./certificate.ts";

const CODE = "ERR_TLS";

/** Whether somebody may look at a path without asking the user. */
type MayRead = (path: string) => boolean;

/** Those of runtimes that have `node:fs` and `node:crypto`. Where it may not look, it neither watches nor follows links. */
export function tlsParts(mayRead: MayRead = () => true): TlsParts {
  return {
    readText: (path) => readFile(path, "utf8"),
    watch: (files, changed) => watchAll(files, changed, mayRead),
    inspect: inspectIdentity,
    inspectAll,
  };
}

function inspectIdentity({ cert, key }: TlsIdentity): TlsCertificate {
  const [first] = inspectAll(cert, "certificate");
  checkPair({ cert, key });
  return first;
}

function inspectAll(pem: string, what: string = "authority"): TlsCertificate[] {
  return parsed(what, () => {
    const found = certificatesIn(pem);
    if (found.length === 0) throw new RangeError("No certificate in it");
    // The runtime's own reader looks at more than ours does.
    for (const raw of found) new X509Certificate(raw);
    return found.map(readCertificate);
  });
}

/** Throws `ListenError` unless certificate and key, if there are, can be read and belong together. */
export function checkTlsOptions({ cert, key, clientCa }: TlsListenOptions): void {
  if (cert !== undefined) checkPair({ cert, key: key ?? "" });
  if (clientCa !== undefined) inspectAll(clientCa);
}

function checkPair({ cert, key }: TlsIdentity): void {
  const certificate = parsed("certificate", () => new X509Certificate(cert));
  const privateKey = parsed("private key", () => createPrivateKey(key));
  if (certificate.checkPrivateKey(privateKey)) return;
  throw new ListenError(CODE, "The TLS private key does not belong to the certificate");
}

function parsed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new ListenError(CODE, `The TLS ${what} is not readable PEM: ${(cause as Error).message}`, { cause });
  }
}

/** So many links may lead to a file: the kernel's own limit. */
const MAX_LINKS = 40;

/**
 * Which names in which folders decide what a path leads to: its own, and that of each link on the way. A secret that
 * Kubernetes mounts is swapped by a rename of the link `..data`, through which all of its files lead.
 */
export function turningPoints(path: string, mayRead: MayRead = () => true): Map<string, Set<string>> {
  const points = new Map<string, Set<string>>();
  const note = (folder: string, name: string) => points.set(folder, (points.get(folder) ?? new Set()).add(name));
  let { root: at } = parse(resolve(path));
  let names = resolve(path).slice(at.length).split(sep);
  for (let links = 0; names.length > 0;) {
    const [name, ...rest] = names;
    const here = join(at, name);
    const link = mayRead(here) ? linkAt(here) : null;
    if (link !== null || rest.length === 0) note(at, name);
    if (link === null || ++links > MAX_LINKS) [at, names] = [here, rest];
    else {
      const target = resolve(at, link, ...rest);
      at = parse(target).root;
      names = target.slice(at.length).split(sep);
    }
  }
  return points;
}

function linkAt(path: string): string | null {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null;
  } catch {
    return null;
  }
}

function watchAll(files: readonly string[], changed: () => void, mayRead: MayRead): () => void {
  const points = new Map<string, Set<string>>();
  for (const file of files) {
    for (const [folder, names] of turningPoints(file, mayRead)) {
      points.set(folder, new Set([...points.get(folder) ?? [], ...names]));
    }
  }
  const watchers = [...points].flatMap(([folder, names]) => mayRead(folder) ? watchFolder(folder, names, changed) : []);
  return () => {
    for (const watcher of watchers) watcher.close();
  };
}

/** None where the folder is not there, or the system has no watcher left. */
function watchFolder(folder: string, names: ReadonlySet<string>, changed: () => void): FSWatcher[] {
  try {
    const watcher = watch(folder, { persistent: false }, (_, name) => {
      if (name === null || names.has(name)) changed();
    });
    watcher.on("error", () => watcher.close());
    return [watcher];
  } catch {
    return [];
  }
}
