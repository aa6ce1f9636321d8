/**
 * The options of a proxy, checked and defaulted.
 *
 * @module
 */
import type { ContextParent } from "../../context/mod.ts";
import { OptionError } from "../../errors.ts";
import type { HeaderFields, HttpContext, HttpResult } from "../../http/http_api.ts";
import { fieldLine, pairsOf } from "../../http/answer/fields.ts";
import { checkNames, type Names } from "../../names.ts";
import { callable, oneOf, text } from "../../validate.ts";
import type { ForwardedKind } from "./forwarding.ts";

/** Everything `proxy()` takes. */
export interface ProxyOptions {
  /** Where a request goes, by its own target; the client's word stands behind it. @default as it came */
  readonly target?: (target: string) => string;
  /** Whether the upstream sees the host that the client has asked for, or its own. @default "client" */
  readonly host?: "client" | "upstream";
  /** Fields for the upstream, in place of the client's of the same name. @default none */
  readonly headers?: HeaderFields;
  /** Which fields tell the upstream of the client; what the client itself says of it is dropped. @default "x-forwarded" */
  readonly forwarded?: ForwardedKind;
  /** This proxy's name in Via. @default "sluice" */
  readonly via?: string;
  /** Protocols to which a connection may be switched; requests for others go on without. @default ["websocket"] */
  readonly upgrades?: readonly string[];
  /** Ends the call: derived from `ctx`, with a time of its own. @default ctx */
  readonly context?: ContextParent;
  /** Answers when the upstream has not. @default 502; 503 for no free connection; 504 for no answer in time */
  readonly onError?: (error: unknown, request: Request, ctx: HttpContext) => HttpResult | Promise<HttpResult>;
}

/** What a proxy goes by. */
export interface ProxyPlan {
  readonly target: ((target: string) => string) | undefined;
  readonly keepsHost: boolean;
  /** Names that are set here, in lower case. */
  readonly sets: ReadonlySet<string>;
  /** Their fields, each with its CRLF. */
  readonly lines: string;
  readonly forwarded: ForwardedKind;
  readonly via: string;
  readonly upgrades: readonly string[];
  readonly context: ContextParent | undefined;
  readonly onError: ProxyOptions["onError"];
}

const NAMES: Names<ProxyOptions> = {
  target: true,
  host: true,
  headers: true,
  forwarded: true,
  via: true,
  upgrades: true,
  context: true,
  onError: true,
};

const KINDS: readonly ForwardedKind[] = ["x-forwarded", "forwarded", "both", "none"];
/** A pseudonym or a host (RFC 9110 §7.6.3). */
const VIA = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+(:\d+)?$/;
/** They belong to one connection, or frame the message: who set them would break it. */
const REFUSED = /^(connection|keep-alive|proxy-connection|transfer-encoding|content-length|upgrade|te|expect|host)$/;

const USUAL: ProxyPlan = planOf({});

/** Plans by their options: most programs have one object of them for all requests. */
const plans: WeakMap<ProxyOptions, ProxyPlan> = new WeakMap();

/** @throws {OptionError} An option can't be used. @throws {TypeError} A field can't stand in a head. */
export function proxyPlan(options: ProxyOptions | undefined): ProxyPlan {
  if (options === undefined) return USUAL;
  // A context is another one for each request.
  if (options.context !== undefined) return planOf(options);
  let plan = typeof options === "object" && options !== null ? plans.get(options) : undefined;
  if (plan === undefined) {
    plan = planOf(options);
    plans.set(options, plan);
  }
  return plan;
}

function planOf(options: ProxyOptions): ProxyPlan {
  checkNames("proxy()", options, NAMES);
  const { upgrades = ["websocket"] } = options;
  if (!Array.isArray(upgrades) || upgrades.some((name) => typeof name !== "string" || !VIA.test(name))) {
    throw new OptionError("upgrades", `upgrades must be a list of protocols, got ${JSON.stringify(upgrades)}`);
  }
  if (upgrades.some((name) => /^h2c/i.test(name))) {
    throw new OptionError("upgrades", `upgrades can't have "h2c": requests inside of it would pass this proxy unseen`);
  }
  const via = text("via", options.via, "sluice");
  if (!VIA.test(via)) throw new OptionError("via", `via must be a name or a host, got ${JSON.stringify(via)}`);
  return {
    target: callable("target", options.target),
    keepsHost: oneOf("host", options.host, "client", ["client", "upstream"]) === "client",
    ...ownFields(options.headers ?? {}),
    forwarded: oneOf("forwarded", options.forwarded, "x-forwarded", KINDS),
    via,
    upgrades: upgrades.map((name: string) => name.toLowerCase()),
    context: options.context,
    onError: callable("onError", options.onError),
  };
}

function ownFields(headers: HeaderFields): Pick<ProxyPlan, "sets" | "lines"> {
  const sets = new Set<string>();
  let lines = "";
  for (const [given, value] of pairsOf(headers)) {
    const name = given.toLowerCase();
    if (REFUSED.test(name)) throw new OptionError("headers", `${given} is the proxy's own to say, leave it out`);
    lines += fieldLine(name, value);
    sets.add(name);
  }
  return { sets, lines };
}
