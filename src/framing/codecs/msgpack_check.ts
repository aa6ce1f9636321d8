/**
 * Looks through MessagePack without making anything of it.
 *
 * @module
 */

/** What one first byte stands for: how many bytes tell its length, how many follow in any case, and what it holds. */
interface Form {
  /** Bytes of the length that follows; 0 where the first byte says it all. */
  readonly sized: 0 | 1 | 2 | 4;
  /** Bytes besides what the length counts; without a length all there are. */
  readonly more: number;
  /** Values for each that the length counts; 0 where it counts bytes. */
  readonly values: 0 | 1 | 2;
}

const form = (sized: Form["sized"], more: number, values: Form["values"] = 0): Form => ({ sized, more, values });

/** From 0xc0 to 0xdf; null for the byte that is never used. */
const FORMS: readonly (Form | null)[] = [
  // nil, never used, false, true
  form(0, 0),
  null,
  form(0, 0),
  form(0, 0),
  // bin 8, 16, 32, and ext 8, 16, 32, which have a type besides
  form(1, 0),
  form(2, 0),
  form(4, 0),
  form(1, 1),
  form(2, 1),
  form(4, 1),
  // float 32, 64
  form(0, 4),
  form(0, 8),
  // uint 8 to 64, int 8 to 64
  form(0, 1),
  form(0, 2),
  form(0, 4),
  form(0, 8),
  form(0, 1),
  form(0, 2),
  form(0, 4),
  form(0, 8),
  // fixext 1 to 16
  form(0, 2),
  form(0, 3),
  form(0, 5),
  form(0, 9),
  form(0, 17),
  // str 8, 16, 32
  form(1, 0),
  form(2, 0),
  form(4, 0),
  // array 16, 32, map 16, 32
  form(2, 0, 1),
  form(4, 0, 1),
  form(2, 0, 2),
  form(4, 0, 2),
];

/**
 * Why the bytes are not one MessagePack value; null if they are. Each value takes a byte at the least, so that what is
 * announced may never be more than what is left.
 *
 * @param maxDepth Levels of arrays and maps.
 */
export function whatIsWrong(bytes: Uint8Array, maxDepth: number): string | null {
  if (bytes.length === 0) return "it has no bytes";
  /** Values still to come, on each level. */
  const levels: number[] = [1];
  let owed = 1;
  let at = 0;
  while (owed > 0) {
    const head = headAt(bytes, at);
    if (typeof head === "string") return head;
    at = head.end;
    owed += head.values - 1;
    levels[levels.length - 1]--;
    if (owed > bytes.length - at) return "it announces more than it has";
    if (head.values > 0) levels.push(head.values);
    if (levels.length - 1 > maxDepth) return `it is deeper than ${maxDepth} levels`;
    while (levels.length > 0 && levels[levels.length - 1] === 0) levels.pop();
  }
  return at === bytes.length ? null : "more bytes stand behind its end";
}

/** Where a value's own bytes end, and how many values belong to it; or what is wrong. */
function headAt(bytes: Uint8Array, at: number): { readonly end: number; readonly values: number } | string {
  const first = bytes[at];
  if (first < 0x80 || first >= 0xe0) return { end: at + 1, values: 0 };
  if (first < 0xa0) return { end: at + 1, values: (first & 0x0f) * (first < 0x90 ? 2 : 1) };
  if (first < 0xc0) return within(bytes, at + 1 + (first & 0x1f));
  const form = FORMS[first - 0xc0];
  if (form === null) return "it has a byte 0xc1";
  const { sized, more, values } = form;
  const start = at + 1 + sized;
  if (start > bytes.length) return "it ends in a value";
  let length = 0;
  for (let i = at + 1; i < start; i++) length = length * 256 + bytes[i];
  return values > 0 ? { end: start, values: length * values } : within(bytes, start + more + length);
}

function within(bytes: Uint8Array, end: number): { readonly end: number; readonly values: number } | string {
  return end > bytes.length ? "it ends in a value" : { end, values: 0 };
}
