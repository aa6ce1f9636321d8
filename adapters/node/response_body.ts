/**
 * The body of a `Response` that was made of text or bytes, as Node and Deno keep it.
 *
 * The web's API can't tell a body in memory from one that flows, and reading a stream of one chunk costs more than the
 * rest of the answer. These runtimes keep the original behind a symbol.
 *
 * @module
 */
import type { Probe } from "../shared/process.ts";

interface Inner {
  readonly body?: null | {
    readonly source?: unknown;
    readonly streamOrStatic?: { readonly consumed?: boolean; readonly locked?: boolean };
    readonly stream?: { readonly locked?: boolean };
  };
}

const UNTYPED = "";

/** Looks behind the symbols; null if this runtime has none, or they don't hold what they did when this was written. */
export function findProbe(): Probe | null {
  const sample = new Response("x");
  const symbols = Object.getOwnPropertySymbols(sample);
  const named = (name: string) => symbols.find((symbol) => symbol.description === name);
  const [lazy, inner] = [named("lazy static body"), named("response") ?? named("state")];
  if (inner === undefined) return null;
  const probe: Probe = (response) => {
    const fields = response as unknown as Record<symbol, unknown>;
    const text = lazy === undefined ? null : fields[lazy];
    if (typeof text === "string") return { content: text, type: UNTYPED };
    const content = contentOf(fields[inner] as Inner | undefined);
    return content === undefined ? undefined : { content, type: UNTYPED };
  };
  return isRight(probe, sample) ? probe : null;
}

function contentOf(inner: Inner | undefined): string | Uint8Array | null | undefined {
  if (inner === undefined) return undefined;
  if (inner.body === null || inner.body === undefined) return null;
  const { source, streamOrStatic, stream } = inner.body;
  if (streamOrStatic?.consumed === true || streamOrStatic?.locked === true || stream?.locked === true) return undefined;
  return typeof source === "string" || source instanceof Uint8Array ? source : undefined;
}

function isRight(probe: Probe, sample: Response): boolean {
  try {
    const bytes = probe(new Response(new Uint8Array([1])))?.content;
    return probe(sample)?.content === "x" && bytes instanceof Uint8Array && bytes[0] === 1 &&
      probe(new Response(null))?.content === null && probe(new Response(new ReadableStream())) === undefined;
  } catch {
    return false;
  }
}
