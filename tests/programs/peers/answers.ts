/** What the HTTP peers answer, so that they differ in their stop alone. */

/** Parts of the long answer at `/stream`. */
export const PARTS = 20;
/** Rest before each part, in ms. */
export const PART_MS = 25;

/** One part. */
export const PART: string = `${"part of a long answer ".repeat(10)}\n`;

/** The answer to an upload. */
export function countOf(bytes: number): string {
  return `${bytes} bytes\n`;
}

/** The long answer as a web stream. */
export function longAnswer(): ReadableStream<Uint8Array> {
  const part = new TextEncoder().encode(PART);
  let left = PARTS;
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, PART_MS));
      controller.enqueue(part);
      if (--left === 0) controller.close();
    },
  });
}

/** What a fetch-style peer answers. */
export async function answer(request: Request): Promise<Response> {
  if (new URL(request.url).pathname === "/stream") return new Response(longAnswer());
  if (request.method === "POST") return new Response(countOf((await request.arrayBuffer()).byteLength));
  return new Response("hello world\n");
}
