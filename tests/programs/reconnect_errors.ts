/** A client whose listeners and functions throw; says which errors were uncaught, and in which state it is then. */
import process from "node:process";
import { ReconnectingWebSocket, type TransportEvents } from "../../src/websocket/reconnect/mod.ts";

process.on("uncaughtException", (error) => console.log(`uncaught ${error.message}`));

let events: TransportEvents;
const socket = new ReconnectingWebSocket("ws://host", {
  transport: (_url, _protocols, its) => {
    events = its;
    return { bufferedAmount: 0, send: () => true, close: () => {} };
  },
  shouldReconnect: () => {
    throw new Error("should");
  },
});
socket.addEventListener("message", () => {
  throw new Error("message");
});
socket.addEventListener("message", ({ data }) => console.log(`heard ${data}`));

setTimeout(() => {
  events.open("");
  events.message("x");
  events.close({ code: 1006, reason: "", wasClean: false });
  console.log(socket.state);
  void socket.close();
}, 10);
