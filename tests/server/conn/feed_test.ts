/** A connection on a socket by hand: what a consumer, a socket or a limit does at the wrong moment costs it alone. */
import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { type Address, DeadlineError } from "../../../mod.ts";
import type { Consumer } from "../../../src/server/conn/conn.ts";
import type { Connection } from "../../../src/server/conn/connection.ts";
import { SoloHost } from "../../../src/server/conn/solo_host.ts";
import { connLimits } from "../../../src/server/serve_options.ts";
import type { RawSocket, SocketEvents } from "../../../src/socket.ts";
import { VirtualClock } from "../../../src/testing/mod.ts";

const ADDRESS: Address = { transport: "tcp", hostname: "127.0.0.1", port: 1 };

/** Notes what it is told; `fails` is what its `write` throws. */
class NotingSocket implements RawSocket {
  readonly local = ADDRESS;
  readonly remote = ADDRESS;
  readonly alpnProtocol = null;
  readonly unsent = 0;
  readonly log: string[] = [];
  fails: Error | null = null;
  events!: SocketEvents;

  start(events: SocketEvents): void {
    this.events = events;
  }

  write(bytes: Uint8Array): boolean {
    if (this.fails !== null) throw this.fails;
    this.log.push(`write ${bytes.length}`);
    return true;
  }

  destroy(): void {
    this.log.push("destroy");
    this.events.gone();
  }

  pause = (): unknown => this.log.push("pause");
  resume = (): unknown => this.log.push("resume");
  shutdown = (): unknown => this.log.push("shutdown");
  detach = (): unknown => this.log.push("detach");
  setNoDelay(): void {}
  setKeepAlive(): void {}
}

interface Made {
  readonly clock: VirtualClock;
  readonly host: SoloHost;
  readonly socket: NotingSocket;
  readonly conn: Connection;
}

function made(options: Parameters<typeof connLimits>[0] = {}): Made {
  const clock = new VirtualClock();
  const host = new SoloHost(clock, connLimits(options));
  const socket = new NotingSocket();
  return { clock, host, socket, conn: host.adopt(socket) };
}

function consumer(data: (chunk: Uint8Array) => void, more: Partial<Consumer> = {}): Consumer {
  return { data, end() {}, closed() {}, ...more };
}

describe("a consumer that is being fed", () => {
  it("writes together what it writes, when it returns", () => {
    const { socket, conn } = made();
    conn.consume(consumer(() => {
      for (const word of ["a", "b", "c"]) conn.write(word);
      assertEquals(socket.log, []);
    }));
    socket.events.data(new Uint8Array(1));
    assertEquals(socket.log, ["write 3"]);
  });

  it("has its connection reset, and nobody else hears of it, if its socket can't be written to", () => {
    const { socket, conn } = made();
    let ended: Error | undefined;
    conn.consume(consumer(() => void conn.write("x"), { closed: (error) => ended = error }));
    socket.fails = new Error("broken");
    socket.events.data(new Uint8Array(3));
    assertEquals([socket.log, ended], [["destroy"], socket.fails]);
  });

  it("sends nothing of what it wrote before it threw", () => {
    const { socket, conn } = made();
    conn.consume(consumer(() => {
      conn.write("half of an answer");
      throw new Error("broken");
    }));
    socket.events.data(new Uint8Array(1));
    assertEquals([socket.log, conn.state], [["destroy"], "closed"]);
  });
});

describe("a limit that comes later", () => {
  for (
    const [what, begin] of [
      ["a read that waits", (conn: Connection) => assertRejects(() => conn.read(), DeadlineError)],
      ["half a message", (conn: Connection) => {
        conn.consume(consumer(() => {}));
        conn.report(false, true);
        return conn.whenGone;
      }],
    ] as const
  ) {
    it(`counts from then on for ${what}`, async () => {
      const { clock, host, conn } = made();
      await clock.advance(60_000);
      let over = false;
      const ended = Promise.resolve(begin(conn)).then(() => over = true);
      await clock.advance(10_000);
      host.limits.readTimeout = 2000;
      conn.applyLimits();
      await clock.advance(1900);
      assertEquals(over, false);
      await clock.advance(200);
      await ended;
    });
  }
});

describe("a first message that has a time", () => {
  for (
    const [what, tell] of [
      ["report()", (conn: Connection) => conn.report(true, false)],
      ["took()", (conn: Connection) => conn.took()],
    ] as const
  ) {
    it(`has come with ${what}`, async () => {
      const { clock, socket, conn } = made();
      conn.consume(consumer(() => tell(conn), { firstWithin: 1000 }));
      await clock.advance(900);
      socket.events.data(new Uint8Array(1));
      await clock.advance(5000);
      assertEquals([conn.state === "closed", socket.log], [false, []]);
    });
  }

  it("drops who says nothing", async () => {
    const { clock, socket, conn } = made();
    conn.consume(consumer(() => {}, { firstWithin: 1000 }));
    await clock.advance(1100);
    assertEquals([socket.log, conn.state], [["destroy"], "closed"]);
  });
});
