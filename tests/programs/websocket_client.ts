/**
 * Raw WebSocket clients in a process of their own, to be paused and killed: `websocket_client.ts PORT PATH...`, one
 * for each path. Says `open` when all are, and `end PATH HOW` for each that has ended. What a path has in it says what
 * its client does: `half` sends half a frame and no more, `begun` the first of several frames, `slowly` reads so.
 *
 * @module
 */
import process from "node:process";
import { messageBytes, WsClient } from "../support/ws_client.ts";
import { frame, TEXT } from "../support/ws_wire.ts";

const BEGUN = Uint8Array.of(1, 2, 3, 4);
const [port, ...paths] = process.argv.slice(2);
const clients = paths.map((path) =>
  new WsClient(Number(port), path, { reads: path.includes("slowly") ? "slowly" : "all" })
);
for (const client of clients) await client.opened();
for (const client of clients) {
  if (client.path.includes("half")) client.write(messageBytes("this is only begun").subarray(0, 12));
  if (client.path.includes("begun")) client.write(frame({ opcode: TEXT, fin: false, payload: BEGUN, mask: BEGUN }));
}
console.log("open");
await Promise.all(clients.map(async ({ path, net }) => console.log(`end ${path} ${await net.over(60_000)}`)));
process.exit(0);
