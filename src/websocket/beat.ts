/**
 * A heartbeat for clients that can't ping: scripts in a browser neither send pings nor hear of them.
 *
 * Such a client offers the subprotocol below, behind those of the application. A server that knows it sends the message
 * `BEAT` first of all, and once more for each that it gets; neither side hands one to its application. Whoever does not
 * hear it at the beginning knows that its server knows nothing of it.
 *
 * @module
 */

/** The subprotocol that says: this client understands `BEAT`. */
export const HEARTBEAT_PROTOCOL = "heartbeat.sluice";

/** No application sends this by chance: its first character is NUL. */
export const BEAT = "\0heartbeat.sluice";
