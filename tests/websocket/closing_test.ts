/** The table of a WebSocket's end, walked by itself and by WebSockets. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  BOTH,
  type ClosingEvent,
  CLOSINGS,
  HEARD,
  OPEN,
  OVER,
  SAID,
  TRANSITIONS,
} from "../../src/websocket/conn/closing.ts";
import type { WebSocketConn } from "../../src/websocket/mod.ts";
import type { RawPeer } from "../support/ws_raw.ts";
import { wsWorld } from "../support/websocket_world.ts";

const EVENTS = Object.keys(TRANSITIONS) as ClosingEvent[];

describe("the table of a WebSocket's end", () => {
  it("numbers its states by name", () => {
    assertEquals([OPEN, SAID, HEARD, BOTH, OVER].map((number) => CLOSINGS[number]), [...CLOSINGS]);
  });

  it("has an answer to every event in every state, none leads back, and a second time changes nothing", () => {
    for (const event of EVENTS) {
      assertEquals(TRANSITIONS[event].length, CLOSINGS.length, event);
      for (const [before, after] of TRANSITIONS[event].entries()) {
        assert(CLOSINGS[after] !== undefined && after >= before, `${CLOSINGS[before]}, ${event}`);
        assertEquals(TRANSITIONS[event][after], after, `${event} twice`);
      }
    }
  });

  it("comes to the same whoever speaks first, and from each state to the end", () => {
    assertEquals(TRANSITIONS.hear[TRANSITIONS.say[OPEN]], TRANSITIONS.say[TRANSITIONS.hear[OPEN]]);
    assert(TRANSITIONS.conclude.every((after) => after === OVER));
  });
});

/** What is done, and the states of the web's words that the server's WebSocket passes. */
const WALKS: readonly (readonly [string, (ws: WebSocketConn, peer: RawPeer) => unknown, boolean, string])[] = [
  ["our Close, and the peer's answer", (ws) => void ws.close(4000), true, "open closing closed"],
  ["the peer's Close", (_, peer) => peer.sayClose(4000), true, "open closed"],
  ["our Close to a peer that doesn't answer", (ws) => void ws.close(4000), false, "open closing closed"],
  ["the peer's FIN", (_, peer) => void peer.conn.closeWrite(), true, "open closed"],
  ["a reset of ours", (ws) => ws.abort(), true, "open closed"],
];

describe("a WebSocket walks it", () => {
  for (const [what, act, answers, expected] of WALKS) {
    it(`by ${what}`, async () => {
      await using w = await wsWorld((ws) => ws.forEach(() => {}), { ws: { closeTimeout: 300 } });
      const peer = await w.raw({ answers });
      const seen: string[] = [w.ws.state];
      await act(w.ws, peer);
      for (let i = 0; i < 200; i++) {
        if (seen.at(-1) !== w.ws.state) seen.push(w.ws.state);
        await w.pass(5);
      }
      assertEquals(seen.join(" "), expected);
      await w.settled(w.ws.closed);
    });
  }
});
