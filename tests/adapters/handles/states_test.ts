/** The table of a handle's life, walked by itself. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  CLOSED,
  CLOSING,
  DROPPING,
  FINISHED,
  FINISHING,
  FLUSHING,
  OPEN,
  type SocketEvent,
  STATES,
  TRANSITIONS,
} from "../../../adapters/node/handles/states.ts";

const EVENTS = Object.keys(TRANSITIONS) as SocketEvent[];

describe("the table of a handle's life", () => {
  it("numbers its states by name", () => {
    const numbers = [OPEN, FLUSHING, FINISHING, FINISHED, DROPPING, CLOSING, CLOSED];
    assertEquals(numbers.map((number) => STATES[number]), [...STATES]);
  });

  it("has an answer to every event in every state, and none leads back", () => {
    for (const event of EVENTS) {
      assertEquals(TRANSITIONS[event].length, STATES.length, event);
      for (const [before, after] of TRANSITIONS[event].entries()) {
        assert(STATES[after] !== undefined && after >= before, `${STATES[before]}, ${event}: ${STATES[after]}`);
      }
    }
  });

  it("never resets a handle whose shutdown is under way", () => {
    assertEquals(TRANSITIONS.drop.indexOf(DROPPING), FINISHING);
    assertEquals(TRANSITIONS.drop.filter((state) => state < DROPPING), []);
    assertEquals(TRANSITIONS.finished[DROPPING], CLOSING);
  });

  it("has one FIN, and one end", () => {
    assertEquals(TRANSITIONS.flushed.filter((after, before) => after !== before), [FINISHING]);
    assertEquals(EVENTS.filter((event) => TRANSITIONS[event][CLOSED] !== CLOSED), []);
    assertEquals(EVENTS.filter((event) => TRANSITIONS[event][CLOSING] === CLOSED), ["closed"]);
  });

  it("reaches every state from the first", () => {
    const reached = new Set([OPEN]);
    for (const state of reached) for (const event of EVENTS) reached.add(TRANSITIONS[event][state]);
    assertEquals([...reached].sort(), [OPEN, FLUSHING, FINISHING, FINISHED, DROPPING, CLOSING, CLOSED]);
  });
});
