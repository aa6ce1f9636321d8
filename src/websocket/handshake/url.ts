/**
 * Addresses of WebSockets (RFC 6455 §3).
 *
 * @module
 */
import { OptionError } from "../../errors.ts";
import { kindOf } from "../fields.ts";

/** Where a WebSocket is. */
export interface WebSocketTarget {
  /** Speaks TLS. */
  readonly secure: boolean;
  /** Name or IP address, without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** For the Host field: without the scheme's own port. */
  readonly host: string;
  /** Path and query. */
  readonly resource: string;
}

/** A page's own address is often all that a program has: http and https stand for ws and wss. */
const SCHEMES: Readonly<Record<string, { readonly secure: boolean; readonly port: number }>> = {
  "ws:": { secure: false, port: 80 },
  "wss:": { secure: true, port: 443 },
  "http:": { secure: false, port: 80 },
  "https:": { secure: true, port: 443 },
};

/** Takes an address apart. @throws {OptionError} It is no address of a WebSocket. */
export function parseTarget(address: string | URL): WebSocketTarget {
  const url = parseUrl(address);
  const scheme = SCHEMES[url.protocol];
  if (scheme === undefined) throw unusable(url.protocol, "has a scheme that is not ws:, wss:, http: or https:");
  const { host } = url;
  // The address itself stays out of these messages: what is wrong with it may be a secret.
  if (url.username !== "" || url.password !== "") {
    throw unusable(host, "has a user's name or password in it: send them by headers: { authorization }");
  }
  if (url.hash !== "") throw unusable(host, 'has a fragment: leave out what begins with "#"');
  return {
    secure: scheme.secure,
    hostname: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? scheme.port : Number(url.port),
    host,
    resource: url.pathname + url.search,
  };
}

function parseUrl(address: unknown): URL {
  if (typeof address === "string" || address instanceof URL) {
    try {
      return new URL(address);
    } catch {
      // It is told below, as everything else that is no address.
    }
  }
  throw new OptionError("url", `url must be absolute, such as "ws://localhost:8080/chat", got ${kindOf(address)}`);
}

function unusable(which: string, problem: string): OptionError {
  return new OptionError("url", `url (${which}) ${problem}`);
}
