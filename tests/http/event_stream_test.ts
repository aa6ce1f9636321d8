import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { OptionError } from "../../src/errors.ts";
import {
  eventStream,
  type EventStreamOptions,
  formatEvent,
  type ServerSentEvent,
} from "../../src/http/extras/event_stream.ts";
import { VirtualClock } from "../../src/testing/clock.ts";

/** A source that is fed by hand, and notes what it is asked. */
class ManualSource implements AsyncIterableIterator<ServerSentEvent> {
  asked = 0;
  returned = 0;
  #answer: PromiseWithResolversLike | null = null;

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<ServerSentEvent>> {
    this.asked++;
    return new Promise((resolve, reject) => this.#answer = { resolve, reject });
  }

  return(): Promise<IteratorResult<ServerSentEvent>> {
    this.returned++;
    return Promise.resolve({ done: true, value: undefined });
  }

  yield(value: ServerSentEvent): void {
    this.#answer!.resolve({ done: false, value });
  }

  finish(): void {
    this.#answer!.resolve({ done: true, value: undefined });
  }

  fail(error: unknown): void {
    this.#answer!.reject(error);
  }
}

interface PromiseWithResolversLike {
  resolve(result: IteratorResult<ServerSentEvent>): void;
  reject(error: unknown): void;
}

function setUp(options: EventStreamOptions = {}) {
  const hard = new AbortController();
  const soft = new AbortController();
  const ctx = { signal: hard.signal, draining: soft.signal };
  const source = new ManualSource();
  const clock = new VirtualClock();
  const response = eventStream(ctx, source, { clock, ...options });
  const reader = response.body!.getReader();
  const read = async (): Promise<string | null> => {
    const { done, value } = await reader.read();
    return done ? null : new TextDecoder().decode(value);
  };
  return { hard, soft, source, clock, response, reader, read };
}

describe("formatEvent()", () => {
  it("writes each line of the data as a line of its own, whatever ends it", () => {
    assertEquals(formatEvent({ data: "one" }), "data: one\n\n");
    assertEquals(formatEvent({ data: "" }), "data: \n\n");
    assertEquals(formatEvent({ data: "a\nb\rc\r\nd\n" }), "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
    assertEquals(formatEvent({ data: "x\n\nevent: evil" }), "data: x\ndata: \ndata: event: evil\n\n");
  });

  it("writes type, id and retry before the data", () => {
    assertEquals(
      formatEvent({ data: "d", event: "tick", id: "7", retry: 250 }),
      "event: tick\nid: 7\nretry: 250\ndata: d\n\n",
    );
    assertEquals(formatEvent({ data: "d", id: "" }), "id: \ndata: d\n\n");
  });

  it("refuses what would change the stream's meaning", () => {
    for (const end of ["\n", "\r", "\0"]) {
      assertThrows(() => formatEvent({ data: "", event: `a${end}data: evil` }), TypeError, "event");
      assertThrows(() => formatEvent({ data: "", id: `a${end}data: evil` }), TypeError, "id");
    }
    for (const retry of [-1, 1.5, NaN, Infinity, "1\ndata: evil"]) {
      assertThrows(() => formatEvent({ data: "", retry: retry as number }), TypeError, "retry");
    }
    assertThrows(() => formatEvent({} as ServerSentEvent), TypeError, "data");
    assertThrows(() => formatEvent({ data: "", id: 7 } as unknown as ServerSentEvent), TypeError, "id");
  });
});

describe("eventStream()", () => {
  it("answers with the fields that keep a stream a stream, unless others are given", () => {
    const { headers, status } = setUp().response;
    assertEquals(status, 200);
    assertEquals(headers.get("content-type"), "text/event-stream; charset=utf-8");
    assertEquals(headers.get("cache-control"), "no-cache");
    assertEquals(headers.get("x-accel-buffering"), "no");
    const own = setUp({ headers: { "Cache-Control": "no-store", "x-own": "1" } }).response.headers;
    assertEquals([own.get("cache-control"), own.get("x-own")], ["no-store", "1"]);
    const pairs = setUp({ headers: [["x-own", "2"]] }).response.headers;
    assertEquals([pairs.get("x-own"), pairs.get("content-type")], ["2", "text/event-stream; charset=utf-8"]);
  });

  it("sends what the source yields, and ends with it", async () => {
    const { source, read, clock } = setUp();
    for (const data of ["one", "two"]) {
      const pending = read();
      await clock.settle();
      source.yield({ data });
      assertEquals(await pending, `data: ${data}\n\n`);
    }
    const pending = read();
    await clock.settle();
    source.finish();
    assertEquals(await pending, null);
    assertEquals([source.returned, clock.pending], [0, 0]);
  });

  it("works with an async generator, and as a whole text", async () => {
    const { signal } = new AbortController();
    let told: AbortSignal | undefined;
    const response = eventStream({ signal, draining: signal }, async function* (stop) {
      told = stop;
      for (let n = 1; n <= 3; n++) yield { data: `${n}` };
    });
    assertEquals(await response.text(), "data: 1\n\ndata: 2\n\ndata: 3\n\n");
    assertEquals(told?.aborted, true);
  });

  it("asks the source only when the client has taken everything", async () => {
    const { source, read, clock } = setUp();
    await clock.settle();
    assertEquals(source.asked, 0);
    const pending = read();
    await clock.settle();
    source.yield({ data: "1" });
    await pending;
    await clock.settle();
    assertEquals(source.asked, 1);
    read();
    await clock.settle();
    assertEquals(source.asked, 2);
  });

  it("breaks the stream when the source fails, or yields what can't be sent", async () => {
    const failing = setUp();
    const first = failing.read();
    await failing.clock.settle();
    failing.source.fail(new RangeError("boom"));
    await assertRejects(() => first, RangeError, "boom");
    assertEquals(failing.clock.pending, 0);

    const wrong = setUp();
    const second = wrong.read();
    await wrong.clock.settle();
    wrong.source.yield({ data: "", id: "a\nb" });
    await assertRejects(() => second, TypeError, "id");
    assertEquals([wrong.source.returned, wrong.clock.pending], [1, 0]);

    const { signal } = new AbortController();
    const throwing = { [Symbol.asyncIterator]: () => ({ next: () => assertNever() }) };
    await assertRejects(() => eventStream({ signal, draining: signal }, throwing).text(), RangeError, "sync");
  });

  it("ends well at a drain, with a jittered retry, though the source is still asked", async () => {
    const seen = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const { soft, source, read, clock } = setUp({ retry: 1000 });
      const pending = read();
      await clock.settle();
      assertEquals(source.asked, 1);
      soft.abort(new Error("drain"));
      const last = await pending;
      assertMatch(last!, /^retry: \d+\n\n$/);
      const retry = Number(last!.slice(7));
      assert(retry >= 500 && retry <= 1500, `${retry}`);
      seen.add(retry);
      assertEquals(await read(), null);
      assertEquals([source.returned, clock.pending], [1, 0]);
      source.yield({ data: "too late" });
      await clock.settle();
    }
    assert(seen.size > 1);
  });

  it("delivers the event before the drain whole, and only then the retry", async () => {
    const { soft, source, read, clock } = setUp({ heartbeat: 100 });
    const beat = read();
    await clock.advance(100);
    assertEquals(await beat, ": \n\n");
    source.yield({ data: "held" });
    await clock.settle();
    soft.abort();
    assertEquals(await read(), "data: held\n\n");
    assertMatch((await read())!, /^retry: /);
    assertEquals(await read(), null);
  });

  it("tells a source made by a function that no more is wanted", async () => {
    const soft = new AbortController();
    const { signal } = new AbortController();
    let finished = false;
    const response = eventStream({ signal, draining: soft.signal }, async function* (stop) {
      try {
        yield { data: "1" };
        await new Promise((_, reject) => stop.addEventListener("abort", () => reject(stop.reason)));
      } finally {
        finished = true;
      }
    }, { retry: 0 });
    const text = response.text();
    await new VirtualClock().settle();
    soft.abort(new Error("drain"));
    assertEquals(await text, "data: 1\n\nretry: 0\n\n");
    await new VirtualClock().settle();
    assertEquals(finished, true);
  });

  it("ends at once when the drain had begun before", async () => {
    const { signal } = new AbortController();
    const source = new ManualSource();
    const response = eventStream({ signal, draining: AbortSignal.abort() }, source);
    assertMatch(await response.text(), /^retry: \d+\n\n$/);
    assertEquals([source.asked, source.returned], [0, 1]);
  });

  it("goes on through a drain with onDrain: wait, until the hard end", async () => {
    const { soft, hard, source, read, clock } = setUp({ onDrain: "wait" });
    soft.abort();
    const first = read();
    await clock.settle();
    source.yield({ data: "1" });
    assertEquals(await first, "data: 1\n\n");
    const second = read();
    await clock.settle();
    hard.abort(new RangeError("grace is over"));
    await assertRejects(() => second, RangeError, "grace is over");
    assertEquals([source.returned, clock.pending], [1, 0]);
  });

  it("breaks off at a drain with onDrain: cut", async () => {
    const { soft, source, read, clock } = setUp({ onDrain: "cut" });
    const pending = read();
    await clock.settle();
    soft.abort(new RangeError("drain"));
    await assertRejects(() => pending, RangeError, "drain");
    assertEquals([source.returned, clock.pending], [1, 0]);
  });

  it("breaks off when the request's signal aborts, or had aborted before", async () => {
    const { hard, source, read, clock } = setUp();
    const pending = read();
    await clock.settle();
    hard.abort(new RangeError("gone"));
    await assertRejects(() => pending, RangeError, "gone");
    assertEquals([source.returned, clock.pending], [1, 0]);

    const late = new ManualSource();
    const { signal } = new AbortController();
    const response = eventStream({ signal: AbortSignal.abort(new RangeError("gone")), draining: signal }, late);
    await assertRejects(() => response.text(), RangeError, "gone");
    assertEquals([late.asked, late.returned], [0, 1]);
  });

  it("tells the source when the client cancels, and leaves nothing behind", async () => {
    const { hard, soft, source, reader, read, clock } = setUp();
    const pending = read();
    await clock.settle();
    assertEquals(clock.pending, 1);
    await reader.cancel(new Error("client has gone"));
    await pending;
    assertEquals([source.returned, clock.pending], [1, 0]);
    hard.abort();
    soft.abort();
    source.yield({ data: "too late" });
    await clock.settle();
    assertEquals(source.returned, 1);
  });

  it("takes its listeners back", async () => {
    let listeners = 0;
    const count = (signal: AbortSignal): AbortSignal => {
      const { addEventListener: add, removeEventListener: remove } = signal;
      signal.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add.apply(signal, args));
      signal.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove.apply(signal, args));
      return signal;
    };
    const ctx = { signal: count(new AbortController().signal), draining: count(new AbortController().signal) };
    const response = eventStream(ctx, async function* () {
      yield { data: "1" };
    });
    assertEquals(listeners, 2);
    await response.text();
    assertEquals(listeners, 0);
  });

  it("survives a return() that throws", async () => {
    const { signal } = new AbortController();
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<IteratorResult<ServerSentEvent>>(() => {}),
        return: () => assertNever(),
      }),
    };
    const response = eventStream({ signal, draining: AbortSignal.abort() }, source);
    assertMatch(await response.text(), /^retry: /);
  });

  it("sends a comment when nothing was sent for the heartbeat's time", async () => {
    const { source, read, clock } = setUp({ heartbeat: 1000 });
    let pending = read();
    await clock.advance(600);
    source.yield({ data: "1" });
    assertEquals(await pending, "data: 1\n\n");
    pending = read();
    await clock.advance(999);
    assertEquals(clock.pending, 1);
    source.yield({ data: "2" });
    assertEquals(await pending, "data: 2\n\n");
    pending = read();
    await clock.advance(1000);
    assertEquals(await pending, ": \n\n");
    assertEquals(source.asked, 3);
    pending = read();
    await clock.advance(1000);
    assertEquals(await pending, ": \n\n");
    assertEquals([source.asked, clock.pending], [3, 1]);
  });

  it("sends no comments to a client that takes nothing, nor with heartbeat: 0", async () => {
    const { source, read, clock } = setUp({ heartbeat: 1000 });
    const first = read();
    await clock.settle();
    source.yield({ data: "1" });
    await first;
    await clock.advance(10_000);
    const second = read();
    await clock.settle();
    source.yield({ data: "2" });
    assertEquals(await second, "data: 2\n\n");

    const quiet = setUp({ heartbeat: 0 });
    quiet.read();
    await quiet.clock.settle();
    assertEquals(quiet.clock.pending, 0);
  });

  it("refuses options that can't be used", () => {
    assertThrows(() => setUp({ onDrain: "stop" as "end" }), OptionError, "onDrain");
    assertThrows(() => setUp({ retry: -1 }), OptionError, "retry");
    assertThrows(() => setUp({ heartbeat: NaN }), OptionError, "heartbeat");
  });
});

function assertNever(): never {
  throw new RangeError("sync");
}
