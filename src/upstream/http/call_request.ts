/**
 * From what a caller says to a request that can go out.
 *
 * @module
 */
import { OptionError } from "../../errors.ts";
import { checkNames, type Names } from "../../names.ts";
import { endOf } from "../../sync.ts";
import { fieldLine, isToken, pairsOf } from "../../http/answer/fields.ts";
import type { HeaderFields } from "../../http/http_api.ts";
import { callable, text, yesOrNo } from "../../validate.ts";
import { isIdempotent, type Outgoing } from "./outgoing.ts";
import { outgoingBody } from "./outgoing_body.ts";
import { traceLines } from "./trace.ts";
import type { CallOptions } from "./upstream_api.ts";

const NAMES: Names<CallOptions> = {
  method: true,
  headers: true,
  body: true,
  context: true,
  idempotent: true,
  expectContinue: true,
  upgrade: true,
  inform: true,
};

/** Origin form (RFC 9112 §3.2.1): visible ASCII from the first slash on, without a fragment. */
const TARGET = /^\/[\x21\x22\x24-\x7e]*$/;
/** As the web's `fetch()` does: of these alone another case is a slip. */
const COMMON = /^(get|head|post|put|delete|options)$/i;

/** Fields that say how the connection is used, and the option that is for it. */
const OWN: Readonly<Record<string, string>> = {
  "connection": "leave it out",
  "keep-alive": "leave it out",
  "proxy-connection": "leave it out",
  "transfer-encoding": "leave it out, a body of unknown length is sent in chunks",
  "te": "leave it out",
  "trailer": "leave it out",
  "upgrade": "use the option upgrade",
  "expect": "use the option expectContinue",
};

/** @throws {OptionError} The target or an option can't be used. @throws {TypeError} A field can't stand in a head. */
export function requestOf(target: string, options: CallOptions): Outgoing {
  if (Object.hasOwn(options ?? {}, "signal")) {
    throw new OptionError(
      "signal",
      "A call of an upstream has no option signal, give context: the signal, or a handler's ctx",
    );
  }
  checkNames("request()", options, NAMES);
  const method = methodOf(options.method);
  checkTarget(target, method);
  endOf(options.context);
  const fields = fieldsOf(options.headers ?? {});
  const { body, type } = outgoingBody(options.body, fields.length);
  const typed = type === "" || fields.isTyped ? "" : `content-type: ${type}\r\n`;
  return {
    method,
    target,
    host: fields.host,
    lines: fields.lines + typed + (fields.isTraced ? "" : traceLines(options.context)),
    body,
    expectContinue: yesOrNo("expectContinue", options.expectContinue, false) && body !== null,
    upgrade: upgradeOf(options),
    isIdempotent: yesOrNo("idempotent", options.idempotent, isIdempotent(method)),
    context: options.context,
    inform: callable("inform", options.inform) ?? null,
  };
}

function methodOf(given: string | undefined): string {
  const method = text("method", given, "GET");
  if (!isToken(method)) throw new OptionError("method", `method must be a token, got ${JSON.stringify(method)}`);
  if (method === "CONNECT") {
    throw new OptionError("method", "method must not be CONNECT, which opens a tunnel: use connect() for that");
  }
  return COMMON.test(method) ? method.toUpperCase() : method;
}

/** @throws {OptionError} It can't stand in a request line. */
export function checkTarget(target: string, method: string): void {
  if (typeof target === "string" && (TARGET.test(target) || (target === "*" && method === "OPTIONS"))) return;
  throw new OptionError(
    "target",
    `target must be a path from its first "/" on, percent-encoded and without a fragment, got ${
      JSON.stringify(target)
    }`,
  );
}

function upgradeOf({ upgrade, body }: CallOptions): string {
  if (upgrade === undefined) return "";
  if (!isToken(text("upgrade", upgrade, ""))) {
    throw new OptionError("upgrade", `upgrade must be a protocol such as "websocket", got ${JSON.stringify(upgrade)}`);
  }
  if (body !== null && body !== undefined) throw new OptionError("upgrade", "upgrade goes with no body, leave it out");
  return upgrade;
}

interface Fields {
  lines: string;
  host: string | null;
  length: number;
  isTyped: boolean;
  isTraced: boolean;
}

function fieldsOf(headers: HeaderFields): Fields {
  const fields: Fields = { lines: "", host: null, length: -1, isTyped: false, isTraced: false };
  for (const [given, value] of pairsOf(headers)) {
    const line = fieldLine(given, value);
    const name = given.toLowerCase();
    if (Object.hasOwn(OWN, name)) throw new OptionError("headers", `${given} is for the connection: ${OWN[name]}`);
    if (name === "host") fields.host = value;
    else if (name === "content-length") fields.length = lengthOf(value);
    else fields.lines += line;
    if (name === "content-type") fields.isTyped = true;
    if (name === "traceparent") fields.isTraced = true;
  }
  return fields;
}

function lengthOf(value: string): number {
  if (/^\d{1,15}$/.test(value)) return Number(value);
  throw new OptionError("headers", `Content-Length must be a whole number, got ${JSON.stringify(value)}`);
}
