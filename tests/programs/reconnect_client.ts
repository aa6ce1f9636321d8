/**
 * A client that nobody answers: after three waits it closes. Nothing else keeps its process alive.
 *
 *   reconnect_client.ts URL native|dialled
 */
import process from "node:process";
import { ReconnectingWebSocket } from "../../src/websocket/reconnect/mod.ts";
import { webSocketTransport } from "../../src/websocket/client/transport.ts";

const [, , url, kind] = process.argv;
const transport = kind === "dialled" ? webSocketTransport() : undefined;
const socket = new ReconnectingWebSocket(url, { transport, minDelay: 200, random: () => 0.9 });
let waits = 0;
socket.addEventListener("state", ({ state }) => {
  console.log(state);
  if (state === "waiting" && ++waits === 3) void socket.close();
});
