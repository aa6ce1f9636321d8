/**
 * A web stream of what is read part by part.
 *
 * @module
 */

/** Reads when it is read itself, and nothing ahead. @param read Gives the next part, or null at the end. */
export function pulledFrom(
  read: () => Promise<Uint8Array | null>,
  cancel?: (reason: unknown) => void,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async pull(controller) {
      const part = await read();
      if (part === null) controller.close();
      else controller.enqueue(part as Uint8Array<ArrayBuffer>);
    },
    cancel,
  }, { highWaterMark: 0 });
}
