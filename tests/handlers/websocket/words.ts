/** Last words, and words that are long, late or a question. */
import { type Pattern, pause } from "../../support/handlers.ts";
import { webSocket } from "../../support/handler_kinds.ts";
import { ask, quietly, readAhead } from "../../support/handler_websocket.ts";

export const WORDS: readonly Pattern[] = [
  ...webSocket({
    name: "last words",
    handler: () => readAhead,
    ws: { lastMessage: () => "bye" },
    owes: true,
    client: ask,
    sees: "a!\n",
    work: 400,
    drain: { sees: "a!\nbye\n" },
  }),
  ...webSocket({
    name: "last words that are never found are bounded by what is left",
    handler: () => readAhead,
    ws: { lastMessage: () => new Promise<string>(quietly) },
    client: ask,
    sees: "a!\n",
    work: 400,
    drain: { end: null, clean: null, atMost: 6200 },
  }),
  ...webSocket({
    name: "throws after an answer",
    handler: () => async (ws) => {
      await ws.next();
      await ws.send("a");
      throw undefined;
    },
    client: (talker) => talker.send("x"),
    sees: "a\n",
    drain: { end: "1011" },
    life: { end: "1011" },
  }),
  ...webSocket({
    name: "two megabytes in answer to each message",
    handler: () => async (ws) => {
      for await (const _ of ws) await ws.send("x".repeat(2 << 20));
    },
    clients: ["raw", "foreign"],
    client: (talker) => talker.send("a"),
    sees: (talker) => {
      if (talker.saw.length !== (2 << 20) + 1) throw new Error(`${talker.saw.length} characters`);
    },
    life: { sees: /x\n$/ },
    drain: { atMost: 6000 },
  }),
  ...webSocket({
    name: "the server asks, and the client answers after 400 ms",
    handler: () => async (ws) => {
      await ws.send("who?");
      const { value } = await ws.next();
      if (value !== undefined) await ws.send(`hello ${value}`);
      await ws.closed;
    },
    client: async (talker) => {
      await talker.until("the question", () => talker.messages.length > 0 || talker.end !== "open");
      await pause(400);
      talker.send("me");
    },
    sees: "who?\nhello me\n",
    work: 400,
    drain: { atMost: 5000 },
  }),
  ...webSocket({
    name: "a client that says goodbye while its job runs",
    handler: () => readAhead,
    client: async (talker) => {
      talker.send("a");
      await pause(50);
      talker.leave();
    },
    // Whether the answer still makes it is the server's choice; the Close is answered promptly.
    sees: /^(a!\n)?$/,
    drain: false,
    leaves: false,
  }),
];
