/** Calls over frames: answers, deadlines, cancellation, limits, goodbyes and ends, seen from both sides. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  background,
  Canceled,
  ConnResetError,
  type Context,
  DeadlineExceeded,
  framed,
  FrameError,
  heartbeat,
  InUseError,
  lengthPrefixCodec,
  OptionError,
  silentLogger,
  withCancel,
  withTimeout,
} from "../../mod.ts";
import { json, jsonLines, lengthPrefix, msgpack } from "../../src/framing/codecs/mod.ts";
import { type Rpc, rpc, RPC_PING, type RpcEnvelope, RpcError, type RpcOptions } from "../../src/framing/rpc/mod.ts";
import { PLAIN_ENVELOPE, readMessage } from "../../src/framing/rpc/rpc_wire.ts";
import { type CallMessage, callMessage, calls, decode, encode } from "../fixtures/codec_tools.ts";
import { bytesOf, FakeConn } from "../fixtures/framing_tools.ts";
import { dial, type Gate, gate, MESSAGES, type RpcWorld, rpcWorld } from "../fixtures/rpc_tools.ts";

/** The code that a call was refused with, or what it gave. */
async function outcome(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    return (error as { code?: string } | null)?.code ?? error;
  }
}

/** Lets a few turns pass: there and back. */
async function soon({ w }: RpcWorld): Promise<void> {
  for (let i = 0; i < 5; i++) await w.pass(1);
}

/** Methods that wait until a test lets them go, by the number that they are given. */
function gated(): { gates: Map<unknown, Gate>; begun: unknown[]; contexts: Context[]; methods: RpcOptions["methods"] } {
  const gates = new Map<unknown, Gate>();
  const begun: unknown[] = [];
  const contexts: Context[] = [];
  const wait = (params: unknown, ctx: Context): Promise<unknown> => {
    const made = gate();
    gates.set(params, made);
    begun.push(params);
    contexts.push(ctx);
    return made.promise;
  };
  return { gates, begun, contexts, methods: { wait } };
}

describe("rpc()", () => {
  it("gives each call its own answer, whatever order they come in, both ways at once", async () => {
    const [here, there] = [gated(), gated()];
    await using r = await rpcWorld({ server: { methods: here.methods }, client: { methods: there.methods } });
    const got: string[] = [];
    const note = (side: string, call: Promise<unknown>) => void call.then((value) => got.push(`${side} ${value}`));
    for (const n of [1, 2, 3]) note("client", r.client.call("wait", n));
    for (const n of [1, 2]) note("server", r.server.call("wait", n));
    await soon(r);
    assertEquals([here.begun, there.begun, r.client.pending, r.server.running], [[1, 2, 3], [1, 2], 3, 3]);
    for (const n of [3, 1, 2]) {
      here.gates.get(n)!.open(`result ${n}`);
      there.gates.get(n)?.open(`result ${n}`);
      await soon(r);
    }
    const of = (side: string) => got.filter((each) => each.startsWith(side));
    assertEquals(of("client"), ["client result 3", "client result 1", "client result 2"]);
    assertEquals(of("server"), ["server result 1", "server result 2"]);
    assertEquals([r.client.pending, r.server.running, r.server.pending], [0, 0, 0]);
  });

  it("has types for the methods of the peer", async () => {
    interface Remote {
      add(params: { a: number; b: number }): number;
      now(): Promise<string>;
    }
    const methods = { add: (params: unknown) => (params as { a: number }).a + 1, now: () => "noon" };
    await using r = await rpcWorld({ server: { methods } });
    const client = r.client as unknown as Rpc<Remote>;
    const sum: number = await r.w.until(client.call("add", { a: 1, b: 2 }));
    const now: string = await r.w.until(client.call("now"));
    assertEquals([sum, now], [2, "noon"]);
    // @ts-expect-error there is no such method
    assertEquals(await outcome(r.w.until(client.call("sub", {}))), "ERR_RPC_UNKNOWN_METHOD");
    // @ts-expect-error frames that carry bytes need an envelope
    const untyped = () => rpc(framed(new FakeConn(), lengthPrefixCodec()));
    assertEquals(typeof untyped, "function");
  });

  for (
    const [name, codec] of [
      ["json lines", () => jsonLines()],
      ["msgpack", () => lengthPrefix(msgpack({ encode, decode }))],
    ] as const
  ) {
    it(`works over ${name}`, async () => {
      await using r = await rpcWorld({ codec, server: { methods: { twice: (n) => [n, n] } } });
      assertEquals(await r.w.until(r.client.call("twice", { a: 1 })), [{ a: 1 }, { a: 1 }]);
      assertEquals(await r.w.until(r.client.call("twice")), name === "msgpack" ? [null, null] : [null, null]);
    });
  }

  it("works over messages of a protobuf schema, by an envelope", async () => {
    const text = (value: unknown): string => value === undefined ? "" : JSON.stringify(value);
    const envelope: RpcEnvelope<CallMessage> = {
      wrap: (m) =>
        callMessage({
          ...m as object,
          timeout: m.kind === "call" ? m.timeout ?? -1 : -1,
          value: text(m.kind === "call" ? m.params : m.kind === "result" ? m.result : undefined),
        }),
      unwrap: ({ kind, id, method, value, timeout, code, message }) => {
        const content = value === "" ? undefined : JSON.parse(value);
        if (kind === "call") return { kind, id, method, params: content, timeout: timeout < 0 ? null : timeout };
        if (kind === "result") return { kind, id, result: content };
        if (kind === "error") return { kind, id, code, message, data: undefined };
        return { kind, id } as never;
      },
    };
    const conns = [new FakeConn(), new FakeConn()];
    const ends = conns.map((conn) =>
      rpc(framed(conn, lengthPrefix(calls())), { envelope, methods: { twice: (n) => [n, n] } })
    );
    conns.forEach((conn, i) => {
      conn.write = (data) => {
        queueMicrotask(() => conns[1 - i].consumer?.data((data as Uint8Array).slice()));
        return Promise.resolve();
      };
    });
    assertEquals(await ends[0].call("twice", "x"), ["x", "x"]);
    assertEquals(await outcome(ends[1].call("thrice", "x")), "ERR_RPC_UNKNOWN_METHOD");
    for (const conn of conns) conn.end();
  });
});

describe("what a call is refused with", () => {
  it("is what its method throws, if that is an RpcError, and nothing of it otherwise", async () => {
    const methods = {
      sell: () => {
        throw new RpcError("OUT_OF_STOCK", "No apples", { data: { left: 0 } });
      },
      fail: () => Promise.reject(new Error("password is 1234")),
      big: () => 5n,
      toString: () => "mine",
    };
    await using r = await rpcWorld({ server: { methods } });
    const sold = await assertRejects(() => r.w.until(r.client.call("sell")), RpcError, "No apples");
    assertEquals([sold.code, sold.data], ["OUT_OF_STOCK", { left: 0 }]);
    const failed = await assertRejects(() => r.w.until(r.client.call("fail")), RpcError, "The method failed");
    assertEquals([failed.code, failed.data], ["ERR_RPC_FAILED", undefined]);
    assertEquals(await outcome(r.w.until(r.client.call("big"))), "ERR_RPC_FAILED");
    assertEquals(await outcome(r.w.until(r.client.call("hasOwnProperty"))), "ERR_RPC_UNKNOWN_METHOD");
    assertEquals(await r.w.until(r.client.call("toString")), "mine");
    const [fail, big] = r.failures.map(([method, error]) => `${method} ${(error as Error).message}`);
    assertEquals(fail, "fail password is 1234");
    assertMatch(big, /^big frame must be a JSON value, which \.result is not/);
  });

  it("names our own mistake at once, and sends nothing", async () => {
    await using r = await rpcWorld();
    const sent = r.clientConn.bytesWritten;
    assertThrows(() => rpc(undefined as never), OptionError, "frames must be what framed() gives");
    assertThrows(() => r.client.call("a", 5n), OptionError, "which .params is not");
    assertThrows(() => r.client.call("a", "x".repeat(70_000)), OptionError, "longer than 65536");
    assertThrows(() => r.client.call("", 1), OptionError, "method must be a non-empty string");
    assertThrows(() => r.client.call("a", 1, { timeout: -1 }), OptionError, "timeout must be from 0");
    assertThrows(() => r.client.call("a", 1, { timout: 1 } as never), OptionError, "did you mean timeout?");
    assertEquals([r.client.pending, r.clientConn.bytesWritten], [0, sent]);
  });

  it("is ERR_RPC_BUSY above what waits, at either side", async () => {
    const there = gated();
    const server = { methods: there.methods, maxConcurrent: 2, maxQueued: 1 };
    await using r = await rpcWorld({ server, client: { maxPending: 5 } });
    const asked = [1, 2, 3, 4, 5].map((n) => outcome(r.client.call("wait", n)));
    assertEquals(await outcome(r.client.call("wait", 6)), "ERR_RPC_BUSY");
    await soon(r);
    assertEquals([there.begun, r.server.running, r.server.queued], [[1, 2], 2, 1]);
    assertEquals(await Promise.all(asked.slice(3)), ["ERR_RPC_BUSY", "ERR_RPC_BUSY"]);
    there.gates.get(1)!.open("one");
    await soon(r);
    assertEquals([await asked[0], there.begun, r.server.queued], ["one", [1, 2, 3], 0]);
    there.gates.get(2)!.open("two");
    there.gates.get(3)!.open("three");
    await soon(r);
    assertEquals([await asked[1], await asked[2], r.server.running, r.client.pending], ["two", "three", 0, 0]);
  });
});

describe("a deadline", () => {
  it("goes along as what is left, and ends the call at both sides", async () => {
    const there = gated();
    await using r = await rpcWorld({ server: { methods: there.methods } });
    const [ctx] = withTimeout(background(r.w.clock), 500);
    await r.w.pass(100);
    const asked = outcome(r.client.call("wait", 1, { ctx }));
    await soon(r);
    const left = there.contexts[0].deadline! - r.w.clock.wall();
    assert(left > 390 && left <= 400, `${left}`);
    await r.w.pass(385);
    assertEquals(there.contexts[0].err(), null);
    await r.w.pass(10);
    assertEquals(await asked, "ERR_DEADLINE_EXCEEDED");
    assert(there.contexts[0].err() instanceof DeadlineExceeded);
    // What ran on is still a call that runs, and its late result is nobody's.
    assertEquals([r.server.running, r.client.pending], [1, 0]);
    there.gates.get(1)!.open("late");
    await soon(r);
    assertEquals([r.server.running, r.server.queued], [0, 0]);
  });

  it("is that of rpc() where a call says nothing, and none with 0", async () => {
    const there = gated();
    await using r = await rpcWorld({ server: { methods: there.methods }, client: { timeout: 200 } });
    const [limited, endless] = [outcome(r.client.call("wait", 1)), r.client.call("wait", 2, { timeout: 0 })];
    await r.w.pass(1000);
    assertEquals([await limited, r.client.pending, there.contexts[1].deadline], ["ERR_DEADLINE_EXCEEDED", 1, null]);
    there.gates.get(2)!.open("two");
    assertEquals(await r.w.until(endless), "two");
  });

  it("that is over when the call comes lets nothing run", async () => {
    const conn = new FakeConn();
    const there = gated();
    rpc(framed(conn, jsonLines()), { methods: there.methods });
    conn.send('{"id":1,"method":"wait","timeout":0}\n');
    await new Promise((resolve) => setTimeout(resolve));
    const [answer] = conn.written.map((each) => JSON.parse(new TextDecoder().decode(each)));
    assertEquals([answer.re, answer.error.code, there.begun], [1, "ERR_RPC_DEADLINE", []]);
    conn.end();
  });

  it("takes a call that waits for its turn out of the queue", async () => {
    const there = gated();
    await using r = await rpcWorld({ server: { methods: there.methods, maxConcurrent: 1 } });
    outcome(r.client.call("wait", 1));
    const [ctx, cancel] = withCancel(background());
    const asked = [r.client.call("wait", 2, { timeout: 300 }), r.client.call("wait", 3, { ctx })].map(outcome);
    await soon(r);
    assertEquals(r.server.queued, 2);
    cancel();
    await soon(r);
    assertEquals(r.server.queued, 1);
    await r.w.pass(400);
    assertEquals([await Promise.all(asked), r.server.queued], [["ERR_DEADLINE_EXCEEDED", "ERR_CANCELED"], 0]);
    there.gates.get(1)!.open(1);
    await soon(r);
    assertEquals(there.begun, [1]);
  });
});

describe("cancellation", () => {
  it("goes to the method, whose slot is free when it has settled", async () => {
    const there = gated();
    await using r = await rpcWorld({ server: { methods: there.methods, maxConcurrent: 1 } });
    const reason = new Error("the user has left");
    const stop = new AbortController();
    const asked = r.client.call("wait", 1, { ctx: stop.signal });
    const next = r.client.call("wait", 2);
    await soon(r);
    stop.abort(reason);
    assertEquals(await outcome(r.w.until(asked)), reason);
    await soon(r);
    assert(there.contexts[0].cause() instanceof Canceled);
    assertEquals([r.server.running, r.server.queued], [1, 1]);
    there.gates.get(1)!.fail(there.contexts[0].cause());
    await soon(r);
    there.gates.get(2)!.open("two");
    assertEquals([await r.w.until(next), r.failures], ["two", []]);
  });

  it("of a context that has ended sends nothing", async () => {
    await using r = await rpcWorld();
    const sent = r.clientConn.bytesWritten;
    const over = new Error("over");
    assertStrictEquals(await outcome(r.client.call("wait", 1, { ctx: AbortSignal.abort(over) })), over);
    assertEquals([r.clientConn.bytesWritten, r.client.pending], [sent, 0]);
  });
});

describe("an end", () => {
  it("fails all that wait with ERR_RPC_GONE and the connection's error, and ends what runs", async () => {
    const there = gated();
    await using r = await rpcWorld({ server: { methods: there.methods, maxConcurrent: 1 } });
    const asked = [1, 2].map((n) => r.client.call("wait", n));
    await soon(r);
    r.serverConn.abort();
    for (const call of asked) {
      const error = await assertRejects(() => r.w.until(call), RpcError, "ended before the call was answered");
      assertEquals([error.code, error.cause instanceof ConnResetError], ["ERR_RPC_GONE", true]);
    }
    await soon(r);
    assert(there.contexts[0].err() !== null);
    assertEquals([there.begun, r.server.queued, r.client.isOpen], [[1], 0, false]);
    assertEquals(await outcome(r.client.call("wait", 3)), "ERR_RPC_GONE");
    await assertRejects(() => r.client.done, ConnResetError);
    there.gates.get(1)!.open(1);
    await soon(r);
    assertEquals(r.server.running, 0);
  });

  it("ends what runs where no context of a handler does it", async () => {
    const there = gated();
    await using r = await rpcWorld({ client: { methods: there.methods } });
    r.server.call("wait", 1).catch(() => {});
    await soon(r);
    r.serverConn.abort();
    await soon(r);
    assertEquals((there.contexts[0].cause() as RpcError).code, "ERR_RPC_GONE");
    there.gates.get(1)!.open(1);
  });

  it("of the peer's sending leaves it its answers", async () => {
    const there = gated();
    await using r = await rpcWorld({ server: { methods: there.methods } });
    r.client.call("wait", 1).catch(() => {});
    const asked = outcome(r.server.call("none"));
    await soon(r);
    const before = r.clientConn.bytesRead;
    r.clientConn.closeWrite();
    await soon(r);
    assertEquals([r.server.running, there.contexts[0].err(), r.server.isOpen], [1, null, false]);
    there.gates.get(1)!.open("one");
    await r.w.until(r.server.done);
    await soon(r);
    assert(r.clientConn.bytesRead > before);
    assert(["ERR_RPC_GONE", "ERR_RPC_UNKNOWN_METHOD"].includes(await asked as string));
  });

  it("comes to a peer that says what can't be", async () => {
    const nonsense = [
      "5",
      "null",
      "{}",
      '{"id":0,"method":"a"}',
      '{"id":"1","method":"a"}',
      '{"id":1,"method":""}',
      '{"id":1,"method":"a","timeout":-1}',
      '{"re":7,"result":1}',
      '{"re":1,"error":{}}',
      '{"seen":true}',
      '{"goodbye":true}\n{"goodbye":true}',
      '{"id":1,"method":"wait","params":1}\n{"id":1,"method":"wait","params":2}',
      "no json",
    ];
    for (const text of nonsense) {
      const conn = new FakeConn();
      const peer = rpc(framed(conn, jsonLines()), { methods: gated().methods });
      conn.send(`${text}\n`);
      const error = await assertRejects(() => peer.done, FrameError, "", text);
      assertEquals([error.code, conn.calls.includes("close"), peer.isOpen], ["ERR_FRAME_MALFORMED", true, false], text);
    }
  });

  it("comes to a peer that says anything at all by a FrameError, if it comes", async () => {
    const ids = fc.oneof(fc.integer({ min: -1, max: 4 }), fc.jsonValue());
    const said = fc.oneof(
      fc.jsonValue(),
      fc.record({ id: ids, method: fc.constantFrom("one", "none", ""), params: fc.jsonValue() }),
      fc.record({ id: ids, method: fc.constant("one"), timeout: fc.jsonValue() }),
      fc.record({ re: ids, result: fc.jsonValue() }),
      fc.record({ re: ids, error: fc.record({ code: fc.jsonValue(), message: fc.string() }) }),
      fc.record({ cancel: ids }),
      fc.constantFrom({ goodbye: true }, { seen: true }, { ping: true }, { pong: true }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(said, { maxLength: 8 }), async (values) => {
        const conn = new FakeConn();
        const peer = rpc(framed(conn, jsonLines()), { methods: { one: () => 1 }, logger: silentLogger });
        const asked = outcome(peer.call("a", 1, { timeout: 0 }));
        conn.send(values.map((value) => `${JSON.stringify(value)}\n`).join(""));
        if (conn.consumer !== null) conn.end();
        await peer.done.catch((error) => assert(error instanceof FrameError, String(error)));
        await asked;
        assertEquals([peer.isOpen, peer.pending, peer.running], [false, 0, 0]);
      }),
      { numRuns: 300 },
    );
  });

  it("is no end for an answer to a call that was given up", async () => {
    const conn = new FakeConn();
    const peer = rpc(framed(conn, jsonLines()));
    const stop = new AbortController();
    const asked = outcome(peer.call("a", 1, { ctx: stop.signal, timeout: 0 }));
    stop.abort("enough");
    assertEquals(await asked, "enough");
    assertEquals(conn.written.map((each) => new TextDecoder().decode(each)), [
      '{"id":1,"method":"a","params":1}\n',
      '{"cancel":1}\n',
    ]);
    const second = peer.call("b", undefined, { timeout: 0 });
    conn.send('{"re":1,"result":"late"}\n{"re":2,"result":"own"}\n{"re":2,"result":"again"}\n');
    assertEquals([await second, peer.isOpen], ["own", true]);
    conn.end();
  });
});

describe("a drain", () => {
  it("says goodbye at once, answers what runs and what was on its way, and loses no call", async () => {
    const there = gated();
    const told: string[] = [];
    await using r = await rpcWorld({
      server: { methods: there.methods, maxConcurrent: 1 },
      client: { onGoodbye: () => told.push("goodbye") },
      world: { wire: { up: 40, down: 40 }, lameDuck: 0, grace: 10_000 },
    });
    const asked = [1, 2].map((n) => outcome(r.client.call("wait", n)));
    await r.w.pass(100);
    const report = r.w.server.shutdown();
    // Our goodbye is on its way while this goes the other way.
    asked.push(outcome(r.client.call("wait", 3)));
    await r.w.pass(60);
    assertEquals([told, r.client.isOpen], [["goodbye"], false]);
    assertEquals(await outcome(r.client.call("wait", 4)), "ERR_RPC_DRAINING");
    for (const n of [1, 2, 3]) {
      await r.w.pass(400);
      there.gates.get(n)!.open(n);
      await soon(r);
    }
    const { clean, cut, connections } = await r.w.until(report);
    assertEquals([await Promise.all(asked), clean, cut, connections.finished], [[1, 2, 3], true, [], 1]);
    await r.w.until(r.client.done);
  });

  it("refuses what is called behind the goodbye by a peer that has seen it", async () => {
    const conn = new FakeConn();
    const draining = new AbortController();
    const ctx = Object.assign(withCancel(background())[0], { draining: draining.signal });
    const peer = rpc(framed(conn, jsonLines()), { ctx, methods: { one: () => 1 } });
    const said = () => conn.written.splice(0).map((each) => new TextDecoder().decode(each)).join("");
    draining.abort(new Error("stop"));
    assertEquals(said(), '{"goodbye":true}\n');
    conn.send('{"id":1,"method":"one"}\n');
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(said(), '{"re":1,"result":1}\n');
    conn.send('{"seen":true}\n{"id":2,"method":"one"}\n');
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(JSON.parse(said()).error.code, "ERR_RPC_DRAINING");
    peer.leave();
    assertEquals(said(), "");
    conn.end();
  });

  it("goes on where onGoodbye throws, and where an envelope can't say it", async () => {
    const logged: unknown[] = [];
    const logger = { ...silentLogger, error: (message: string) => void logged.push(message) };
    const onGoodbye = () => {
      throw new Error("no other server");
    };
    const conn = new FakeConn();
    const peer = rpc(framed(conn, jsonLines()), { logger, onGoodbye });
    conn.send('{"goodbye":true}\n');
    assertEquals([logged, conn.written.length, peer.isOpen], [["onGoodbye failed"], 1, false]);
    conn.end();

    const mute = new FakeConn();
    const wrap = (message: unknown): never => {
      throw new OptionError("frame", `no word for ${(message as { kind: string }).kind}`);
    };
    const methods = { one: () => 1 };
    const silent = rpc(framed(mute, jsonLines()), { logger, methods, envelope: { ...PLAIN_ENVELOPE, wrap } });
    mute.send('{"id":1,"method":"one"}\n{"ping":true}\n');
    silent.leave();
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals([silent.running, mute.written.length], [0, 0]);
    assertEquals(logged.slice(1), ["Method failed", "Method failed", "Method failed", "Method failed"]);
    mute.end();
  });

  it("holds the connection for a call of ours that the peer has not answered", async () => {
    const there = gated();
    await using r = await rpcWorld({ client: { methods: there.methods } });
    const asked = outcome(r.server.call("wait", 1));
    await r.w.pass(10);
    const report = r.w.server.shutdown();
    await r.w.pass(3000);
    there.gates.get(1)!.open("kept");
    assertEquals([await r.w.until(asked), (await r.w.until(report)).clean], ["kept", true]);
  });

  it("ends methods at the end of grace, with the cause of the drain", async () => {
    const there = gated();
    await using r = await rpcWorld({ server: { methods: there.methods }, world: { grace: 2000 } });
    const asked = outcome(r.client.call("wait", 1));
    await r.w.pass(10);
    const report = r.w.server.shutdown();
    const asOf = r.w.clock.now();
    while (there.contexts[0].err() === null) await r.w.pass(10);
    assert(r.w.clock.now() - asOf > 1000);
    there.gates.get(1)!.fail(there.contexts[0].cause());
    await r.w.until(report);
    assertEquals(await r.w.until(asked), "ERR_RPC_CANCELED");
  });
});

describe("the connection below", () => {
  it("is told of each message that needs no answer, and of no call", async () => {
    const conn = Object.assign(new FakeConn(), { count: 0, answered: () => void conn.count++ });
    const peer = rpc(framed(conn, jsonLines()), { methods: { one: () => 1 } });
    const asked = peer.call("a", 1, { timeout: 0 });
    for (
      const [text, answered] of [
        ['{"id":1,"method":"one"}', 0],
        ['{"id":2,"method":"none"}', 0],
        ['{"re":1,"result":1}', 1],
        ['{"cancel":7}', 1],
        ['{"ping":true}', 0],
        ['{"pong":true}', 1],
        ['{"goodbye":true}', 0],
      ] as const
    ) {
      conn.count = 0;
      conn.send(`${text}\n`);
      await new Promise((resolve) => setTimeout(resolve));
      assertEquals(conn.count, answered, text);
    }
    assertEquals(await asked, 1);
    conn.end();
  });
});

describe("the wire", () => {
  it("carries each message", () => {
    for (const message of MESSAGES) {
      const plain = JSON.parse(JSON.stringify(PLAIN_ENVELOPE.wrap(message)));
      assertEquals(readMessage(PLAIN_ENVELOPE, plain), message);
    }
  });

  it("answers pings, so that heartbeat() keeps a peer that is there and drops one that is not", async () => {
    await using r = await rpcWorld();
    const conn = await dial(r.w);
    const frames = framed(conn, lengthPrefix(json()));
    const client = rpc(frames, { clock: r.w.clock });
    heartbeat(frames, { ping: RPC_PING, interval: 1000, clock: r.w.clock });
    await r.w.pass(10_000);
    assertEquals([conn.state === "closed", client.isOpen], [false, true]);
    conn.abort();
  });
});

describe("options of rpc()", () => {
  it("are refused before anything is taken", async () => {
    const conn = new FakeConn();
    const frames = framed(conn, jsonLines());
    for (
      const [options, message] of [
        [{ methods: { add: 5 } }, "methods.add must be a function, got 5"],
        [{ methods: 5 }, "methods must be an object of functions, got 5"],
        [{ maxConcurrent: 0 }, "maxConcurrent must be a whole number of at least 1, got 0"],
        [{ maxQueued: -1 }, "maxQueued must be a whole number of at least 0, got -1"],
        [{ timeout: NaN }, "timeout must be from 0"],
        [{ method: {} }, "did you mean methods?"],
        [{ envelope: {} }, "envelope must have the functions wrap() and unwrap()"],
      ] as const
    ) assertThrows(() => rpc(frames, options as never), OptionError, message);
    const peer = rpc(frames);
    assertThrows(() => rpc(frames), InUseError);
    conn.send('{"ping":true}\n');
    assertEquals(conn.written, [bytesOf('{"pong":true}\n')]);
    conn.end();
    await peer.done;
  });
});
