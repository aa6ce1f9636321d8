/**
 * A JSR registry of one package on this machine, as `JSR_URL` wants it.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A package to serve. */
export interface RegistryPackage {
  /** With its scope: `@sluice/sluice`. */
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  /** Folder that the files are in, ending in a slash. */
  readonly folder: string;
  /** Paths below the folder. */
  readonly files: readonly string[];
}

/** A running registry. */
export interface Registry {
  /** For `JSR_URL`; ends in a slash. */
  readonly url: string;
  /** Paths asked for and answered, in order. */
  readonly served: readonly string[];
  /** Paths asked for and not known. */
  readonly missed: readonly string[];
  close(): Promise<void>;
}

/** Serves a package on a free port of 127.0.0.1. */
export async function serveRegistry(pkg: RegistryPackage): Promise<Registry> {
  const pages = pagesOf(pkg);
  const served: string[] = [];
  const missed: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "/";
    const page = pages.get(path);
    (page === undefined ? missed : served).push(path);
    const type = path.endsWith(".json") ? "application/json" : "text/typescript";
    response.writeHead(page === undefined ? 404 : 200, { "content-type": type }).end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { url, served, missed, close: () => close(server) };
}

/** Everything the registry answers: two pages of metadata and the files. */
function pagesOf({ name, version, exports, folder, files }: RegistryPackage): Map<string, Uint8Array> {
  const pages = new Map<string, Uint8Array>();
  const manifest: Record<string, { size: number; checksum: string }> = {};
  for (const file of files) {
    const bytes = readFileSync(folder + file);
    manifest[`/${file}`] = {
      size: bytes.length,
      checksum: `sha256-${createHash("sha256").update(bytes).digest("hex")}`,
    };
    pages.set(`/${name}/${version}/${file}`, bytes);
  }
  const [scope, bare] = name.slice(1).split("/");
  const meta = { scope, name: bare, latest: version, versions: { [version]: {} } };
  pages.set(`/${name}/meta.json`, encode(meta));
  pages.set(`/${name}/${version}_meta.json`, encode({ manifest, exports }));
  return pages;
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
