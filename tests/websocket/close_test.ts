import { describe, it } from "node:test";
import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { ConnResetError, DeadlineError, OptionError } from "../../mod.ts";
import {
  type WebSocketClose,
  WebSocketClosedError,
  type WebSocketConn,
  WebSocketError,
} from "../../src/websocket/mod.ts";
import { Gate } from "../support/http_world.ts";
import { echo, echoInTurn, noting, type WsWorld, wsWorld } from "../support/websocket_world.ts";
import { trackedBy } from "../support/tracked.ts";
import { joined, masked, type RawPeer } from "../support/ws_raw.ts";
import { CLOSE, closePayload, TEXT } from "../support/ws_wire.ts";

/** Handler that takes messages into `got`, each for `ms`, and says when its loop has ended. */
function slowly(w: () => WsWorld, got: string[], ms: number) {
  return async (ws: WebSocketConn) => {
    for await (const message of ws) {
      await w().sleep(ms);
      noting(got)(message);
      ws.send(`re ${message}`);
    }
    got.push("end");
  };
}

async function outcome(w: WsWorld, ws: WebSocketConn = w.ws): Promise<WebSocketClose> {
  return await w.settled(ws.closed);
}

describe("close()", () => {
  it("sends code and reason behind what was sent, and fulfils with the peer's", async () => {
    await using w = await wsWorld(async (ws) => {
      ws.send("before");
      const { code, reason, wasClean } = await ws.close(4001, "enough");
      assertEquals([code, reason, wasClean, ws.state], [4002, "as you like", true, "closed"]);
    });
    const peer = await w.raw({ answers: false });
    await w.pass(100);
    assertEquals([peer.seen, w.ws.state, peer.end], [["text before", "close 4001 enough"], "closing", "open"]);
    peer.sayClose(4002, "as you like");
    await w.pass(5);
    assertEquals([peer.end, w.log], ["fin", []]);
  });

  it("is idempotent: the first code counts", async () => {
    await using w = await wsWorld(echo);
    const peer = await w.raw();
    const ends = [w.ws.close(3000), w.ws.close(4000, "again"), w.ws[Symbol.asyncDispose]().then(() => w.ws.closed)];
    await w.pass(5);
    assertEquals(await w.settled(Promise.all(ends)), Array(3).fill(await w.ws.closed));
    assertEquals(await w.settled(w.ws.close(1001)), await w.ws.closed);
    await w.pass(5);
    assertEquals(peer.seen, ["close 3000"]);
  });

  it("refuses what can't be sent, and the WebSocket stays open", async () => {
    await using w = await wsWorld(echo);
    const peer = await w.raw();
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1.5, NaN]) {
      assertThrows(() => w.ws.close(code), OptionError);
    }
    peer.send("open");
    await w.pass(5);
    assertEquals([peer.seen, w.ws.state], [["text open"], "open"]);
  });

  it("hands out what still comes until the peer's Close; answers are dropped and counted", async () => {
    const got: string[] = [];
    await using w = await wsWorld(slowly(() => w, got, 0));
    const peer = await w.raw({ answers: false });
    const ended = w.ws.close();
    await w.pass(5);
    for (let i = 0; i < 10; i++) {
      peer.send(`late ${i}`);
      await w.pass(5);
    }
    peer.send("last");
    peer.sayClose(1000);
    await w.pass(5);
    assertEquals(got, [...Array.from({ length: 10 }, (_, i) => `late ${i}`), "last", "end"]);
    assertEquals([peer.seen, w.ws.dropped, (await w.settled(ended)).wasClean], [["close 1000"], 11, true]);
  });

  it("when the peer's has come lets nothing be lost that came before", async () => {
    const got: string[] = [];
    await using w = await wsWorld(async (ws) => {
      for await (const message of ws) {
        noting(got)(message);
        if (message === "1") ws.close(4000);
        await w.sleep(100);
      }
    });
    const peer = await w.raw();
    peer.send("1", "2", "3");
    peer.sayClose(1000);
    await w.pass(500);
    assertEquals([got, peer.seen, peer.end], [["1", "2", "3"], ["close 4000"], "fin"]);
  });

  it("awaited within the loop takes no longer than the peer's Close", async () => {
    for (const push of [false, true]) {
      await using w = await wsWorld(async (ws) => {
        if (push) return await ws.forEach(async () => void await ws.close(4000));
        for await (const _ of ws) await ws.close(4000);
      });
      const peer = await w.raw();
      peer.send("quit");
      await w.pass(20);
      assertEquals([peer.seen, peer.end, w.ws.state], [["close 4000"], "fin", "closed"]);
    }
  });

  it("that crosses the peer's ends well on both sides", async () => {
    await using w = await wsWorld(echo);
    const peer = await w.raw({ answers: false });
    const ended = w.ws.close(4000);
    peer.sayClose(4001);
    await w.pass(5);
    assertEquals([(await w.settled(ended)).code, peer.seen, peer.end], [4001, ["close 4000"], "fin"]);
  });

  it("cuts a peer that is silent for closeTimeout, with 1006 and a reset", async () => {
    await using w = await wsWorld(echo, { ws: { closeTimeout: 700 } });
    const peer = await w.raw({ answers: false });
    const began = w.clock.now();
    w.ws.close();
    await w.pass(690);
    assertEquals(peer.end, "open");
    await w.pass(100);
    assertEquals([peer.seen, peer.end], [["close 1000"], "reset"]);
    assertLess(peer.endedAt, began + 760);
    const { code, wasClean, error } = await outcome(w);
    assertEquals([code, wasClean], [1006, false]);
    assertInstanceOf(error, DeadlineError);
    assertEquals(w.log, ["info: A WebSocket's peer is gone, dropping its connection"]);
  });
});

describe("the peer's Close", () => {
  it("is answered with its code, and FIN follows", async () => {
    for (const [code, answer] of [[1000, "close 1000"], [4999, "close 4999"], [undefined, "close 1005"]] as const) {
      await using w = await wsWorld(echoInTurn);
      const peer = await w.raw();
      peer.sayClose(code);
      await w.pass(5);
      assertEquals([peer.seen, peer.end, w.log], [[answer], "fin", []]);
      assertEquals(await outcome(w), { code: code ?? 1005, reason: "", wasClean: true, error: undefined });
    }
  });

  it("is answered when what came before it is dealt with", async () => {
    for (const push of [false, true]) {
      const got: string[] = [];
      const deal = async (ws: WebSocketConn, message: unknown) => {
        await w.sleep(100);
        got.push(`${message}`);
        ws.send(`re ${message}`);
      };
      await using w = await wsWorld(async (ws) => {
        if (push) return await ws.forEach((message) => deal(ws, message));
        for await (const message of ws) await deal(ws, message);
      });
      const peer = await w.raw();
      peer.send("1", "2", "3");
      peer.sayClose(1000);
      await w.pass(150);
      assertEquals([peer.seen, w.ws.state], [["text re 1"], "closing"]);
      await w.pass(200);
      assertEquals([peer.seen, peer.end], [["text re 1", "text re 2", "text re 3", "close 1000"], "fin"]);
      assertEquals([(await outcome(w)).wasClean, w.ws.dropped, got], [true, 0, ["1", "2", "3"]]);
    }
  });

  it("is answered although a handler is still at a message, and that is not dropped", async () => {
    const got: string[] = [];
    await using w = await wsWorld(slowly(() => w, got, 800), { ws: { closeTimeout: 1000 } });
    const peer = await w.raw();
    peer.send("1", "2", "3");
    peer.sayClose(4000);
    await w.pass(150);
    assertEquals([peer.seen, peer.end], [["close 4000"], "fin"]);
    await w.pass(3000);
    assertEquals(got.includes("1"), true);
    assertEquals(w.log, []);
  });

  it("is answered at once if nobody asks for messages", async () => {
    await using w = await wsWorld(async (ws) => void await ws.closed);
    const peer = await w.raw();
    peer.send("nobody takes it");
    const began = w.clock.now();
    peer.sayClose(1000);
    await w.pass(200);
    assertEquals([peer.seen, peer.end], [["close 1000"], "fin"]);
    assertLess(peer.closedAt, began + 150);
  });

  it("leaves nothing behind of what is still sent", async () => {
    await using w = await wsWorld(async (ws) => {
      for await (const message of ws) {
        await w.sleep(50);
        ws.send(message);
      }
      // After the end there is nobody to send to.
      await assertRejects(() => ws.send("too late"), WebSocketClosedError, "closed (code 1000)");
    });
    const peer = await w.raw();
    peer.send("answered");
    peer.sayClose(1000);
    peer.write(masked(TEXT, "after a Close"));
    await w.pass(100);
    assertEquals([peer.seen, peer.end, w.log], [["text answered", "close 1000"], "fin", []]);
  });
});

describe("what came before the end of the connection", () => {
  const sent = ["a".repeat(600), "b".repeat(600), "c".repeat(600), "d".repeat(600)];
  const codes = [1000, 1008, 1009, 1011];

  for (const code of codes) {
    it(`is handed out to a client that took nothing for long, and so is the Close behind it: ${code}`, async () => {
      for (const wait of [10, 50, 10_000]) {
        await using w = await wsWorld(async (ws) => {
          for (const message of sent) ws.send(message);
          await ws.close(code, "enough");
        });
        const client = await w.connect({ readHighWaterMark: 1000, compression: false });
        await w.pass(wait);
        const got: string[] = [];
        await w.until(client.forEach((message) => void got.push(String(message))));
        assertEquals(got, sent);
        const end = await w.until(client.closed);
        assertEquals([end.code, end.reason, end.wasClean], [code, "enough", true]);
      }
    });
  }

  it("is handed out to a handler, whether Close and FIN, FIN alone, or a reset came behind it", async () => {
    const ends: [string, number, (peer: RawPeer) => unknown][] = [
      ["Close", 4000, (peer) => (peer.sayClose(4000), peer.conn.closeWrite())],
      ["FIN", 1006, (peer) => peer.conn.closeWrite()],
      ["reset", 1006, (peer) => w!.pass(5).then(() => peer.conn.abort())],
    ];
    let w: WsWorld | null = null;
    for (const [what, code, end] of ends) {
      for (const rest of [20, 200]) {
        const got: string[] = [];
        await using made = w = await wsWorld(async (ws) => {
          for await (const message of ws) {
            got.push(String(message));
            await made.sleep(rest);
          }
        }, { ws: { readHighWaterMark: 1000 } });
        const peer = await made.raw({ answers: false });
        peer.send(...sent);
        await end(peer);
        await made.pass(2000);
        // Of what comes behind a pause the reset leaves nothing.
        assertEquals(got, what === "reset" ? sent.slice(0, got.length) : sent, what);
        assertGreaterOrEqual(got.length, 2);
        assertEquals((await made.settled(made.ws.closed)).code, code, what);
      }
    }
  });

  it("is handed out to a slow handler, though all of it and the end came before its turn", async () => {
    const ends: [string, number, Uint8Array][] = [
      ["Close and FIN", 4000, masked(CLOSE, closePayload(4000))],
      ["FIN", 1006, new Uint8Array(0)],
    ];
    for (const [what, code, close] of ends) {
      const got: string[] = [];
      const options = { maxConnections: 1, policy: "queue", ws: { readHighWaterMark: 1000 } } as const;
      await using w = await wsWorld(async (ws) => {
        for await (const message of ws) {
          got.push(String(message));
          await w.sleep(200);
        }
      }, options);
      const before = await w.raw();
      const peer = await w.dial({ behind: joined(...sent.map((text) => masked(TEXT, text)), close) });
      peer.conn.closeWrite();
      await w.pass(20);
      assertEquals(w.served.length, 1);
      before.sayClose(1000);
      await w.pass(2000);
      assertEquals(got, sent, what);
      assertEquals((await w.settled(w.served[1].closed)).code, code, what);
    }
  });

  it("is dropped by an abort of ours", async () => {
    const got: string[] = [];
    await using w = await wsWorld(async (ws) => {
      for await (const message of ws) {
        got.push(String(message));
        ws.abort();
      }
    });
    const peer = await w.raw();
    peer.send(...sent);
    await w.pass(10);
    assertEquals([got.length, peer.end], [1, "reset"]);
  });

  it("is no way to make a server take more memory than a few messages", async () => {
    const got: number[] = [];
    const gate = new Gate();
    await using w = await wsWorld(async (ws) => {
      await gate.promise;
      for await (const message of ws) got.push(message.length);
    }, { ws: { readHighWaterMark: 1000, maxMessageBytes: 10_000 } });
    const peer = await w.raw({ answers: false });
    peer.send(...Array.from({ length: 20 }, () => "x".repeat(3000)));
    peer.sayClose(4000);
    await w.pass(5);
    peer.conn.abort();
    await w.pass(1000);
    gate.open();
    await w.pass(100);
    // A thousand, and what four messages may have, and no more than one beyond.
    assertLess(got.reduce((sum, length) => sum + length, 0), 44_000 + 1);
    assertEquals((await w.settled(w.ws.closed)).code, 1006);
  });
});

describe("a peer that breaks the protocol", () => {
  const wrong: [string, number, (peer: RawPeer) => void][] = [
    ["an unmasked frame", 1002, (peer) => peer.write(Uint8Array.of(0x81, 1, 65))],
    ["text that is no UTF-8", 1007, (peer) => peer.write(masked(TEXT, Uint8Array.of(0xff)))],
    ["a message that is too long", 1009, (peer) => peer.send("x".repeat(2000))],
  ];
  for (const [what, code, say] of wrong) {
    it(`by ${what} gets Close ${code} after the answers to what came before`, async () => {
      const got: string[] = [];
      await using w = await wsWorld(slowly(() => w, got, 50), { ws: { maxMessageBytes: 1000 } });
      const [peer, other] = await w.many(2);
      peer.send("1", "2");
      say(peer);
      peer.send("never seen");
      await w.pass(200);
      assertEquals(peer.seen.slice(0, 2), ["text re 1", "text re 2"]);
      assertEquals([peer.close?.code, peer.end, got], [code, "fin", ["1", "2", "end"]]);
      const ended = await outcome(w);
      // It says what it said itself.
      assertEquals([ended.code, ended.wasClean], [code, false]);
      assertInstanceOf(ended.error, WebSocketError);
      assertEquals(ended.error.closeCode, code);
      assertEquals(w.log, ["info: A peer broke the WebSocket protocol, closing its connection"]);
      other.send("untouched");
      await w.pass(100);
      assertEquals([other.messages, other.end], [["re untouched"], "open"]);
    });
  }
});

describe("an abrupt end", () => {
  const ends: [string, (peer: RawPeer) => void][] = [
    ["a reset", (peer) => peer.conn.abort()],
    ["a FIN without a Close", (peer) => void peer.conn.closeWrite()],
    ["half a frame and a reset", (peer) => {
      peer.write(masked(TEXT, "never whole").subarray(0, 9));
      w5(() => peer.conn.abort());
    }],
    ["half a frame and a FIN", (peer) => {
      peer.write(masked(TEXT, "never whole").subarray(0, 9));
      void peer.conn.closeWrite();
    }],
    ["half a message and a FIN", (peer) => {
      peer.write(masked(TEXT, "never whole", { fin: false }));
      void peer.conn.closeWrite();
    }],
  ];
  /** Runs when what was written before is on its way. */
  const w5 = (fn: () => void) => void setTimeout(fn, 0);

  for (const [what, go] of ends) {
    it(`by ${what} is 1006: iteration ends, sends reject, others go on`, async () => {
      const got: string[] = [];
      let late: Promise<unknown> | null = null;
      await using w = await wsWorld(async (ws) => {
        for await (const message of ws) noting(got)(message);
        got.push("end");
        late = assertRejects(() => ws.send("to nobody"), WebSocketClosedError);
        ws.send("to nobody, and unheard");
        await late;
        await assertRejects(() => ws.ping(), WebSocketClosedError);
      });
      const [peer, other] = await w.many(2);
      peer.send("1", "2");
      await w.pass(5);
      const ping = w.ws.ping();
      w.ws.ping();
      go(peer);
      await w.pass(5);
      await new Promise((resolve) => setTimeout(resolve, 0));
      await w.pass(5);
      assert(late !== null);
      assertEquals([got, w.ws.state, w.contexts[0].signal.aborted], [["1", "2", "end"], "closed", true]);
      const { code, reason, wasClean, error } = await outcome(w);
      assertEquals([code, reason, wasClean], [1006, "", false]);
      assertInstanceOf(error, ConnResetError);
      await assertRejects(() => ping, WebSocketClosedError);
      assertEquals([w.log, trackedBy(w.server), w.adapter.openSockets], [[], 1, 2]);
      assertEquals([w.served[1].state, other.end], ["open", "open"]);
    });
  }

  it("by a FIN lets what came before be dealt with and answered", async () => {
    const got: string[] = [];
    await using w = await wsWorld(slowly(() => w, got, 20));
    const peer = await w.raw();
    peer.send("1", "2", "3");
    void peer.conn.closeWrite();
    await w.pass(100);
    assertEquals([got, peer.seen], [["1", "2", "3", "end"], ["text re 1", "text re 2", "text re 3"]]);
    assertEquals([peer.end, (await outcome(w)).code, w.log], ["fin", 1006, []]);
  });

  it("by abort() is a reset for the peer", async () => {
    await using w = await wsWorld(echoInTurn);
    const peer = await w.raw();
    w.ws.abort(new Error("enough"));
    w.ws.abort();
    await w.pass(5);
    assertEquals([peer.seen, peer.end, w.log], [[], "reset", []]);
    const { code, wasClean, error } = await outcome(w);
    assertEquals([code, wasClean, String(error)], [1006, false, "Error: enough"]);
  });

  it("in the middle of a handler's work lets sends that wait reject, and ends the work by ctx.signal", async () => {
    const rejected: unknown[] = [];
    const gate = new Gate();
    await using w = await wsWorld(async (ws, ctx) => {
      const big = new Uint8Array(1 << 20);
      ws.send(big);
      await gate.promise;
      for (let i = 0; i < 3; i++) ws.send(big).catch((error) => rejected.push(error));
      ws.send(big);
      await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
    });
    const peer = await w.raw();
    peer.conn.pause();
    gate.open();
    await w.pass(50);
    assertEquals(rejected.length, 0);
    assertGreaterOrEqual(w.ws.bufferedAmount, 3 << 20);
    peer.conn.abort();
    await w.pass(5);
    assertEquals([rejected.length, w.ws.bufferedAmount, w.log], [3, 0, []]);
    for (const error of rejected) assertInstanceOf(error, ConnResetError);
  });

  it("that everybody makes at once leaves nothing", async () => {
    await using w = await wsWorld(echo);
    const peers = await w.many(200);
    for (const peer of peers) peer.send("x");
    await w.pass(1);
    peers.forEach((peer, i) => i % 2 === 0 ? peer.conn.abort() : peer.conn.close());
    await w.pass(50);
    assertEquals([trackedBy(w.server), w.adapter.openSockets, w.log], [0, 0, []]);
  });
});

describe("our own client", () => {
  it("sees the server's Close, and the server's FIN ends the connection", async () => {
    await using w = await wsWorld(async (ws) => {
      for await (const message of ws) if (message === "stop") return void ws.close(4000, "stopped");
    });
    const ws = await w.connect();
    ws.send("stop");
    await w.pass(5);
    assertEquals(await outcome(w, ws), { code: 4000, reason: "stopped", wasClean: true, error: undefined });
    await w.until(ws.conn.closed, 100);
    assertEquals((await outcome(w)).wasClean, true);
  });

  it("closes with code and reason, and gets what the server still answers", async () => {
    const got: string[] = [];
    await using w = await wsWorld(slowly(() => w, [], 20));
    const ws = await w.connect();
    const taken = ws.forEach(noting(got));
    for (const text of ["1", "2", "3"]) ws.send(text);
    const ended = ws.close(4000, "bye");
    await w.pass(100);
    await w.settled(taken);
    assertEquals(got, ["re 1", "re 2", "re 3"]);
    assertEquals([(await w.settled(ended)).code, (await outcome(w)).reason], [4000, "bye"]);
  });
});
