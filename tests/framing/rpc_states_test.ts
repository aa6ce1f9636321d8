/** The tables of calls: every event has an answer in every state, and every call is answered once. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  ASKING,
  ASKING_STATES,
  CALL,
  CALL_STATES,
  type CallEvent,
  type CallState,
  TAKING,
  TAKING_STATES,
} from "../../src/framing/rpc/rpc_states.ts";

const EVENTS = Object.keys(CALL) as CallEvent[];

/** All that can follow from a state with events of which each comes once at the most: the last state and how many answers. */
function ends(state: CallState, left: readonly CallEvent[]): [last: CallState, answers: number][] {
  const here: [CallState, number][] = [[state, 0]];
  return left.reduce((found, event) => {
    const [next, answers] = CALL[event][state];
    const rest = left.filter((other) => other !== event);
    return [...found, ...ends(next, rest).map(([last, more]): [CallState, number] => [last, more + Number(answers)])];
  }, here);
}

describe("a call that a peer has made", () => {
  it("has an answer to each event in each state", () => {
    for (const event of EVENTS) {
      assertEquals(Object.keys(CALL[event]).sort(), [...CALL_STATES].sort());
      for (const state of CALL_STATES) assert(CALL_STATES.includes(CALL[event][state][0]));
    }
  });

  it("is answered once when it is over, once when it is told, and never before", () => {
    const answersOf: Record<CallState, number> = { queued: 0, running: 0, told: 1, over: 1 };
    for (const [last, answers] of ends("queued", EVENTS)) assertEquals(answers, answersOf[last], last);
  });

  it("is over only when nothing of it runs, and stays so", () => {
    for (const event of EVENTS) {
      assertEquals(CALL[event].over, ["over", false]);
      for (const state of ["running", "told"] as const) {
        assertEquals(CALL[event][state][0] === "over", event === "settle", `${event} ${state}`);
      }
    }
  });

  it("comes to each state", () => {
    assertEquals([...new Set(ends("queued", EVENTS).map(([last]) => last))].sort(), [...CALL_STATES].sort());
  });
});

describe("the two sides", () => {
  it("have an answer to each event in each state", () => {
    for (const table of Object.values(TAKING)) assertEquals(Object.keys(table).sort(), [...TAKING_STATES].sort());
    for (const table of Object.values(ASKING)) assertEquals(Object.keys(table).sort(), [...ASKING_STATES].sort());
  });

  it("are gone for good", () => {
    for (const table of Object.values(TAKING)) assertEquals(table.gone, "gone");
    for (const table of Object.values(ASKING)) assertEquals(table.gone, "gone");
    for (const state of TAKING_STATES) assertEquals(TAKING.end[state], "gone");
    for (const state of ASKING_STATES) assertEquals(ASKING.end[state], "gone");
  });

  it("refuse calls only when the peer has seen the goodbye", () => {
    assertEquals(TAKING.leave.open, "leaving");
    assertEquals(TAKING.seen.leaving, "left");
    const toLeft = TAKING_STATES.filter((state) =>
      state !== "left" && Object.values(TAKING).some((t) => t[state] === "left")
    );
    assertEquals(toLeft, ["leaving"]);
  });
});
