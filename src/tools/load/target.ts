/**
 * Addresses of servers to load.
 *
 * @module
 */
import { type ConnectOptions, OptionError } from "@sluice/sluice";
import type { LoadKind, LoadProxyProtocol, LoadTarget } from "./load_api.ts";

/** How an address is taken. */
export interface TargetOptions {
  /** Accept any certificate. @default false */
  readonly tlsInsecure?: boolean;
  /** Begin with a PROXY header. @default none */
  readonly proxyProtocol?: LoadProxyProtocol;
}

interface Scheme {
  readonly kind: LoadKind;
  readonly secure: boolean;
  /** The port if there is none in the address; null: it must be there. */
  readonly port: number | null;
}

const SCHEMES: Readonly<Record<string, Scheme>> = {
  "tcp:": { kind: "tcp", secure: false, port: null },
  "http:": { kind: "http", secure: false, port: 80 },
  "https:": { kind: "http", secure: true, port: 443 },
  "ws:": { kind: "ws", secure: false, port: 80 },
  "wss:": { kind: "ws", secure: true, port: 443 },
};

const FORMS = "tcp://host:port, http://, https://, ws://, wss:// or unix:/path";

/** What is spoken inside of TLS (RFC 7301). */
const ALPN: readonly string[] = ["http/1.1"];

/** `unix:` path, and perhaps `:http:` or `:ws:` and a request target; the path may have colons of its own. */
const UNIX = /^unix:(.+?)(?::(http|ws):(\/.*)?)?$/;

/**
 * Takes an address apart: `tcp://host:port` (lines), `http://`, `https://`, `ws://`, `wss://`, `unix:/path` (lines),
 * `unix:/path:http:/target` and `unix:/path:ws:/target`.
 *
 * @throws {OptionError} It is no address of a server.
 */
export function parseTarget(address: string, options: TargetOptions = {}): LoadTarget {
  if (typeof address === "string" && address.startsWith("unix:")) return unixTarget(address, options);
  const url = parseUrl(address);
  const scheme = SCHEMES[url.protocol];
  if (scheme === undefined) throw unusable(url.protocol, `has a scheme that is unknown here: give ${FORMS}`);
  // The address itself stays out of these messages: what is wrong with it may be a secret.
  if (url.username !== "" || url.password !== "") {
    throw unusable(url.host, 'has a user\'s name or password in it: send them by a header, "Authorization: Basic ..."');
  }
  if (url.hash !== "") throw unusable(url.host, 'has a fragment: leave out what begins with "#"');
  const path = url.pathname + url.search;
  if (scheme.kind === "tcp" && path !== "" && path !== "/") {
    throw unusable(url.host, `has the path ${JSON.stringify(path)}: lines have none, leave it out`);
  }
  const tls = scheme.secure ? tlsOptions(scheme, options) : false;
  const connect = { ...place(url, scheme), tls, ...proxyOptions(options) };
  return { kind: scheme.kind, url: address, connect, host: url.host, path: path === "" ? "/" : path };
}

function place(url: URL, { port }: Scheme): ConnectOptions {
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  if (hostname === "") throw unusable(url.href, "has no host");
  if (url.port === "" && port === null) throw unusable(url.host, "has no port: give tcp://host:port");
  const number = url.port === "" ? port! : Number(url.port);
  if (number === 0) throw unusable(url.host, "has port 0, to which nothing can connect");
  return { hostname, port: number };
}

function tlsOptions(_scheme: Scheme, { tlsInsecure = false }: TargetOptions): ConnectOptions["tls"] {
  return { alpnProtocols: ALPN, ...(tlsInsecure ? { insecure: true } : {}) };
}

/** Each client speaks for itself: so the server tells them apart, as if no proxy were there. */
function proxyOptions({ proxyProtocol }: TargetOptions): ConnectOptions {
  return proxyProtocol === undefined ? {} : { proxyProtocol: { version: proxyProtocol === "v1" ? 1 : 2 } };
}

function unixTarget(address: string, options: TargetOptions): LoadTarget {
  const parts = UNIX.exec(address);
  if (parts === null) throw unusable(address, "has no path: give unix:/path");
  const [, path, kind = "tcp", target = "/"] = parts;
  if (!/^[!-~]+$/.test(target)) throw unusable(address, "has a request target that is not percent-encoded");
  const connect = { path, ...proxyOptions(options) };
  return { kind: kind as LoadKind, url: address, connect, host: "localhost", path: target };
}

function parseUrl(address: unknown): URL {
  if (typeof address === "string") {
    try {
      return new URL(address);
    } catch {
      // It is told below, as everything else that is no address.
    }
  }
  throw new OptionError("url", `url must be ${FORMS}, got ${JSON.stringify(address)}`);
}

function unusable(which: string, problem: string): OptionError {
  return new OptionError("url", `url (${which}) ${problem}`);
}
