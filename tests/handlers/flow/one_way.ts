/** Handlers that mostly take: uploads, and telemetry, which nobody answers. */
import { assertEquals } from "@std/assert";
import { type Conn, type Handler, lines } from "../../../mod.ts";
import { codeOf, job, type Pattern, type Scene } from "../../support/handlers.ts";
import { tcp } from "../../support/handler_kinds.ts";
import type { Peer } from "../../support/handler_peer.ts";
import { quietly, stream, upload } from "../../support/handler_flow.ts";

/** Takes it all, and answers when it has ended: whole, if it was the client who ended it. */
const committing = (scene: Scene<Peer>, take: (conn: Conn) => AsyncIterable<Uint8Array>): Handler => async (conn) => {
  let length = 0;
  try {
    for await (const chunk of take(conn)) length += chunk.length;
  } catch (error) {
    return scene.note(`${codeOf(error)} after ${length}`);
  }
  scene.note(`whole, ${length}`);
  await conn.write(`${length}\n`);
};

export const UPLOADS: readonly Pattern[] = [
  // Uploads over raw TCP.
  tcp({
    name: "an upload, a piece every 100 ms, answered at its end",
    handler: (scene) => committing(scene, (conn) => conn),
    client: (peer) => upload(peer, 10, 1000, 100),
    sees: "10000\n",
    notes: ["whole, 10000"],
    work: 900,
    leaves: { notes: undefined },
  }),
  tcp({
    name: "an upload, a piece every 300 ms, answered at its end",
    handler: (scene) => committing(scene, (conn) => conn),
    grace: 10_000,
    client: (peer) => upload(peer, 10, 1000, 300),
    sees: "10000\n",
    notes: ["whole, 10000"],
    work: 2900,
  }),
  tcp({
    name: "an upload that stops in the middle is not taken as whole: for await",
    handler: (scene) => committing(scene, (conn) => conn),
    client: (peer) => peer.send("x".repeat(4000)),
    life: false,
    leaves: false,
    drain: { sees: "", notes: ["ERR_CONN_DRAINED after 4000"], clean: null, atMost: 5000 },
  }),
  tcp({
    name: "an upload that stops in the middle is not taken as whole: read()",
    handler: (scene) =>
      committing(scene, async function* (conn) {
        for (let chunk = await conn.read(); chunk !== null; chunk = await conn.read()) yield chunk;
      }),
    client: (peer) => peer.send("x".repeat(4000)),
    life: false,
    leaves: false,
    drain: { sees: "", notes: ["ERR_CONN_DRAINED after 4000"], clean: null, atMost: 5000 },
  }),
  tcp({
    name: "an upload that stops in the middle is not taken as whole: readable",
    handler: (scene) => committing(scene, (conn) => conn.readable),
    client: (peer) => peer.send("x".repeat(4000)),
    life: false,
    leaves: false,
    drain: { sees: "", notes: ["ERR_CONN_DRAINED after 4000"], clean: null, atMost: 5000 },
  }),
  tcp({
    name: "an upload in lines that stops in the middle: the loop ends, and conn.drained tells",
    handler: (scene) => async (conn) => {
      let count = 0;
      for await (const _ of lines(conn)) count++;
      scene.note(`${conn.isDrained ? "drained" : "whole"} after ${count}`);
    },
    client: (peer) => peer.send("a\nb\n"),
    life: false,
    leaves: false,
    drain: { sees: "", notes: ["drained after 2"], atMost: 5000 },
  }),
  tcp({
    name: "an upload of more time than the stop has is not taken as whole",
    handler: (scene) => committing(scene, (conn) => conn),
    client: (peer) => upload(peer, 40, 100, 200),
    life: false,
    leaves: false,
    over: ["tcp", "tls"],
    drain: {
      sees: (_peer, scene) =>
        assertEquals([scene.notes.length, scene.notes[0]?.startsWith("ERR_CONN_DRAINED")], [1, true]),
      end: null,
      clean: null,
      atMost: 6200,
    },
  }),
];

export const TELEMETRY: readonly Pattern[] = [
  // Telemetry: protocols that never answer.
  tcp({
    name: "telemetry on a server that has shown nothing yet",
    handler: () => (conn) => lines(conn).forEach(quietly),
    client: (peer) => stream(peer, 3, 50),
    sees: "",
    drain: { atMost: 4800 },
  }),
  tcp({
    name: "telemetry on a server that has seen it for longer than patience",
    handler: () => (conn) => lines(conn).forEach(quietly),
    grace: 6000,
    client: (peer) => stream(peer, 36, 100),
    stopAt: 3700,
    sees: "",
    trips: [0],
    life: false,
    leaves: false,
    // Patience is 3000 ms.
    drain: { atMost: 2200 },
  }),
  tcp({
    name: "telemetry of a new client on a server that has seen it of another",
    handler: () => (conn) => lines(conn).forEach(quietly),
    grace: 6000,
    prepare: async (peer, scene) => {
      await stream(peer, 36, 100);
      (await scene.open()).send("a\n");
    },
    client: quietly,
    sees: "",
    trips: [0],
    life: false,
    leaves: false,
    drain: { atMost: 2200 },
  }),
  tcp({
    name: "telemetry that said it never answers",
    handler: () => (conn) => lines(conn).forEach(quietly),
    options: { answers: false },
    grace: 8000,
    client: (peer) => stream(peer, 3, 50),
    sees: "",
  }),
  tcp({
    name: "telemetry in raw chunks that said it never answers",
    handler: () => async (conn) => {
      for await (const _ of conn);
    },
    options: { answers: false },
    grace: 8000,
    client: (peer) => stream(peer, 3, 50),
    sees: "",
  }),
  tcp({
    name: "telemetry that says of each message that it wants no answer",
    handler: () => async (conn) => {
      for await (const _ of lines(conn)) conn.answered();
    },
    grace: 8000,
    client: (peer) => stream(peer, 3, 50),
    sees: "",
  }),
  tcp({
    name: "telemetry without a pause, which said it never answers",
    handler: (scene) => async (conn) => {
      let count = 0;
      for await (const _ of lines(conn)) count++;
      scene.note(count > 20 ? "many" : `${count}`);
    },
    options: { answers: false },
    client: (peer) => stream(peer, 80, 100),
    sees: "",
    notes: ["many"],
    life: false,
    leaves: false,
    drain: { atMost: 5000 },
  }),
  tcp({
    name: "a protocol with messages that want no answer, and says which",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) {
        if (line.startsWith("set")) conn.answered();
        else job(line).then((result) => conn.write(`${result}\n`)).catch(quietly);
      }
    },
    grace: 8000,
    owes: true,
    client: (peer) => peer.send("set 1\nget\nset 2\n"),
    sees: "get!\n",
    work: 400,
  }),
  tcp({
    name: "a protocol with messages that want no answer, and does not say which",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) {
        if (!line.startsWith("set")) job(line).then((result) => conn.write(`${result}\n`)).catch(quietly);
      }
    },
    client: (peer) => peer.send("set 1\nget\nset 2\n"),
    sees: "get!\n",
    work: 400,
    drain: { atMost: 4800 },
  }),
];
