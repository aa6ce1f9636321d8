/**
 * The body of a `Response` that was made of text or bytes, on Bun.
 *
 * The web's API can't tell a body in memory from one that flows, and reading a stream of one chunk costs more than the
 * rest of the answer. Bun tells what a value weighs: a body in memory weighs its length, one that flows nothing; and
 * what is in memory is there at once.
 *
 * @module
 */
import { createRequire } from "node:module";
import type { Probe } from "../shared/process.ts";

interface BunGlobal {
  /** The value of a promise that has fulfilled, else the promise. */
  peek<T>(promise: Promise<T>): T | Promise<T>;
}

/** Bytes that decide whether a body without a type is text, as browsers have it (WHATWG MIME Sniffing §7). */
const SNIFFED_BYTES = 1445;

/** Weighs and takes; null if this version doesn't do what it did when this was written. */
export function findProbe(): Probe | null {
  try {
    const { peek } = (globalThis as unknown as { Bun: BunGlobal }).Bun;
    const weigh: (value: object) => number = createRequire(import.meta.url)("bun:jsc").estimateShallowMemoryUsageOf;
    const empty = weigh(new Response(null));
    const probe: Probe = (response, isTyped) => {
      // What was fetched weighs something even while most of it is still to come.
      if (response.url !== "" || weigh(response) - response.statusText.length <= empty) return undefined;
      const content = peek(response.bytes());
      if (!(content instanceof Uint8Array)) throw new TypeError("A body in memory was not there at once");
      return { content, type: isTyped !== true && isText(content) ? "text/plain;charset=utf-8" : "" };
    };
    return isRight(probe) ? probe : null;
  } catch {
    return null;
  }
}

/** Bun forgets whether a body was made of text, and with it the type that comes along. */
function isText(bytes: Uint8Array): boolean {
  const end = Math.min(bytes.length, SNIFFED_BYTES);
  for (let i = 0; i < end; i++) {
    const byte = bytes[i];
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0c && byte !== 0x0d && byte !== 0x1b) return false;
  }
  return true;
}

function isRight(probe: Probe): boolean {
  const headers = { "x-a": "b".repeat(100) };
  const flowing = [{}, { headers }, { status: 404, statusText: "Nothing here" }];
  const content = probe(new Response("x", { headers }))?.content as Uint8Array | undefined;
  return content?.length === 1 && content[0] === 0x78 &&
    flowing.every((init) => probe(new Response(new ReadableStream(), init)) === undefined);
}
