/** What a server tells whoever observes it. */
import { describe, it } from "node:test";
import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import {
  ConnResetError,
  createServer,
  type DrainReport,
  DrainTimeoutError,
  type EndedConn,
  OptionError,
  type ServerObserver,
  silentLogger,
} from "../../mod.ts";
import { world } from "../support/world.ts";

/** Notes what it hears. */
class Notes implements ServerObserver {
  readonly words: string[] = [];
  readonly ended: EndedConn[] = [];
  readonly reports: DrainReport[] = [];

  accepted({ id }: { readonly id: number }): void {
    this.words.push(`accepted ${id}`);
  }

  rejected(reason: string): void {
    this.words.push(`rejected ${reason}`);
  }

  closed(ended: EndedConn): void {
    this.words.push(`closed ${ended.conn.id}`);
    this.ended.push(ended);
  }

  drainPhase(phase: string): void {
    this.words.push(phase);
  }

  drained(report: DrainReport): void {
    this.reports.push(report);
  }
}

describe("observe()", () => {
  it("tells of connections that come, are turned away and go, with their times and errors", async () => {
    await using w = await world(undefined, { maxConnections: 2 });
    const notes = new Notes();
    w.server.observe(notes);
    const [first, second] = [await w.client(), await w.client()];
    await w.client();
    await w.pass(10);
    assertEquals(notes.words, ["accepted 1", "accepted 2", "rejected maxConnections"]);
    first.send("a\n");
    await w.pass(90);
    await w.until(first.conn.close());
    second.conn.abort();
    await w.pass(100);
    assertEquals(notes.words.slice(3), ["closed 1", "closed 2"]);
    const [well, badly] = notes.ended;
    assertEquals([well.duration >= 100, well.error, well.conn.bytesRead], [true, null, 2]);
    assertInstanceOf(badly.error, ConnResetError);
  });

  it("tells of a drain: its phases, whom it cut, what came too late, and its report", async () => {
    await using w = await world((conn) => conn.id === 1 ? new Promise(() => {}) : undefined, { grace: 1000 });
    const notes = new Notes();
    w.server.observe(notes);
    const client = await w.client({ stubborn: true });
    client.send("never answered\n");
    await w.pass(10);
    const report = await w.until(w.server.shutdown());
    assertEquals(notes.reports, [report]);
    const phases = ["lameDuck", "drain", "patience", "abort", "cut", "done"];
    assertEquals(notes.words.filter((word) => !word.includes(" ")), phases);
    assertInstanceOf(notes.ended[0].error, DrainTimeoutError);
  });

  it("tells how many messages came after the FIN", async () => {
    await using w = await world(undefined, { lingerTimeout: 10_000 });
    const notes = new Notes();
    w.server.observe(notes);
    const client = await w.client({ stubborn: true });
    client.send("a\n");
    await w.pass(10);
    const stopping = w.server.shutdown();
    while (client.end === "open") await w.pass(50);
    client.send("too late\n");
    await w.pass(10);
    await w.until(client.conn.close());
    await w.until(stopping);
    assertEquals(notes.ended[0].afterFin, { messages: 1, bytes: 9 });
  });

  it("tells nothing more once it is ended, and twice to who is there twice", async () => {
    await using w = await world();
    const notes = new Notes();
    const [end, endToo] = [w.server.observe(notes), w.server.observe(notes)];
    await w.client();
    end();
    end();
    await w.client();
    endToo();
    await w.client();
    await w.pass(10);
    assertEquals(notes.words, ["accepted 1", "accepted 1", "accepted 2"]);
  });

  it("goes on, and logs it, when an observer throws", async () => {
    const records: string[] = [];
    const logger = { ...silentLogger, error: (msg: string) => void records.push(msg) };
    await using w = await world(undefined, { logger });
    const notes = new Notes();
    w.server.observe({
      accepted() {
        throw new Error("boom");
      },
    });
    w.server.observe(notes);
    const client = await w.client();
    client.send("a\n");
    await w.pass(10);
    assertEquals([client.text, notes.words, records], ["echo: a\n", ["accepted 1"], ["An observer failed"]]);
  });

  it("goes on, and logs it, when an observer is async and rejects", async () => {
    const records: string[] = [];
    const logger = { ...silentLogger, error: (msg: string) => void records.push(msg) };
    await using w = await world(undefined, { logger });
    w.server.observe({ accepted: () => Promise.reject(new Error("boom")) as never });
    const client = await w.client();
    client.send("a\n");
    await w.pass(10);
    assertEquals([client.text, records], ["echo: a\n", ["An observer failed"]]);
  });

  it("refuses what hears of nothing", () => {
    const server = createServer({}, () => {});
    const bad: unknown[] = [undefined, null, 1, {}, { acepted() {} }, { accepted: true }];
    for (const observer of bad) assertThrows(() => server.observe(observer as ServerObserver), OptionError);
  });
});
