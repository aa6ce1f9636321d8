/**
 * Handlers that answer nobody but whoever watches over a process: a server that has no other is stopped last.
 *
 * @module
 */

const FOR_PROBES: unique symbol = Symbol("probes");

/** Marks a handler as one of them. */
export function forProbes<T extends object>(handler: T): T {
  return Object.assign(handler, { [FOR_PROBES]: true });
}

/** Whether it is one of them. */
export function isForProbes(handler: object): boolean {
  return FOR_PROBES in handler;
}
