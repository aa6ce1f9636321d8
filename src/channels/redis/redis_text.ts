/**
 * Entries, notices and places as Redis keeps them: all of it text, which every client gives back as it was.
 *
 * @module
 */
import type { Entry, EntryKind, NewEntry, Notice } from "../log/log_api.ts";

/** Where a stream stands, and which life of a server had brought it there. */
export interface Place {
  readonly epoch: string;
  readonly top: number;
  readonly life: string;
}

/** Letters of the kinds; the large one says that the data is bytes, in base64. */
const LETTERS: Readonly<Record<EntryKind, string>> = { message: "m", join: "j", leave: "l", lost: "x", control: "c" };
const KINDS: ReadonlyMap<string, EntryKind> = new Map(
  Object.entries(LETTERS).map(([kind, letter]) => [letter, kind as EntryKind]),
);

/** An entry on its way to Redis. */
export interface EntryText {
  readonly kind: string;
  readonly data: string;
  readonly headers: string;
}

/** As Redis keeps it. */
export function entryText({ kind, data, headers }: NewEntry): EntryText {
  const letter = LETTERS[kind];
  const isText = typeof data === "string";
  return {
    kind: isText ? letter : letter.toUpperCase(),
    data: isText ? data : toBase64(data),
    headers: headers === null ? "" : JSON.stringify(headers),
  };
}

function entryOf(offset: number, time: number, { kind, data, headers }: EntryText): Entry {
  const letter = kind.toLowerCase();
  return {
    offset,
    time,
    kind: KINDS.get(letter) ?? "control",
    data: letter === kind ? data : fromBase64(data),
    headers: headers === "" ? null : JSON.parse(headers) as Record<string, string>,
  };
}

/** One of what XRANGE gives: its id, and the fields `t`, `k`, `d` and `h`. */
export function entryOfItem(item: unknown): Entry {
  const [id, fields] = item as readonly [id: string, fields: readonly string[]];
  return entryOf(parseInt(id), Number(fields[1]), { kind: fields[3], data: fields[5], headers: fields[7] });
}

/** What the append script publishes: `epoch life top`, and if the entry is there `time kind`, headers and data. */
export function noticeOf(text: string): Notice & Place | null {
  const end = text.indexOf("\n");
  const [epoch, life, top, time, kind] = (end < 0 ? text : text.slice(0, end)).split(" ");
  if (life === undefined || !(Number(top) >= 0)) return null;
  const place = { epoch, life, top: Number(top) };
  if (end < 0) return { ...place, entry: null };
  const next = text.indexOf("\n", end + 1);
  const headers = text.slice(end + 1, next);
  return { ...place, entry: entryOf(place.top, Number(time), { kind, data: text.slice(next + 1), headers }) };
}

/** Where a stream stands, of its `meta`; null if that is gone, or no such text. */
export function placeOf(meta: unknown): Place | null {
  if (typeof meta !== "string") return null;
  const words = meta.split(" ");
  const life = /([^,:]+):\d+$/.exec(meta)?.[1];
  return words.length === 11 && life !== undefined ? { epoch: words[0], top: Number(words[1]), life } : null;
}

/** How much is made one string at a time: more arguments than that are too many for a call. */
const PIECE = 0x6000;

interface Base64 {
  toBase64?(): string;
}

function toBase64(bytes: Uint8Array): string {
  const own = bytes as Base64;
  if (own.toBase64 !== undefined) return own.toBase64();
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE) {
    // A multiple of three bytes has no padding: the pieces join.
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE)));
  }
  return text;
}

function fromBase64(text: string): Uint8Array {
  const { fromBase64: own } = Uint8Array as { fromBase64?(text: string): Uint8Array };
  if (own !== undefined) return own.call(Uint8Array, text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
