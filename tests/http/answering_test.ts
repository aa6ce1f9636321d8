/** The table of an answer, walked by itself and by requests. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { ANSWER_STATES, type AnswerEvent, TRANSITIONS } from "../../src/http/conn/answering.ts";
import type { HttpExchange } from "../../src/http/conn/exchange.ts";
import { type HttpHandler, reply } from "../../src/http/mod.ts";
import { httpWorld, type Peer, request } from "../support/http_world.ts";

const EVENTS = Object.keys(TRANSITIONS) as AnswerEvent[];

describe("the table of an answer", () => {
  it("has an answer to every event in every state, and a second time changes nothing", () => {
    for (const event of EVENTS) {
      assertEquals(Object.keys(TRANSITIONS[event]), [...ANSWER_STATES], event);
      for (const after of Object.values(TRANSITIONS[event])) {
        assert(ANSWER_STATES.includes(after));
        assertEquals(TRANSITIONS[event][after], after, `${event} twice`);
      }
    }
  });

  it("never begins again, and ends in one of two ways for good", () => {
    for (const event of EVENTS) {
      for (const state of ANSWER_STATES) if (state !== "none") assert(TRANSITIONS[event][state] !== "none");
      assertEquals([TRANSITIONS[event].done, TRANSITIONS[event].handed], ["done", "handed"]);
    }
  });
});

const lost = (signal: AbortSignal): Promise<Response> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(new Response("too late"))));
const endless = (): Response => new Response(new ReadableStream({ start: (c) => c.enqueue(new Uint8Array(3)) }));

/** A handler, what its client does, and the states that the answer passes. */
const WALKS: readonly (readonly [string, HttpHandler, (peer: Peer) => unknown, string])[] = [
  ["a whole answer", () => reply("x"), () => {}, "none begun done"],
  ["a stream", () => new Response(new ReadableStream({ start: (c) => c.close() })), () => {}, "none begun done"],
  ["a handler that throws", () => Promise.reject(new Error("no")), () => {}, "none begun done"],
  ["a client that leaves before", (_, ctx) => lost(ctx.signal), (peer) => peer.conn.abort(), "none done"],
  ["a client that leaves a stream", endless, (peer) => peer.conn.abort(), "none begun done"],
  ["hijack()", (_, ctx) => void ctx.hijack(), () => {}, "none handed"],
];

describe("an answer walks it", () => {
  for (const [what, handler, act, expected] of WALKS) {
    it(`by ${what}`, async () => {
      const seen: string[] = [];
      await using w = await httpWorld((given, ctx) => {
        const exchange = ctx as HttpExchange;
        const enter = exchange.enter.bind(exchange);
        seen.push(exchange.state);
        exchange.enter = (event) => {
          enter(event);
          if (seen.at(-1) !== exchange.state) seen.push(exchange.state);
        };
        return handler(given, ctx);
      });
      const peer = await w.peer();
      peer.send(request("/"));
      await w.pass(20);
      await act(peer);
      await w.pass(200);
      assertEquals(seen.join(" "), expected);
      peer.conn.abort();
    });
  }
});
