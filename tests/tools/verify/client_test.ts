import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type MemoryAdapter, memoryAdapter } from "../../../adapters/memory/mod.ts";
import { type Conn, type Consumer, Dialer, listen } from "../../../mod.ts";
import { VirtualClock } from "../../../src/testing/clock.ts";
import { Lookout } from "../../../src/tools/verify/lookout.ts";
import { type ScenarioName, type ScenarioRun, SCENARIOS, type VerifyKind } from "../../../src/tools/verify/mod.ts";
import { GRACE, until } from "../../support/verify_world.ts";
import { speaker } from "../../support/verify_speakers.ts";
import { CLOSE, closePayload, frame } from "../../support/ws_wire.ts";

/** A server whose connections a test holds in its hands. */
class Hands {
  readonly clock: VirtualClock = new VirtualClock({ turns: 2 });
  readonly adapter: MemoryAdapter = memoryAdapter({ clock: this.clock });
  readonly kind: VerifyKind;
  readonly conns: Conn[] = [];
  /** Frames or bytes that came on each connection after it was greeted, and whether the client's FIN came. */
  readonly came: Uint8Array[][] = [];
  readonly ended: boolean[] = [];
  /** Set to go through it instead of a real connect. */
  connect: (() => Promise<Conn>) | null = null;
  /** What is done with an answer. @default writes it */
  answer: (conn: Conn, answer: Uint8Array) => void = (conn, answer) => void conn.write(answer);

  constructor(kind: VerifyKind) {
    this.kind = kind;
  }

  /** Starts a scenario against it, and waits until it is ready. */
  async start(name: ScenarioName, options: { clients?: number; bigSize?: number } = {}): Promise<ScenarioRun> {
    const { adapter, clock, kind } = this;
    const listener = await listen({ port: 0, hostname: "127.0.0.1", adapter, clock });
    this.#serve(listener);
    const { address } = listener;
    const port = address.transport === "tcp" ? address.port : 0;
    const dialer = new Dialer({ adapter, clock, lingerTimeout: 60_000, keepAlive: 0 });
    const run = SCENARIOS.find((scenario) => scenario.name === name)!.start({
      connect: () => this.connect?.() ?? dialer.connect({ port }),
      ...{ kind, clock, clients: 1, grace: GRACE, host: "test", path: "/", uploadPath: null, streamPath: null },
      ...{ expect: "echo", bigSize: 1000, think: 20, roundTrip: 0, stretch: 1, random: () => 0.5, ...options },
    });
    await until(clock, run.ready);
    return run;
  }

  async #serve(listener: AsyncIterable<Conn>): Promise<void> {
    for await (const conn of listener) {
      const index = this.conns.push(conn) - 1;
      this.came[index] = [];
      this.ended[index] = false;
      conn.consume(this.#consumer(conn, index));
    }
  }

  #consumer(conn: Conn, index: number): Consumer {
    const peer = speaker(this.kind);
    return {
      data: (chunk) => {
        this.came[index].push(chunk.slice());
        for (const answer of peer.feed(chunk)) this.answer(conn, answer);
      },
      end: () => void (this.ended[index] = true),
      closed() {},
    };
  }
}

const GONE = { took: 10, code: 0, signal: null };

async function finish(hands: Hands, run: ScenarioRun): Promise<void> {
  run.gone(GONE);
  await until(hands.clock, run.finished);
}

describe("verify: a well-mannered client", () => {
  it("answers FIN with FIN, and a Close with a Close", async () => {
    for (const kind of ["tcp", "ws"] as const) {
      const hands = new Hands(kind);
      const run = await hands.start("late-request");
      const [conn] = hands.conns;
      run.signalled();
      const before = hands.came[0].length;
      if (kind === "ws") await conn.write(frame({ opcode: CLOSE, payload: closePayload(1001) }));
      await hands.clock.advance(1);
      if (kind === "ws") assertEquals(hands.came[0].length, before + 1);
      conn.closeWrite();
      await hands.clock.advance(1);
      assert(hands.ended[0]);
      await finish(hands, run);
      assert(run.ledger.clean, JSON.stringify(run.ledger.losses()));
    }
  });

  it("takes FIN for the end of an answer that has no other", async () => {
    const hands = new Hands("http");
    const run = await hands.start("late-request");
    hands.answer = (conn) => {
      void conn.write("HTTP/1.1 200 OK\r\n\r\nuntil the end");
      hands.clock.setTimer(() => void conn.close(), 30);
    };
    run.signalled();
    await hands.clock.advance(500);
    await finish(hands, run);
    assertEquals(run.ledger.messages(), { sent: 2, answered: 2, afterEnd: 0, refused: 0 });
    assert(run.ledger.clean);
  });

  it("looks for the end before it sends", async () => {
    const hands = new Hands("tcp");
    let answers = 0;
    hands.answer = (conn, answer) => {
      void conn.write(answer);
      // Random numbers are 0.5, so the client thinks 15 ms; FIN comes at that very moment, behind its timer.
      if (++answers === 6) hands.clock.setTimer(() => hands.clock.setTimer(() => void conn.closeWrite(), 15), 0);
    };
    const run = await hands.start("ping-pong");
    run.signalled();
    await hands.clock.advance(500);
    assertEquals(answers, 6);
    await finish(hands, run);
    assertEquals(run.ledger.messages().sent, 6);
    assert(run.ledger.clean, JSON.stringify(run.ledger.losses()));
  });
});

describe("verify: clients that want to send at the same time", () => {
  it("do so one per turn, and behind a timer again when that took long", async () => {
    let now = 0;
    const jobs: { readonly timer: boolean; readonly fn: () => void }[] = [];
    const add = (timer: boolean) => (fn: () => void) => (jobs.push({ timer, fn }), () => {});
    const lookout = new Lookout({ now: () => now, setTimer: add(true), soon: add(false) });
    const log: string[] = [];
    for (const name of ["a", "b", "c"]) {
      lookout.look().then(() => {
        log.push(name);
        if (name === "b") now += 3;
      });
    }
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      log.push(job.timer ? "timer" : "turn");
      job.fn();
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const looks = Array(6).fill("timer");
    assertEquals(log, [...looks, "timer", "a", "turn", "b", "turn", "timer", "c", "turn"]);
    assertEquals(jobs.length, 0);
  });
});

describe("verify: a silent client", () => {
  it("answers neither FIN nor Close, and stays until the server has gone", async () => {
    for (const kind of ["tcp", "http", "ws"] as const) {
      const hands = new Hands(kind);
      const run = await hands.start("silent");
      const [conn] = hands.conns;
      run.signalled();
      const before = hands.came[0].length;
      if (kind === "ws") await conn.write(frame({ opcode: CLOSE, payload: closePayload(1001) }));
      conn.closeWrite();
      await hands.clock.advance(GRACE - 100);
      assertEquals([hands.came[0].length, hands.ended[0]], [before, false], kind);
      assertEquals(conn.state === "closed", false);
      await finish(hands, run);
      await conn.closed;
      assert(run.ledger.clean);
    }
  });
});

describe("verify: a slow reader", () => {
  it("takes its time, and reads all at once when the server has gone", async () => {
    const hands = new Hands("tcp");
    const run = await hands.start("slow-reader", { bigSize: 100_000 });
    await hands.clock.advance(100);
    run.signalled();
    const { answered } = run.ledger.messages();
    assert(answered > 1 && answered < 20, `${answered} answers after 100 ms`);
    hands.conns[0].closeWrite();
    const began = hands.clock.now();
    await finish(hands, run);
    assert(hands.clock.now() - began < 100, `${hands.clock.now() - began} ms`);
    assertEquals(run.ledger.messages().answered, run.ledger.messages().sent);
  });
});

describe("verify: a client in a storm", () => {
  it("drops a connection that it has left and that doesn't end", async () => {
    const hands = new Hands("tcp");
    const run = await hands.start("connect-storm");
    await hands.clock.advance(2500);
    assertEquals(run.ledger.accounts.slice(0, 2).map(({ end }) => end), ["ours", "ours"]);
    run.abort();
    await until(hands.clock, run.finished);
  });

  it("is reset when its connect is", async () => {
    const hands = new Hands("tcp");
    hands.answer = (conn, answer) => void conn.write(answer).then(() => conn.close());
    const run = await hands.start("connect-storm");
    run.signalled();
    hands.connect = () => Promise.reject(Object.assign(new Error("reset"), { code: "ECONNRESET" }));
    await hands.clock.advance(1500);
    await finish(hands, run);
    assertEquals(run.ledger.counts().acceptedThenReset, 3);
    assertEquals(run.ledger.counts().refused, 0);
  });
});

describe("verify: at the second signal", () => {
  it("half of the clients hold the server with a part of a message", async () => {
    const hands = new Hands("tcp");
    const run = await hands.start("second-signal", { clients: 2 });
    const last = hands.came.map((chunks) => new TextDecoder().decode(chunks[chunks.length - 1]));
    assertEquals(last.filter((text) => !text.endsWith("\n")).length, 1);
    run.signalled();
    for (const conn of hands.conns) conn.abort();
    await finish(hands, run);
    assertEquals(run.ledger.counts().unansweredBeforeSignal >= 1, true);
    assert(run.ledger.clean);
  });
});

describe("verify: when the server has gone", () => {
  it("clients that see no end are given up soon", async () => {
    const hands = new Hands("tcp");
    const run = await hands.start("late-request");
    run.signalled();
    const began = hands.clock.now();
    await finish(hands, run);
    assert(hands.clock.now() - began < 2100, `${hands.clock.now() - began} ms`);
    assertEquals(run.ledger.accounts.map(({ end }) => end), ["ours"]);
  });
});
