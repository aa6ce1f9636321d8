/**
 * How native WebSockets stand, and end. In a file without imports, since bundlers put such constants where they are used.
 *
 * @module
 */

/** What this side says when the page is put away or the network is gone (RFC 6455 §7.4.1). */
export const GOING_AWAY = 1001;

/** Of the four states of a native WebSocket: there is no connection yet, and the one in which it takes messages. */
export const CONNECTING = 0;
export const OPEN = 1;

/** The end without a Close from the server (RFC 6455 §7.1.5). */
export const ABNORMAL = 1006;

/** What is reported of it. */
export const NO_CLOSE = { code: ABNORMAL, reason: "", wasClean: false } as const;
