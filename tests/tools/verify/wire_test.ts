/** The long way of `sluice verify`, in virtual time: what leaves one end arrives at the other, when, and how. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertLessOrEqual, assertRejects } from "@std/assert";
import { type MemoryAdapter, memoryAdapter } from "../../../adapters/memory/mod.ts";
import { type Conn, ConnectError, Dialer, listen } from "../../../mod.ts";
import { VirtualClock } from "../../../src/testing/clock.ts";
import { type ClientConn, connectOver } from "../../../src/tools/verify/mod.ts";
import { dice } from "../../support/dice.ts";

interface RigOptions {
  readonly roundTrip?: number;
  readonly jitter?: number;
  readonly seed?: number;
  /** Bytes per direction that the network itself takes. */
  readonly bufferSize?: number;
}

/** A server near by, and a client's end that is far from it; each notes what it hears and when. */
class Rig {
  readonly clock: VirtualClock = new VirtualClock({ turns: 2 });
  readonly adapter: MemoryAdapter;
  readonly heard: { readonly client: string[]; readonly server: string[] } = { client: [], server: [] };
  /** Bytes that the client got. */
  readonly bytes: number[] = [];
  server!: Conn;
  client!: ClientConn;
  began = 0;
  readonly #options: Required<RigOptions>;

  constructor({ roundTrip = 200, jitter = 0, seed = 1, bufferSize = 1 << 16 }: RigOptions) {
    this.#options = { roundTrip, jitter, seed, bufferSize };
    this.adapter = memoryAdapter({ clock: this.clock, bufferSize });
  }

  /** Connected, with time counted from here. */
  static async start(options: RigOptions = {}): Promise<Rig> {
    const rig = new Rig(options);
    const { adapter, clock } = rig;
    const listener = await listen({ port: 0, hostname: "127.0.0.1", adapter, clock, lingerTimeout: 150 });
    const accepted = listener.accept();
    const { address } = listener;
    const connecting = rig.connect(address.transport === "tcp" ? address.port : 0);
    await rig.pass(1000);
    rig.server = (await accepted)!;
    rig.client = await connecting;
    rig.began = rig.clock.now();
    rig.client.consume(rig.#note("client"));
    rig.server.consume(rig.#note("server"));
    return rig;
  }

  connect(port: number): Promise<ClientConn> {
    const { adapter, clock } = this;
    const { roundTrip, jitter, seed } = this.#options;
    const roll = dice(seed);
    const random = () => roll(1 << 20) / (1 << 20);
    const dialer = new Dialer({ adapter, clock, lingerTimeout: 60_000, keepAlive: 0 });
    return connectOver({ clock, random, roundTrip, jitter }, () => dialer.connect({ port }));
  }

  /** Lets time pass. */
  pass(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** Does something when so many ms have passed since the beginning. */
  at(ms: number, act: () => unknown): void {
    this.clock.setTimer(act, ms);
  }

  #note(who: "client" | "server") {
    const say = (what: string) => this.heard[who].push(`${what} @${Math.round(this.clock.now() - this.began)}`);
    return {
      data: (chunk: Uint8Array) => {
        say(`data ${chunk.length}`);
        if (who === "client") { for (const byte of chunk) this.bytes.push(byte); }
      },
      end: () => say("end"),
      closed: (error?: Error) => say(error === undefined ? "closed" : "reset"),
    };
  }
}

const times = (heard: readonly string[]) => heard.map((line) => Number(line.split("@")[1]));

describe("a long way to the server", () => {
  it("makes a connect take a round trip, and the first bytes are there half of one later", async () => {
    const rig = new Rig({});
    const listener = await listen({ port: 0, hostname: "127.0.0.1", adapter: rig.adapter, clock: rig.clock });
    const log: string[] = [];
    const say = (what: string) => log.push(`${what} @${rig.clock.now()}`);
    void listener.accept().then((conn) => {
      say("accepted");
      conn!.consume({ data: () => say("server reads"), end() {}, closed() {} });
      void conn!.write("hello");
    });
    const { address } = listener;
    void rig.connect(address.transport === "tcp" ? address.port : 0).then((client) => {
      say("connected");
      client.consume({ data: () => say("client reads"), end() {}, closed() {} });
      void client.write("hello");
    });
    await rig.pass(1000);
    assertEquals(log, ["accepted @100", "connected @200", "client reads @200", "server reads @300"]);
  });

  it("makes a refusal take a round trip", async () => {
    const rig = new Rig({});
    let refusedAt = -1;
    const connecting = rig.connect(9);
    connecting.catch(() => refusedAt = rig.clock.now());
    await rig.pass(1000);
    await assertRejects(() => connecting, ConnectError);
    assertEquals(refusedAt, 200);
  });

  it("carries bytes both ways, many chunks at the same time", async () => {
    const rig = await Rig.start();
    for (const ms of [0, 20, 40, 60]) {
      rig.at(ms, () => rig.client.write(new Uint8Array(1 + ms)));
      rig.at(ms, () => rig.server.write(new Uint8Array(2 + ms)));
    }
    await rig.pass(1000);
    assertEquals(rig.heard.server, ["data 1 @100", "data 21 @120", "data 41 @140", "data 61 @160"]);
    assertEquals(rig.heard.client, ["data 2 @100", "data 22 @120", "data 42 @140", "data 62 @160"]);
  });

  it("varies the delay by the jitter, and nothing overtakes what left before", async () => {
    const all: number[] = [];
    for (let seed = 1; seed <= 20; seed++) {
      const rig = await Rig.start({ jitter: 0.25, seed });
      for (let i = 0; i < 20; i++) rig.at(i * 20, () => rig.server.write(Uint8Array.of(i)));
      await rig.pass(1000);
      assertEquals(rig.bytes, Array.from({ length: 20 }, (_, i) => i));
      all.push(...times(rig.heard.client).map((time, i) => time - i * 20));
    }
    assert(all.every((delay) => delay >= 75 && delay <= 125), `${all}`);
    assert(all.some((delay) => delay < 80) && all.some((delay) => delay > 120));
  });

  it("does not tear apart what leaves within a moment: a FIN comes with the answer that it rides with", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const rig = await Rig.start({ jitter: 0.5, seed });
      rig.at(0, () => rig.server.write("answer"));
      rig.at(5, () => rig.server.closeWrite());
      await rig.pass(1000);
      const [data, end] = times(rig.heard.client);
      assertLessOrEqual(end - data, 6);
    }
  });

  it("brings a FIN behind the bytes before it", async () => {
    const rig = await Rig.start({ jitter: 0.9 });
    for (let i = 0; i < 10; i++) rig.at(i * 15, () => rig.client.write("message"));
    rig.at(150, () => rig.client.closeWrite());
    await rig.pass(1000);
    const sizes = rig.heard.server.map((line) => /^data (\d+)/.exec(line)?.[1] ?? line.split(" ")[0]);
    assertEquals(sizes.pop(), "end");
    assertEquals(sizes.reduce((sum, size) => sum + Number(size), 0), 70);
  });

  it("brings to the server what was under way when its FIN came, and the client's own FIN behind that", async () => {
    const rig = await Rig.start();
    rig.at(0, () => rig.server.closeWrite());
    rig.at(50, () => rig.client.write("on its way"));
    rig.at(90, () => rig.client.write("more"));
    rig.at(101, () => rig.client.close());
    await rig.pass(1000);
    assertEquals(rig.heard.server, ["data 10 @150", "data 4 @190", "end @201", "closed @201"]);
    assertEquals(rig.heard.client, ["end @100", "closed @301"]);
  });

  it("brings a reset behind the bytes before it, and loses what is under way to the server", async () => {
    const rig = await Rig.start();
    rig.at(0, () => rig.server.write("last words"));
    rig.at(20, () => rig.server.abort());
    rig.at(50, () => rig.client.write("too late"));
    await rig.pass(1000);
    assertEquals(rig.heard.client, ["data 10 @100", "reset @120"]);
    assertEquals(rig.heard.server, ["reset @20"]);
  });

  it("answers bytes for a server that is gone with a reset, a round trip after they left", async () => {
    const rig = await Rig.start();
    // Its linger is over long before these come.
    rig.at(0, () => rig.server.close());
    rig.at(150, () => rig.client.write("anybody?"));
    await rig.pass(1000);
    assertEquals(rig.heard.client, ["end @100", "reset @350"]);
  });

  it("tells nothing to a client that pauses, and everything in order when it goes on", async () => {
    const rig = await Rig.start();
    rig.client.pause();
    for (const ms of [0, 20]) rig.at(ms, () => rig.server.write(Uint8Array.of(ms)));
    rig.at(40, () => rig.server.closeWrite());
    rig.at(500, () => rig.client.resume());
    await rig.pass(499);
    assertEquals(rig.heard.client, []);
    await rig.pass(500);
    assertEquals(rig.heard.client, ["data 1 @500", "data 1 @500", "end @500"]);
    assertEquals(rig.bytes, [0, 20]);
  });

  it("stops when the client pauses while it is told", async () => {
    const rig = await Rig.start();
    const seen: number[] = [];
    rig.client.consume({
      data(chunk) {
        seen.push(chunk.length);
        rig.client.pause();
      },
      end() {},
      closed() {},
    });
    for (const size of [1, 2, 3]) {
      rig.server.write(new Uint8Array(size));
      await rig.server.flush();
    }
    await rig.pass(200);
    assertEquals(seen, [1]);
    rig.client.resume();
    assertEquals(seen, [1, 2]);
  });

  it("lets a server feel a client that does not read, after a bounded number of bytes", async () => {
    const [size, total] = [1 << 14, 8 << 20];
    const rig = await Rig.start({ bufferSize: size });
    rig.client.pause();
    const written = rig.server.write(Uint8Array.from({ length: total }, (_, i) => i % 251));
    await rig.pass(2000);
    const taken = rig.server.bytesFlushed;
    assert(taken >= 500_000 && taken <= 600_000 + 2 * size, `${taken} bytes`);
    rig.client.resume();
    for (let i = 0; i < 100 && rig.bytes.length < total; i++) await rig.pass(200);
    await written;
    assertEquals(rig.bytes.length, total);
    assert(rig.bytes.every((byte, i) => byte === i % 251));
  });

  it("sends a reset behind what was written, and an aborted client hears nothing more", async () => {
    const rig = await Rig.start();
    rig.at(0, () => rig.client.write("goodbye"));
    rig.at(20, () => rig.server.write("on its way"));
    rig.at(50, () => rig.client.abort());
    await rig.pass(1000);
    assertEquals(rig.heard.client, ["closed @50"]);
    assertEquals(rig.heard.server, ["data 7 @100", "reset @150"]);
    assertEquals([rig.adapter.openSockets, rig.clock.pending], [0, 0]);
  });

  it("takes a client that throws for one that aborts", async () => {
    const rig = await Rig.start();
    const ends: (string | undefined)[] = [];
    rig.client.consume({
      data() {
        throw new Error("can't read that");
      },
      end() {},
      closed: (error) => void ends.push(error?.message),
    });
    void rig.server.write("x");
    await rig.pass(1000);
    assertEquals(ends, ["can't read that"]);
    assertEquals(rig.heard.server, ["reset @200"]);
  });
});
