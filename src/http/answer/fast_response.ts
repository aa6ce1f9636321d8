/**
 * `FastResponse`: `reply()` with the constructor of `Response`.
 *
 * @module
 */
import type { Bytes } from "../../bytes.ts";
import { isBodyless, nativeResponse, Reply, reply, ReplyBody, type ReplyInit, replyJson } from "./reply.ts";

const Native = nativeResponse();
const encoder = new TextEncoder();

/**
 * Takes the place of `Response` where the runtime's own is slow: on Node, building one costs as much as the rest of a
 * request. Text, JSON and bytes become a `reply()`, and so does another answer made of one; everything else is built by
 * the runtime. `instanceof Response` holds for both.
 */
export const FastResponse: typeof Response = makeFast();

function makeFast(): typeof Response {
  function Fast(body?: BodyInit | ReplyBody | null, init?: ResponseInit): Response {
    if (new.target === undefined) throw new TypeError("Response is a class, call it with new");
    if (new.target === Fast && isPlain(init)) {
      if (isWhole(body)) return reply(body, init as ReplyInit);
      if (body instanceof ReplyBody && body.of.isUnread) return again(body.of, init);
    }
    const given = body instanceof ReplyBody ? body.native() : body;
    return Reflect.construct(Native, [given, init], new.target === Fast ? Native : new.target);
  }
  Fast.prototype = Native.prototype;
  Fast.json = (value: unknown, init?: ResponseInit): Response =>
    isPlain(init) ? replyJson(value, init as ReplyInit) : Native.json(value, init);
  return Object.setPrototypeOf(Fast, Native);
}

/** What middlewares do to add fields: the body of one answer, and mostly the fields of the same. */
function again(of: Reply, init: ResponseInit | undefined): Response {
  if (init instanceof Reply && !isBodyless(init.status)) return init.with(of.content) as unknown as Response;
  // A stream has no type that an answer would take over.
  const content = typeof of.content === "string" ? encoder.encode(of.content) : of.content;
  return reply(content, init as ReplyInit);
}

function isWhole(body: unknown): body is string | Bytes | null | undefined {
  if (typeof body === "string" || body === null || body === undefined) return true;
  return ArrayBuffer.isView(body) || body instanceof ArrayBuffer;
}

function isPlain(init: ResponseInit | undefined): boolean {
  return init === undefined || (init !== null && typeof init === "object" && !init.statusText);
}
