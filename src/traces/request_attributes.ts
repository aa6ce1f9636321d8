/**
 * A request in the words of OpenTelemetry's semantic conventions for HTTP.
 *
 * @module
 */
import { methodOf, OTHER } from "../conventions.ts";
import type { ObservedRequest } from "../http/mod.ts";
import type { SpanAttributes } from "./opentelemetry.ts";

type Address = ObservedRequest["remote"];

/** Signatures and keys in queries, which the conventions keep out of traces. */
const SECRET = /(^|&)(AWSAccessKeyId|Signature|sig|X-Goog-Signature)=[^&]*/g;

/** A host with its port, an IPv6 address in brackets. */
const HOST = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/;

/** What is known when it begins, and what samplers may look at. */
export function attributesOf(request: ObservedRequest, server: string): SpanAttributes {
  const { method, scheme, protocol, conn } = request;
  const known = methodOf(method);
  const agent = request.header("user-agent");
  return {
    "http.request.method": known,
    ...(known === OTHER ? { "http.request.method_original": method } : {}),
    "url.scheme": scheme,
    ...urlAttributes(request),
    ...hostAttributes(request.host),
    "network.protocol.version": protocol,
    ...addressAttributes("client", request.remote),
    ...peerAttributes(conn.remote),
    ...(agent === null ? {} : { "user_agent.original": agent }),
    "sluice.server": server,
  };
}

/** What a span of it is called (never by its path, which has no end of forms). */
export function spanName(method: string, route: string): string {
  const known = methodOf(method);
  const word = known === OTHER ? "HTTP" : known;
  return route === "" ? word : `${word} ${route}`;
}

/** The other end of a connection itself, whoever stands in front of it. */
export function peerAttributes(remote: Address): SpanAttributes {
  if (remote.transport !== "tcp") return { "network.transport": "unix" };
  return { "network.peer.address": remote.hostname, "network.peer.port": remote.port };
}

function urlAttributes({ method, target }: ObservedRequest): SpanAttributes {
  // Of a tunnel there is only where to.
  if (method === "CONNECT") return {};
  const local = target.includes("://") && !target.startsWith("/") ? target.replace(/^[^/]*\/\/[^/?]*/, "") : target;
  const at = local.indexOf("?");
  if (at < 0) return { "url.path": local === "" ? "/" : local };
  return {
    "url.path": local.slice(0, at) === "" ? "/" : local.slice(0, at),
    "url.query": local.slice(at + 1).replace(SECRET, "$1$2=REDACTED"),
  };
}

function hostAttributes(host: string): SpanAttributes {
  const [, name, port] = HOST.exec(host) ?? [];
  if (name === undefined || name === "") return {};
  return { "server.address": bare(name), ...(port === undefined ? {} : { "server.port": Number(port) }) };
}

function addressAttributes(of: string, address: Address): SpanAttributes {
  return address.transport === "tcp" ? { [`${of}.address`]: address.hostname } : {};
}

function bare(host: string): string {
  return host.startsWith("[") ? host.slice(1, -1) : host;
}
