/**
 * Letting go of an answer's body that nobody will send.
 *
 * @module
 */
import type { OwnFields } from "./fields.ts";
import type { HttpResult } from "../http_api.ts";

type Reader = Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel">;

/** A form's body, by the fields that the runtime gives it. */
const FORM = /(?:^|\n)content-type: multipart\/form-data/i;

/** Tells whoever makes the body that it is not wanted. */
export function discard(response: HttpResult): void {
  const stream = response?.body;
  if (stream === null || stream === undefined || stream.locked) return;
  const isForm = response!.headers.get("content-type")?.startsWith("multipart/form-data") === true;
  cancelQuietly(stream.getReader(), isForm);
}

/** The same for a body that is being read. */
export function discardReader(reader: Reader, own: OwnFields, reason?: unknown): void {
  cancelQuietly(reader, FORM.test(own.lines), reason);
}

/** On Node 24 a form that is cancelled half-way throws where nobody can catch it: it is read to its end instead. */
function cancelQuietly(reader: Reader, isForm: boolean, reason?: unknown): void {
  const ended = isForm ? readAll(reader) : reader.cancel(reason);
  ended.catch(() => {});
}

async function readAll(reader: Reader): Promise<void> {
  while (!(await reader.read()).done);
}
