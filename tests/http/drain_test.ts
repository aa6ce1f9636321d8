import { describe, it } from "node:test";
import { assertEquals, assertGreaterOrEqual, assertLess, assertMatch } from "@std/assert";
import { eventStream, type HttpHandler, reply } from "../../src/http/mod.ts";
import {
  bodyOf,
  chunked,
  drain,
  type HttpWorld,
  httpWorld,
  pathOf,
  type Peer,
  request,
} from "../support/http_world.ts";

function echo(w: () => HttpWorld, ms: number) {
  return async (req: Request) => {
    await w().sleep(ms);
    return reply(pathOf(req));
  };
}

describe("drain: requests in flight", () => {
  it("finish, say close, and FIN follows", async () => {
    await using w = await httpWorld(echo(() => w, 100));
    const peer = await w.ask(request("/1"));
    const { report, since } = drain(w);
    await w.until(report);
    assertEquals([peer.told, peer.end], [["200 /1, close"], "fin"]);
    assertLess(since(peer), 110);
    assertEquals((await report).clean, true);
  });

  it("that were pipelined are all answered, and only the last says close", async () => {
    await using w = await httpWorld(echo(() => w, 100));
    const peer = await w.ask(["/1", "/2", "/3", "/4"].map((target) => request(target)));
    const { report } = drain(w);
    await w.until(report);
    assertEquals([peer.told, peer.end], [["200 /1", "200 /2", "200 /3", "200 /4, close"], "fin"]);
    assertEquals([(await report).clean, (await report).afterFin.messages], [true, 0]);
  });

  it("with a body that nobody reads are no different, nor is what came behind them", async () => {
    for (const behind of [0, 1]) {
      await using w = await httpWorld(echo(() => w, 100));
      const post = request("/1", { method: "POST", headers: { "transfer-encoding": "chunked" } }) + chunked(["unread"]);
      const peer = await w.ask([post, request("/2", { body: "unread" })].slice(behind));
      const { report } = drain(w);
      await w.until(report);
      assertEquals([peer.told, peer.end], [["200 /1", "200 /2, close"].slice(behind), "fin"]);
      assertEquals((await report).afterFin.messages, 0);
    }
  });

  it("that are answered with their own bodies' streams hide nothing behind them", async () => {
    await using w = await httpWorld(async (req) => {
      await w.sleep(100);
      return new Response(req.body, { headers: { "content-length": "3" } });
    });
    const peer = await w.ask([request("/1", { body: "one" }), request("/2", { body: "two" })]);
    const { report } = drain(w);
    await w.until(report);
    assertEquals([peer.answers.map(bodyOf), peer.end], [["one", "two"], "fin"]);
    assertEquals([(await report).clean, (await report).afterFin.messages], [true, 0]);
  });

  it("finish an upload that is half sent", async () => {
    await using w = await httpWorld(async (req) => reply(await req.text()));
    const head = request("/", { method: "POST", headers: { "transfer-encoding": "chunked" } });
    const peer = await w.ask(head + "4\r\nfour\r\n");
    const { report } = drain(w);
    await w.pass(3000);
    assertEquals(peer.answers, []);
    peer.send(chunked(["more"]));
    await w.until(report);
    assertEquals([peer.told, peer.end, (await report).clean], [["200 fourmore, close"], "fin", true]);
  });

  it("get their 100 (Continue) in the drain too", async () => {
    await using w = await httpWorld(async (req) => {
      await w.sleep(50);
      return reply(await req.text());
    });
    const peer = await w.ask(
      request("/", { method: "POST", headers: { "content-length": "2", expect: "100-continue" } }),
    );
    const { report } = drain(w);
    await w.pass(100);
    assertEquals(peer.reader.interim, [100]);
    peer.send("ok");
    await w.until(report);
    assertEquals([peer.told, (await report).clean], [["200 ok, close"], true]);
  });

  it("of HTTP/1.0 clients are answered as well", async () => {
    await using w = await httpWorld(echo(() => w, 100));
    const peer = await w.ask(request("/1", { version: "1.0", headers: { connection: "keep-alive" } }));
    const { report } = drain(w);
    await w.until(report);
    assertEquals([peer.told, peer.end], [["200 /1, close"], "fin"]);
  });

  it("deliver a large answer whole to a slow reader", async () => {
    const size = 20 << 20;
    await using w = await httpWorld(() => reply(new Uint8Array(size)));
    const peer = await w.peer();
    peer.conn.pause();
    peer.ask(request("/", { method: "HEAD" }));
    const slow = await w.peer();
    slow.reader.methods.push("GET");
    slow.conn.pause();
    slow.send(request("/"));
    await w.pass(10);
    const { report } = drain(w);
    await w.pass(3000);
    slow.conn.resume();
    peer.conn.resume();
    await w.until(report);
    assertEquals([slow.last.body.length, slow.end, (await report).clean], [size, "fin", true]);
  });
});

describe("drain: idle connections", () => {
  it("get FIN after idleGrace, and nothing else", async () => {
    await using w = await httpWorld(() => reply("x"), { idleGrace: 700 });
    const [fresh, used] = [await w.peer(), await w.ask(request("/"))];
    const { report, since } = drain(w);
    await w.until(report);
    assertEquals([fresh.text, fresh.end, used.told, used.end], ["", "fin", ["200 x"], "fin"]);
    for (const peer of [fresh, used]) {
      assertGreaterOrEqual(since(peer), 700);
      assertLess(since(peer), 760);
    }
    assertEquals([(await report).clean, (await report).connections.idle], [true, 2]);
  });

  it("may send one more request within idleGrace: it is answered with close", async () => {
    await using w = await httpWorld(() => reply("x"), { idleGrace: 1000 });
    const peer = await w.ask(request("/"));
    const { report, since } = drain(w);
    await w.pass(800);
    peer.ask(request("/"));
    await w.until(report);
    assertEquals([peer.told, peer.end], [["200 x", "200 x, close"], "fin"]);
    assertLess(since(peer), 810);
    assertEquals((await report).clean, true);
  });

  it("wait one second by default", async () => {
    await using w = await httpWorld(() => reply("x"));
    const peer = await w.peer();
    const { report, since } = drain(w);
    await w.until(report);
    assertGreaterOrEqual(since(peer), 1000);
    assertLess(since(peer), 1060);
  });

  it("that ask after our FIN are not run, and counted", async () => {
    let runs = 0;
    await using w = await httpWorld(() => reply(`${++runs}`), { idleGrace: 200 });
    const peer = await w.peer({ stubborn: true });
    const { report } = drain(w);
    await w.pass(300);
    assertEquals(peer.end, "fin");
    peer.ask(request("/a", { body: "GET / HTTP/1.1\r\n\r\n" }), request("/b"), "GET /half");
    await w.pass(10);
    peer.conn.close();
    const { afterFin, clean } = await w.until(report);
    assertEquals([runs, afterFin.messages, clean], [0, 3, true]);
  });

  it("500 of them leave in good order", async () => {
    await using w = await httpWorld(() => reply("x"), { idleGrace: 300 });
    const peers: Peer[] = [];
    for (let i = 0; i < 500; i++) peers.push(await w.peer());
    const { report } = drain(w);
    await w.until(report);
    assertEquals(peers.filter((peer) => peer.end !== "fin").length, 0);
    assertEquals([(await report).clean, (await report).connections.idle], [true, 500]);
  });
});

describe("drain: half a head", () => {
  it("is answered when its rest comes", async () => {
    await using w = await httpWorld(() => reply("x"), { readHeaderTimeout: 3000 });
    const peer = await w.ask("GET / HTTP/1.1\r\nho");
    const { report } = drain(w);
    await w.pass(2000);
    assertEquals(peer.end, "open");
    peer.send("st: x\r\n\r\n");
    await w.until(report);
    assertEquals([peer.told, peer.end, (await report).clean], [["200 x, close"], "fin", true]);
  });

  it("gets 408 at readHeaderTimeout", async () => {
    await using w = await httpWorld(() => reply("x"), { readHeaderTimeout: 2000 });
    const peer = await w.ask("GET / HT");
    const { report, since } = drain(w);
    await w.until(report);
    assertEquals([peer.statuses, peer.end, (await report).clean], [[408], "fin", true]);
    assertLess(since(peer), 2050);
    assertEquals((await report).afterFin.messages, 0);
  });

  it("gets 408 when patience is over, at the latest", async () => {
    await using w = await httpWorld(() => reply("x"), { patience: 2000, readHeaderTimeout: 60_000 });
    const peer = await w.peer({ stubborn: true });
    peer.ask("GET / HT");
    await w.pass(10);
    const { report, since } = drain(w);
    await w.pass(2500);
    assertEquals([peer.statuses, peer.end], [[408], "fin"]);
    assertGreaterOrEqual(since(peer), 2000);
    assertLess(since(peer), 2400);
    // Its rest is no new message: it was answered with 408.
    peer.send("TP/1.1\r\nhost: x\r\n\r\n");
    await w.pass(10);
    peer.conn.close();
    assertEquals([(await w.until(report)).afterFin.messages, (await report).clean], [0, true]);
  });

  it("behind pipelined requests gets 408 at the end of patience, and they get their answers", async () => {
    await using w = await httpWorld(echo(() => w, 10), { patience: 2000, readHeaderTimeout: 60_000 });
    const peer = await w.ask([request("/1"), request("/2"), "GET /3 HT"], 0);
    const { report } = drain(w);
    await w.until(report);
    assertEquals(peer.statuses, [200, 200, 408]);
    assertEquals([peer.answers.map((answer) => answer.closes), peer.end], [[false, false, true], "fin"]);
    assertEquals([(await report).clean, (await report).afterFin.messages], [true, 0]);
  });
});

describe("drain: clients that never fall quiet", () => {
  it("lose nothing with requests one after the other", async () => {
    await using w = await httpWorld(() => reply("x"), { faults: { delay: 1, maxDelay: 5 } });
    const peer = await w.peer();
    let asked = 0;
    const play = async () => {
      while (peer.end === "open" && !peer.saidClose) {
        peer.ask(request(`/${++asked}`));
        while (peer.end === "open" && peer.answers.length < asked) await peer.changed();
      }
    };
    play();
    await w.pass(100);
    const { report } = drain(w);
    await w.until(report);
    assertEquals([peer.answers.length, peer.saidClose, peer.end], [asked, true, "fin"]);
  });

  it("lose nothing with a sliding window: each request is answered, and one answer says close", async () => {
    for (const [depth, work] of [[2, 0], [8, 0], [8, 3], [32, 1]]) {
      let runs = 0;
      await using w = await httpWorld(async () => {
        runs++;
        if (work > 0) await w.sleep(work);
        return reply("x");
      }, { grace: 4000, seed: depth, faults: { delay: 1, maxDelay: 3 } });
      const peer = await w.peer();
      let asked = 0;
      const play = async () => {
        while (peer.end === "open" && !peer.saidClose) {
          while (asked < peer.answers.length + depth) peer.ask(request(`/${++asked}`));
          await peer.changed();
        }
      };
      play();
      await w.pass(100);
      const { report } = drain(w);
      const { clean, afterFin } = await w.until(report);
      assertEquals([clean, peer.end, peer.problem, runs], [true, "fin", null, peer.answers.length]);
      assertEquals(peer.answers.filter((answer) => answer.closes).length, 1);
      assertEquals([asked - peer.answers.length, afterFin.messages], [0, 0], `depth ${depth}, work ${work}`);
    }
  });
});

describe("drain: lame duck", () => {
  it("still accepts, and every answer says close; resume() takes it back", async () => {
    await using w = await httpWorld(() => reply("x"), { lameDuck: 1000 });
    const idle = await w.ask(request("/"));
    const { report } = drain(w);
    await w.pass(500);
    const late = await w.ask(request("/"));
    assertEquals([late.told, late.end, idle.end], [["200 x, close"], "fin", "open"]);
    assertEquals(w.server.resume(), true);
    assertEquals((await w.until(report)).resumed, true);
    idle.ask(request("/"));
    const after = await w.ask(request("/"));
    assertEquals([idle.told, after.told, after.end], [["200 x", "200 x"], ["200 x"], "open"]);
  });

  it("is followed by the drain of those who stayed", async () => {
    await using w = await httpWorld(() => reply("x"), { lameDuck: 1000 });
    const idle = await w.ask(request("/"));
    const { report, since } = drain(w);
    await w.until(report);
    assertEquals([idle.end, (await report).clean], ["fin", true]);
    assertGreaterOrEqual(since(idle), 2000);
  });
});

describe("drain: who begins in the lame duck", () => {
  const events: HttpHandler = (_request, ctx) =>
    eventStream(ctx, async function* (signal) {
      for (let n = 0; !signal.aborted; n++) {
        yield { data: `${n}` };
        await new Promise<void>((resolve) => {
          world!.clock.setTimer(resolve, 100);
          signal.addEventListener("abort", () => resolve());
        });
      }
    }, { clock: world!.clock });
  let world: HttpWorld | null = null;

  it("gets events until it is over, as who was there does, and an event's edge then, on whichever connection", async () => {
    await using w = world = await httpWorld((req, ctx) => pathOf(req) === "/" ? reply("x") : events(req, ctx), {
      lameDuck: 1000,
      acceptQuiet: 1000,
    });
    const old = await w.ask(request("/"));
    const before = await w.ask(request("/events"));
    const report = w.server.shutdown();
    await w.pass(50);
    old.ask(request("/events"));
    const late = await w.ask(request("/events"));
    await w.pass(800);
    assertEquals([before.end, old.end, late.end], ["open", "open", "open"]);
    const { clean } = await w.until(report);
    for (const peer of [before, old, late]) {
      const text = bodyOf(peer.last);
      assertEquals([/data: ([89]|10)\n\nretry: \d+\n\n$/.test(text), peer.end], [true, "fin"], text);
      assertEquals(peer.last.closes, peer !== before, "a head that has left says nothing any more");
    }
    assertEquals(clean, true);
  });

  it("gets an event's edge at once behind its end", async () => {
    await using w = world = await httpWorld((req, ctx) => pathOf(req) === "/" ? reply("x") : events(req, ctx));
    const old = await w.ask(request("/"));
    const report = w.server.shutdown();
    await w.pass(100);
    old.ask(request("/events"));
    await w.pass(100);
    assertMatch(bodyOf(old.last), /^(data: 0\n\n)?retry: \d+\n\n$/);
    assertEquals([(await w.until(report)).clean, old.end], [true, "fin"]);
  });

  it("and who was there before go on when it is called off", async () => {
    await using w = world = await httpWorld(events, { lameDuck: 1000 });
    const before = await w.ask(request("/events"));
    const report = w.server.shutdown();
    await w.pass(500);
    const late = await w.ask(request("/events"));
    assertEquals([w.server.resume(), (await w.until(report)).resumed], [true, true]);
    await w.pass(2000);
    assertEquals([before.end, late.end], ["open", "open"]);
    const { clean } = await w.until(w.server.shutdown());
    assertEquals([clean, before.end, late.end], [true, "fin", "fin"]);
  });

  it("hears ctx.draining at its end, and resume() leaves it alone", async () => {
    const heard: [string, number][] = [];
    await using w = world = await httpWorld(async (_request, ctx) => {
      ctx.draining.addEventListener("abort", () => heard.push([ctx.target, w.clock.now() - began]));
      await w.sleep(2000);
      return reply(`${ctx.draining.aborted}`);
    }, { lameDuck: 1000, acceptQuiet: 1000 });
    let began = w.clock.now();
    const calledOff = w.server.shutdown();
    const spared = await w.ask(request("/spared"));
    await w.pass(300);
    assertEquals(w.server.resume(), true);
    await w.until(calledOff);
    await w.pass(2000);
    assertEquals([heard, spared.told], [[], ["200 false"]]);
    began = w.clock.now();
    const report = w.server.shutdown();
    await w.pass(500);
    const late = await w.ask(request("/late"));
    await w.until(report);
    assertEquals([heard, late.told], [[["/late", 1000]], ["200 true, close"]]);
  });
});
