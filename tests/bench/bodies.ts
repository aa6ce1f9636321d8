/**
 * What HTTP servers are asked to send, and what the load expects of them.
 *
 * @module
 */

/** Of one chunk of a stream, and of an upload. */
export const CHUNK_BYTES = 65_536;
/** A streamed answer, in chunks. */
export const STREAM_CHUNKS = 1600;
/** A streamed answer, in bytes: 100 MiB. */
export const STREAM_BYTES: number = CHUNK_BYTES * STREAM_CHUNKS;
export const HELLO = "hello world";
/** The everyday request: JSON of 200 bytes. */
export const ORDER: string = JSON.stringify({
  order: "4f0c2a9e-57c1-4b7e-9d53-0d1c7a7be002",
  customer: { id: 40_721, name: "Ada Lovelace" },
  items: [{ sku: "A-1001", count: 2, price: 19.9 }, { sku: "B-77", count: 1, price: 5 }],
  note: "Ring twice!",
});
/** Its answer. */
export const ACCEPTED: string = JSON.stringify({ ...JSON.parse(ORDER), accepted: true });
/** What the app of the Hono row answers. */
export const USER = { id: "40721", name: "Ada Lovelace", email: "ada@example.com", roles: ["admin", "author"] };

/** A chunk whose bytes tell where in it they are. */
export function makeChunk(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(CHUNK_BYTES);
  for (let i = 0; i < bytes.length; i++) bytes[i] = 97 + i % 23;
  return bytes;
}

const chunk = makeChunk();

/** The streamed answer for who takes the web's streams: the same chunk again and again, so that the source costs nothing. */
export function makeStream(): ReadableStream<Uint8Array<ArrayBuffer>> {
  let left = STREAM_CHUNKS;
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(chunk);
      if (--left === 0) controller.close();
    },
  });
}
