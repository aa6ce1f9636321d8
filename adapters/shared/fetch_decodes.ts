/**
 * Which codings the `fetch()` of each runtime decodes, though the answer keeps its `content-encoding`: measured with an
 * upstream that sends each, on Node 20, Deno 2.9 and Bun 1.4.
 *
 * @module
 */

/** Node decodes several codings, one after the other. */
export function nodeDecodes(coding: string): boolean {
  return coding.toLowerCase().split(",").every((one) => /^(x-)?gzip$|^deflate$|^br$/.test(one.trim()));
}

export function denoDecodes(coding: string): boolean {
  return /^(gzip|br)$/i.test(coding);
}

export function bunDecodes(coding: string): boolean {
  return /^((x-)?gzip|deflate|br|zstd)$/i.test(coding);
}
