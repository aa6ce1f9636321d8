/** WebSockets that nobody answers on, and heartbeats. */
import { type Pattern, pause } from "../../support/handlers.ts";
import { webSocket } from "../../support/handler_kinds.ts";
import type { RawTalker } from "../../support/handler_talkers.ts";
import { answerLater, ask, quietly, readAhead, stream } from "../../support/handler_websocket.ts";

export const ONE_WAY: readonly Pattern[] = [
  ...webSocket({
    name: "telemetry on a server that has shown nothing yet",
    handler: () => async (ws) => {
      for await (const _ of ws);
    },
    client: (talker) => stream(talker, 3, 50),
    sees: "",
    drain: { atMost: 5000 },
  }),
  ...webSocket({
    name: "telemetry that said it never answers",
    handler: () => async (ws) => {
      for await (const _ of ws);
    },
    ws: { answers: false },
    grace: 8000,
    client: (talker) => stream(talker, 3, 50),
    sees: "",
  }),
  ...webSocket({
    name: "telemetry that says of each message that it wants no answer, one every 50 ms",
    handler: () => async (ws) => {
      for await (const _ of ws) ws.answered();
    },
    grace: 8000,
    client: (talker) => stream(talker, 20, 50),
    stopAt: 700,
    sees: "",
    work: 300,
  }),
  ...webSocket({
    name: "a protocol with messages that want no answer, and says which",
    handler: () => async (ws) => {
      for await (const message of ws) {
        if (String(message).startsWith("set")) ws.answered();
        else answerLater(ws, String(message));
      }
    },
    grace: 8000,
    owes: true,
    client: (talker) => ["set 1", "get", "set 2"].forEach((message) => talker.send(message)),
    sees: "get!\n",
    work: 400,
  }),
  ...webSocket({
    name: "a protocol with messages that want no answer, and does not say which",
    handler: () => async (ws) => {
      for await (const message of ws) if (!String(message).startsWith("set")) answerLater(ws, String(message));
    },
    client: (talker) => ["set 1", "get", "set 2"].forEach((message) => talker.send(message)),
    sees: "get!\n",
    work: 400,
    drain: { atMost: 5000 },
  }),
  ...webSocket({
    name: "pings of the server every 200 ms",
    handler: () => readAhead,
    ws: { heartbeat: { interval: 200 } },
    clients: ["raw", "sluice", "foreign"],
    client: ask,
    sees: "a!\n",
    work: 400,
    drain: { atMost: 5000 },
  }),
  ...webSocket({
    name: "pings of the client every 200 ms",
    handler: () => readAhead,
    clients: ["raw"],
    client: async (talker) => {
      talker.send("a");
      for (let i = 0; i < 30 && talker.end === "open"; i++) {
        (talker as RawTalker).ping();
        await pause(200);
      }
    },
    sees: "a!\n",
    life: false,
    drain: { atMost: 5000 },
  }),
  ...webSocket({
    name: "heartbeats of the application both ways",
    handler: (scene) => (ws) => {
      const timer = setInterval(() => ws.send("beat").catch(quietly), 200);
      scene.defer(() => clearInterval(timer));
      return ws.forEach(quietly);
    },
    client: async (talker) => {
      for (let i = 0; i < 30 && talker.end === "open"; i++) {
        talker.send("beat");
        await pause(200);
      }
    },
    sees: /^(beat\n)+$/,
    life: false,
    // A beat behind the Close may be the answer to the client's last one, for all that can be known.
    drain: { atMost: 5000, clean: null },
  }),
];
