/**
 * W3C Trace Context, level 1: the `traceparent` field (https://www.w3.org/TR/trace-context-1/#traceparent-header).
 *
 * @module
 */

/** `00-<32 trace id>-<16 parent id>-<2 flags>`. */
const LENGTH = 55;
const TRACE_ID_AT = 3;
const PARENT_ID_AT = 36;
const FLAGS_AT = 53;

const DASH = 0x2d;
const ZERO = 0x30;

/** The caller records the trace. */
const SAMPLED = "01";
/**
 * Nothing here records a trace, so one that begins here must not claim it (section 3.2.2.5.1, sampled flag): what is
 * called from here would record its part for nobody. Whoever does record sets the flag.
 */
const NOT_SAMPLED = "00";
/** The one flag that this version defines; the others must be sent as zero. */
const SAMPLED_FLAG = 0x01;

const ZERO_TRACE_ID = "0".repeat(32);
const ZERO_PARENT_ID = "0".repeat(16);

/** One call for so many random bytes is cheaper than a call for each id, and small enough to be kept alive by one. */
const POOL_BYTES = 1024;

/** Random bytes as hex text, handed out once each. A cache, not state: nobody can tell that it is there. */
let pool = "";
let used = 0;

/**
 * The `traceparent` of our own part of a request: in the caller's trace if `header` is valid, else in a new one, which
 * is marked as not sampled. The parent id is new in either case.
 *
 * A field of a later version is read as far as this version knows it, and goes on as version 00.
 *
 * @param header The field as received; null if there is none.
 */
export function continueTrace(header: string | null): string {
  if (header === null || !isTraceparent(header)) return `00-${randomTraceId()}-${randomParentId()}-${NOT_SAMPLED}`;
  return `00-${traceIdOf(header)}-${randomParentId()}-${isSampled(header) ? SAMPLED : NOT_SAMPLED}`;
}

/** The trace id (32 hex digits) of a valid `traceparent`. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(TRACE_ID_AT, TRACE_ID_AT + 32);
}

/** The parent id (16 hex digits) of a valid `traceparent`: of our own it is the span of the request. */
export function spanIdOf(traceparent: string): string {
  return traceparent.slice(PARENT_ID_AT, PARENT_ID_AT + 16);
}

/** Whether a field's value may be continued (section 3.2.2). */
export function isTraceparent(value: string): boolean {
  if (value.length < LENGTH || !hasShape(value)) return false;
  if (value.startsWith("ff")) return false;
  if (value.length > LENGTH && (value.startsWith("00") || value.charCodeAt(LENGTH) !== DASH)) return false;
  return !value.startsWith(ZERO_TRACE_ID, TRACE_ID_AT) && !value.startsWith(ZERO_PARENT_ID, PARENT_ID_AT);
}

/** Lower-case hex digits, with dashes where they belong. */
function hasShape(value: string): boolean {
  for (let i = 0; i < LENGTH; i++) {
    const code = value.charCodeAt(i);
    if (i === 2 || i === PARENT_ID_AT - 1 || i === FLAGS_AT - 1) {
      if (code !== DASH) return false;
    } else if (!(code >= ZERO && code <= 0x39) && !(code >= 0x61 && code <= 0x66)) return false;
  }
  return true;
}

/** Whether the caller records the trace of a valid `traceparent`. */
export function isSampled(traceparent: string): boolean {
  return (parseInt(traceparent.slice(FLAGS_AT, LENGTH), 16) & SAMPLED_FLAG) !== 0;
}

function randomTraceId(): string {
  for (;;) {
    const id = takeHex(32);
    if (id !== ZERO_TRACE_ID) return id;
  }
}

function randomParentId(): string {
  for (;;) {
    const id = takeHex(16);
    if (id !== ZERO_PARENT_ID) return id;
  }
}

function takeHex(digits: number): string {
  if (used + digits > pool.length) refill();
  const hex = pool.slice(used, used + digits);
  used += digits;
  return hex;
}

function refill(): void {
  let hex = "";
  for (const byte of crypto.getRandomValues(new Uint8Array(POOL_BYTES))) hex += (byte + 0x100).toString(16).slice(1);
  pool = hex;
  used = 0;
}
