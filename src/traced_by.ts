/**
 * Which trace a context belongs to.
 *
 * @module
 */

/**
 * `traceparent`, and `tracestate` where it is not empty, of the nearest context that has them, from this one up: a
 * handler's has, and those derived from it lead there. Null where none has.
 *
 * @param isTrace Whether a `traceparent` will do.
 */
export function tracedBy(context: unknown, isTrace: (traceparent: string) => boolean): Record<string, string> | null {
  let at = context as Readonly<Record<string, unknown>> | null | undefined;
  while (typeof at === "object" && at !== null) {
    const { traceparent, tracestate } = at;
    if (typeof traceparent === "string" && isTrace(traceparent)) {
      return typeof tracestate === "string" && tracestate !== "" ? { traceparent, tracestate } : { traceparent };
    }
    at = (at.parent ?? at.values) as typeof at | null | undefined;
  }
  return null;
}
