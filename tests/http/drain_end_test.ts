import { describe, it } from "node:test";
import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertLess,
  assertStrictEquals,
} from "@std/assert";
import { DeadlineExceeded, DrainTimeoutError } from "../../mod.ts";
import {
  BodyError,
  eventStream,
  type HttpContext,
  type HttpOptions,
  nativeRequest,
  reply,
} from "../../src/http/mod.ts";
import { drain, Gate, httpWorld, pathOf, request } from "../support/http_world.ts";

/** Every way to read a body. */
const readers: [string, (req: Request) => Promise<unknown>][] = [
  ["bytes()", (req) => req.bytes()],
  ["text()", (req) => req.text()],
  ["json()", (req) => req.json()],
  ["arrayBuffer()", (req) => req.arrayBuffer()],
  ["blob()", (req) => req.blob()],
  ["formData()", (req) => req.formData()],
  ["the stream", async (req) => {
    for await (const _ of req.body!);
  }],
  ["the runtime's own stream", (req) => nativeRequest(req).text()],
];

const bytes = (text: string) => new TextEncoder().encode(text);

describe("drain: answers that flow", () => {
  it("see ctx.draining, and may end well", async () => {
    await using w = await httpWorld((_req, ctx) => {
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(bytes("some "));
          ctx.draining.addEventListener("abort", () => {
            controller.enqueue(bytes("end"));
            controller.close();
          });
        },
      });
      return new Response(body);
    });
    const peer = await w.ask(request("/"), 500);
    const { report, since } = drain(w);
    await w.until(report);
    assertEquals([peer.told, peer.end, (await report).clean], [["200 some end"], "fin", true]);
    assertLess(since(peer), 1100);
  });

  it("as server-sent events end between two events, and say when to come back", async () => {
    await using w = await httpWorld((_req, ctx) =>
      eventStream(ctx, async function* (signal) {
        for (let n = 1; !signal.aborted; n++) {
          yield { data: `${n}` };
          await w.sleep(100);
        }
      }, { clock: w.clock })
    );
    const peer = await w.ask(request("/"), 250);
    const { report } = drain(w);
    await w.until(report);
    assertEquals([peer.statuses, peer.end, (await report).clean], [[200], "fin", true]);
    assert(
      /^data: 1\n\ndata: 2\n\ndata: 3\n\nretry: \d+\n\n$/.test(new TextDecoder().decode(peer.last.body)),
      peer.text,
    );
  });

  it("go on until grace is over if they want to, and their parts are not withheld", async () => {
    await using w = await httpWorld(() => {
      let n = 0;
      const pull = async (controller: ReadableStreamDefaultController) => {
        await w.sleep(500);
        if (++n > 14) controller.close();
        else controller.enqueue(bytes(`${n} `));
      };
      return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }));
    });
    const peer = await w.ask(request("/"), 600);
    const { report } = drain(w);
    await w.pass(5700);
    assert(peer.text.includes("12 "), peer.text);
    await w.until(report);
    assertEquals([peer.statuses, peer.end, (await report).clean], [[200], "fin", true]);
  });

  it("count a request that came behind a last answer, and was never run", async () => {
    await using w = await httpWorld((_req, ctx) => {
      const pull = async (controller: ReadableStreamDefaultController) => {
        await w.sleep(500);
        controller.enqueue(bytes("x"));
        controller.close();
      };
      assert(ctx.draining.aborted);
      return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }));
    });
    const peer = await w.peer();
    const { report } = drain(w);
    await w.pass(10);
    peer.ask(request("/1"));
    await w.pass(100);
    peer.send(request("/2"));
    const { clean, afterFin } = await w.until(report);
    assertEquals([peer.told, clean, afterFin.messages], [["200 x, close"], true, 1]);
    assertEquals(w.server.http.requests, 1);
  });
});

describe("drain: the end of grace", () => {
  it("ends ctx.signal with DrainTimeoutError, and 503 goes out if nothing was sent", async () => {
    let reason: unknown;
    await using w = await httpWorld(async (_req, ctx) => {
      await new Promise<void>((_, reject) =>
        ctx.signal.addEventListener("abort", () => reject(reason = ctx.signal.reason))
      );
      return reply("never");
    }, { grace: 2000 });
    const peer = await w.ask(request("/"));
    const { report, since } = drain(w);
    await w.until(report);
    assertInstanceOf(reason, DrainTimeoutError);
    assertEquals([peer.told, peer.end], [["503 the server is shutting down, close"], "fin"]);
    assertEquals([w.server.http.refused.draining, w.server.http.handlerErrors], [1, 0]);
    assertGreater(since(peer), 1600);
    assertEquals((await report).clean, true);
  });

  for (const [name, read] of readers) {
    it(`rejects ${name} of a body that is being read, with the cause of ctx.signal, when that aborts`, async () => {
      const ends: Record<string, Partial<HttpOptions>> = { drain: { grace: 2000 }, time: { handlerTimeout: 1700 } };
      for (const [end, options] of Object.entries(ends)) {
        let seen: unknown;
        let ctx!: HttpContext;
        let at = -1;
        await using w = await httpWorld(async (req, given) => {
          ctx = given;
          try {
            await read(req);
          } catch (error) {
            at = w.clock.now();
            throw seen = error;
          }
          return reply("never");
        }, options);
        const began = w.clock.now();
        const peer = await w.ask(request("/", { body: "[]" }).slice(0, -1));
        const { report } = end === "drain" ? drain(w) : { report: undefined };
        await w.pass(1850);
        assert(at - began >= 1700 && at - began <= 1740, `${at - began}`);
        assertInstanceOf(seen, BodyError);
        assertStrictEquals(seen.cause, ctx.signal.reason);
        assertInstanceOf(seen.cause, end === "drain" ? DrainTimeoutError : DeadlineExceeded);
        assertEquals([peer.statuses, peer.saidClose, peer.end], [[503], true, "fin"], end);
        assertEquals([w.server.http.active, w.server.http.handlerErrors], [0, end === "drain" ? 0 : 1]);
        if (report !== undefined) assertEquals((await w.until(report)).clean, true);
      }
    });
  }

  it("lets a handler that has not begun to read have what is here, and no more", async () => {
    const seen: string[] = [];
    await using w = await httpWorld(async (req, ctx) => {
      await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
      return reply(await req.text().catch((error) => (seen.push(error.cause.name), "rejected")));
    }, { grace: 2000 });
    const whole = await w.ask(request("/", { body: "whole" }));
    const half = await w.ask(request("/", { body: "whole" }).slice(0, -1));
    const { report } = drain(w);
    assertEquals((await w.until(report)).clean, true);
    assertEquals([whole.told, half.told, seen], [["200 whole, close"], ["200 rejected, close"], ["DrainTimeoutError"]]);
  });

  it("resets what never ends, and names it", async () => {
    const gate = new Gate();
    await using w = await httpWorld(async (req) => {
      if (pathOf(req) === "/fine") return reply("fine");
      await gate.promise;
      return reply("late");
    }, { grace: 2000 });
    const [fine, stuck] = [await w.ask(request("/fine")), await w.ask(request("/stuck"))];
    const { report } = drain(w);
    const { clean, cut, duration } = await w.until(report);
    assertEquals([fine.end, stuck.end, clean], ["fin", "reset", false]);
    assertEquals(cut.map((conn) => [conn.id, conn.state, conn.outcome]), [[2, "active", "cut"]]);
    assertEquals(cut.map((conn) => conn.handlerRunning), [true]);
    assertLess(duration, 2001);
    gate.open();
  });

  it("resets a stream without an end, which the peer can tell from a whole one", async () => {
    await using w = await httpWorld((_req, ctx) =>
      eventStream(ctx, async function* () {
        for (;;) {
          yield { data: "x" };
          await w.sleep(100);
        }
      }, { clock: w.clock, onDrain: "wait" }), { grace: 2000 });
    const peer = await w.ask(request("/"));
    const { report } = drain(w);
    const { clean } = await w.until(report);
    assertEquals([peer.answers, peer.end, clean], [[], "reset", false]);
    assertEquals(w.server.http.aborted, 1);
  });

  it("waits for what waitUntil() was given, and counts what does not settle", async () => {
    for (const ms of [1000, 100_000]) {
      let settled = false;
      await using w = await httpWorld((_req, ctx) => {
        ctx.waitUntil(w.sleep(ms).then(() => settled = true));
        return reply("x");
      }, { grace: 3000 });
      await w.ask(request("/", { headers: { connection: "close" } }));
      const { report } = drain(w);
      const { workLeft, clean, duration } = await w.until(report);
      assertEquals([settled, workLeft, clean], ms === 1000 ? [true, 0, true] : [false, 1, false]);
      assertGreaterOrEqual(duration, 900);
    }
  });

  it("waits for a handler whose client has gone", async () => {
    let settled = false;
    await using w = await httpWorld(async () => {
      await w.sleep(1500);
      settled = true;
      return reply("x");
    });
    const peer = await w.ask(request("/"));
    peer.conn.abort();
    await w.pass(10);
    const { report } = drain(w);
    assertEquals([(await w.until(report)).clean, settled], [true, true]);
  });
});

describe("drain: closed by force", () => {
  it("close() cuts at once, and ctx.signal ends", async () => {
    let ctx!: HttpContext;
    const gate = new Gate();
    await using w = await httpWorld(async (_req, given) => {
      ctx = given;
      await gate.promise;
      return reply("x");
    });
    const peer = await w.ask(request("/"));
    const report = await w.until(w.server.close());
    assertEquals([peer.end, report.clean, report.forced, report.duration < 100], ["reset", false, true, true]);
    assert(ctx.signal.aborted);
    gate.open();
  });
});
