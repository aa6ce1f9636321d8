/**
 * Numbers of the client. In a file without imports, since bundlers put such constants where they are used.
 *
 * @module
 */

/** Messages, and as many calls, that are under way at a time: a server lets 256 wait. */
export const WINDOW = 100;
/** Subscriptions in one frame, and bytes of them: any server takes so many, along with a token. */
export const BATCH = 50;
export const BATCH_BYTES = 16_384;
/** What a call has beyond is for ever to the server, which has no longer timer. */
export const LONGEST = 2_147_483_647;
/** Longest method of a call. */
export const MAX_METHOD = 1024;
/** How long to wait before what the server can't do at the moment is said again, in ms. */
export const RETRY = 1000;
/** How long to stay away after too much was said, in ms. */
export const FLOOD_WAIT = 10_000;
/** Acknowledged direct messages that are remembered: one comes again where the acknowledgement got lost. */
export const REMEMBERED = 1000;
/** RFC 6455 §7.4.1. */
export const TOO_BIG = 1009;

/** More changes of members than a server writes while it looks who is there. */
export const MOST_CHANGES = 1000;
