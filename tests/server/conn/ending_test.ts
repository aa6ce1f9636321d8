/** The table of a connection's end, walked by itself and by connections. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Conn } from "../../../mod.ts";
import type { Connection } from "../../../src/server/conn/connection.ts";
import {
  CLOSED,
  CUT,
  DRAINED,
  DUE,
  type EndingEvent,
  ENDINGS,
  GOODBYE,
  LAST_GOODBYE,
  OPEN,
  RESET,
  SERVED,
  TRANSITIONS,
} from "../../../src/server/conn/ending.ts";
import { type World, world } from "../../support/world.ts";

const EVENTS = Object.keys(TRANSITIONS) as EndingEvent[];

describe("the table of a connection's end", () => {
  it("numbers its states by name", () => {
    const numbers = [OPEN, DUE, GOODBYE, LAST_GOODBYE, DRAINED, SERVED, CLOSED, RESET, CUT];
    assertEquals(numbers.map((number) => ENDINGS[number]), [...ENDINGS]);
  });

  it("has an answer to every event in every state, and none leads back", () => {
    for (const event of EVENTS) {
      assertEquals(TRANSITIONS[event].length, ENDINGS.length, event);
      for (const [before, after] of TRANSITIONS[event].entries()) {
        assert(ENDINGS[after] !== undefined && after >= before, `${ENDINGS[before]}, ${event}: ${ENDINGS[after]}`);
      }
    }
  });

  it("changes nothing the second time, and lets nothing but a reset follow the end of the input", () => {
    for (const event of EVENTS) {
      for (const once of TRANSITIONS[event]) assertEquals(TRANSITIONS[event][once], once, `${event} twice`);
      if (event === "reset") continue;
      for (let state = DRAINED; state <= CUT; state++) assertEquals(TRANSITIONS[event][state], state);
    }
    assert(TRANSITIONS.reset.every((after) => after >= RESET));
  });

  it("reaches every state from the first", () => {
    const reached = new Set([OPEN]);
    for (const state of reached) for (const event of EVENTS) reached.add(TRANSITIONS[event][state]);
    assertEquals([...reached].sort(), [OPEN, DUE, GOODBYE, LAST_GOODBYE, DRAINED, SERVED, CLOSED, RESET, CUT]);
  });
});

/** What is done to a connection whose handler never ends, and the states that it passes. */
const WALKS: readonly (readonly [string, (conn: Connection, w: World) => unknown, readonly string[]])[] = [
  ["close()", (conn) => void conn.close(), ["open", "closed"]],
  ["abort()", (conn) => conn.abort(), ["open", "reset"]],
  ["close(), then abort()", (conn) => (void conn.close(), conn.abort()), ["open", "closed", "reset"]],
  ["a quiet moment", (conn) => conn.closeWhenIdle(), ["open", "goodbye", "drained"]],
  ["a quiet moment behind the peer's FIN", (conn, w) => {
    void w.clients[0].conn.closeWrite();
    conn.closeWhenIdle();
  }, ["open", "goodbye", "served"]],
  ["a quiet moment, then close()", async (conn, w) => {
    conn.closeWhenIdle();
    await w.pass(2000);
    void conn.close();
  }, ["open", "goodbye", "drained"]],
  ["a drain whose budget is over", async (_, w) => {
    w.clients[0].send("asked\n");
    await w.pass(5);
    void w.server.shutdown({ grace: 900 });
  }, ["open", "due", "reset"]],
  ["a goodbye whose peer stays, then abort()", async (conn, w) => {
    conn.closeWhenIdle();
    await w.pass(2000);
    conn.abort();
  }, ["open", "goodbye", "drained", "cut"]],
];

describe("a connection walks it", () => {
  for (const [what, act, expected] of WALKS) {
    it(`by ${what}`, async () => {
      let conn!: Connection;
      const seen: string[] = [];
      const busy = what.includes("budget");
      await using w = await world(async (given: Conn) => {
        conn = given as Connection;
        const { ending } = conn;
        const enter = ending.enter.bind(ending);
        seen.push(ENDINGS[ending.state]);
        ending.enter = (event) => {
          const changed = enter(event);
          if (changed) seen.push(ENDINGS[ending.state]);
          return changed;
        };
        if (busy) await new Promise(() => {});
        if (what.includes("FIN")) given.consume({ data() {}, end() {}, closed() {} });
        else await given.read();
        await new Promise(() => {});
      });
      await w.client({ stubborn: true });
      await w.pass(5);
      await act(conn, w);
      await w.pass(3000);
      assertEquals(seen, expected);
    });
  }
});
