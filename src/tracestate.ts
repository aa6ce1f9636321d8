/**
 * W3C Trace Context: the `tracestate` field (https://www.w3.org/TR/trace-context-1/#tracestate-header).
 *
 * @module
 */

/** List members beyond these make the field invalid (section 3.3.1.1). */
const MAX_MEMBERS = 32;
/** What has to be passed on at least (section 3.3.1.5); whoever is called need not take more, so more is not sent. */
const MAX_CHARS = 512;
/** Members above this size go first where there are too many characters. */
const LARGE = 128;
/**
 * One member. Its key may begin with a digit, as level 2 allows: to a reader of level 1 it is wrong, but it is the
 * caller's, and what can be passed on should be.
 */
const MEMBER = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * The field as it is passed on: without spaces around its members and without empty ones. Empty if it is invalid, since
 * no part of such a field may be believed.
 *
 * @param header The field as received, several joined by a comma; null if there is none.
 */
export function readTracestate(header: string | null): string {
  if (header === null) return "";
  const members = header.split(",").map((member) => member.replace(/^[ \t]+|[ \t]+$/g, "")).filter((member) => member);
  if (members.length > MAX_MEMBERS || !members.every((member) => MEMBER.test(member))) return "";
  return fitted(members).join(",");
}

/** Whole members alone are left out: the large ones first, the last ones of them before others. */
function fitted(members: string[]): string[] {
  const kept = [...members];
  let length = kept.join(",").length;
  const leaveOut = (at: number): void => void (length -= kept.splice(at, 1)[0].length + 1);
  for (let at = kept.length - 1; at >= 0 && length > MAX_CHARS; at--) if (kept[at].length > LARGE) leaveOut(at);
  while (length > MAX_CHARS) leaveOut(kept.length - 1);
  return kept;
}
