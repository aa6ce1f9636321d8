/** What a watch does besides warning: it cuts, turns away by degrees, and writes down. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Handler, lines, type Logger, OptionError, silentLogger } from "../../mod.ts";
import {
  type ResourceReport,
  type ResourceWatch,
  type WatchedConn,
  type WatchOptions,
  watchResources,
} from "../../src/watch/mod.ts";
import { reply } from "../../src/http/mod.ts";
import { httpWorld, request } from "../support/http_world.ts";
import { MemoryFiles } from "../support/memory_files.ts";
import { type Client, type World, world } from "../support/world.ts";

interface Acting {
  readonly watch: ResourceWatch;
  /** Message and fields of each record. */
  readonly records: (readonly [message: string, fields: Readonly<Record<string, unknown>>])[];
  /** What the process uses from now on. */
  use(descriptors: number): void;
}

/** A watch of a world's server that looks each second, and is overloaded from 80 of 100 descriptors on. */
function acting(w: World, options: WatchOptions): Acting {
  const records: Acting["records"] = [];
  const record = (message: string, fields?: object) => void records.push([message, fields as Record<string, unknown>]);
  const logger: Logger = { ...silentLogger, warn: record, error: record };
  const watch = watchResources({
    servers: [w.server],
    onWarning: () => {},
    logger,
    adapter: w.adapter,
    clock: w.clock,
    ...options,
  });
  const use = (descriptors: number) => void (w.adapter.use = { descriptors, descriptorLimit: 100, missing: {} });
  use(0);
  return { watch, records, use };
}

/** Writes until its peer takes no more, and waits for that. */
const flood: Handler = async (conn) => {
  for await (const line of lines(conn)) if (line === "flood") await conn.write(new Uint8Array(1 << 20));
};

/** A client that asks for more than it takes. */
async function stuckClient(w: World): Promise<Client> {
  const client = await w.client();
  client.conn.pause();
  client.send("flood\n");
  await w.pass(100);
  return client;
}

function isOpen({ end }: Client): boolean {
  return end === "open";
}

const ONLY: WatchOptions["limits"] = { lag: false, handlers: false, connections: false };

describe("a watch that cuts", () => {
  it("cuts who takes nothing during an overload, the longest first, so many a sample, and names them", async () => {
    await using w = await world(flood, { writeTimeout: 0 });
    const fine = await w.client();
    const { watch, records, use } = acting(w, { limits: ONLY, cut: { after: 5000, atMost: 2 } });
    const late = await w.client();
    const stuck = [await stuckClient(w), await stuckClient(w), late];
    await w.pass(2000);
    late.conn.pause();
    late.send("flood\n");
    await w.pass(7000);
    assertEquals([records, watch.last!.cut], [[], 0]);
    use(80);
    await w.pass(1000);
    const named = records.map(([message, { count, left, connections }]) => {
      const ids = (connections as WatchedConn[]).map(({ id, waitsFor }) => `${id} ${waitsFor}`);
      return [message, count, left, ids];
    });
    assertEquals(named, [["Connections without progress were cut", 2, 1, ["3 delivery", "4 delivery"]]]);
    assertEquals(w.server.connections.size, 2);
    await w.pass(1000);
    assertEquals([w.server.connections.size, records.length, watch.last!.cut], [1, 2, 3]);
    for (const { conn } of stuck) conn.resume();
    await w.pass(100);
    assertEquals(stuck.map(isOpen), [false, false, false]);
    assertEquals(stuck.map(({ end }) => end), ["reset", "reset", "reset"]);
    assertEquals([fine.end, w.server.stats.handlerErrors], ["open", 0]);
    watch.stop();
  });

  it("cuts none that is exempt, none that waits for us, and none that gets on", async () => {
    await using w = await world(async (conn) => {
      for await (const line of lines(conn)) {
        if (line === "flood") await conn.write(new Uint8Array(1 << 20));
        if (line === "think") await new Promise<void>((resolve) => w.clock.setTimer(resolve, 100_000));
      }
    }, { writeTimeout: 0 });
    const [exempt, cut] = [await stuckClient(w), await stuckClient(w)];
    const thinking = await w.client();
    thinking.send("think\n");
    const slow = await w.client();
    const drip = (): void => {
      if (!isOpen(slow)) return;
      slow.send("x");
      w.clock.setTimer(drip, 3000);
    };
    drip();
    const { watch, records } = acting(w, {
      limits: ONLY,
      cut: { after: 5000, when: "always", exempt: ({ id }) => id === exempt.conn.id },
    });
    await w.pass(20_000);
    for (const { conn } of [exempt, cut]) conn.resume();
    await w.pass(100);
    assertEquals([exempt, cut, thinking, slow].map(isOpen), [true, false, true, true]);
    assertEquals(records.length, 1);
    watch.stop();
  });

  it("cuts who stops amid a message, and leaves alone who is idle", async () => {
    await using w = await world(flood);
    const [partial, idle] = [await w.client(), await w.client()];
    partial.send("half a li");
    const { watch, records } = acting(w, { limits: ONLY, cut: { after: 5000, when: "always" } });
    await w.pass(10_000);
    assertEquals([partial.end, idle.end], ["reset", "open"]);
    const [[, { connections }]] = records;
    assertEquals((connections as WatchedConn[]).map(({ waitsFor }) => waitsFor), ["message"]);
    watch.stop();
  });

  it("cuts an upload that stops, whether its handler reads it or has answered, and none that a handler leaves", async () => {
    await using w = await httpWorld(async (req) => {
      const { pathname } = new URL(req.url);
      if (pathname === "/reads") await req.text();
      if (pathname === "/thinks") await w.sleep(12_000);
      return reply("ok");
    }, { readTimeout: 0 });
    const { watch, records } = acting(w, { limits: ONLY, cut: { after: 5000, when: "always" } });
    const peers = [];
    for (const path of ["/reads", "/ignores", "/thinks"]) {
      peers.push(await w.ask(`POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc`));
    }
    assertEquals(w.server.busy().map(({ waitsFor }) => waitsFor), ["message", "message", "answer"]);
    await w.pass(10_000);
    assertEquals(peers.map(({ end }) => end), ["reset", "reset", "open"]);
    const named = records.flatMap(([, { connections }]) => connections as WatchedConn[]);
    assertEquals(named.map(({ waitsFor }) => waitsFor), ["message", "message"]);
    await w.pass(3000);
    for (const { conn } of peers) conn.abort();
    watch.stop();
  });

  it("takes an exempt that throws for a yes, and logs it once at each sample", async () => {
    await using w = await world(flood, { writeTimeout: 0 });
    const [stuck] = [await stuckClient(w), await stuckClient(w)];
    const { watch, records } = acting(w, {
      limits: ONLY,
      cut: {
        after: 1000,
        when: "always",
        exempt: () => {
          throw new Error("no idea");
        },
      },
    });
    await w.pass(3000);
    assertEquals([isOpen(stuck), records[0][0]], [true, "cut.exempt failed"]);
    assert(records.length <= 3, `${records.length}`);
    watch.stop();
  });
});

describe("a watch that turns away by degrees", () => {
  /** How many of a hundred connections are let in. */
  const admitted = (watch: ResourceWatch): number => Array.from({ length: 100 }, watch.admit).filter(Boolean).length;

  it("turns away half of what comes at first, then more, and lets all in again slowly", async () => {
    await using w = await world(flood);
    const { watch } = acting(w, { limits: { ...ONLY, saturation: { limit: 2 } } });
    const seen: number[] = [];
    const look = async (): Promise<void> => {
      await w.pass(1000);
      seen.push(admitted(watch));
    };
    await look();
    const stuck = [await stuckClient(w), await stuckClient(w)];
    for (let i = 0; i < 6; i++) await look();
    for (const { conn } of stuck) conn.abort();
    for (let i = 0; i < 11; i++) await look();
    assertEquals(seen.slice(0, 7), [100, 50, 25, 13, 6, 5, 5]);
    assertEquals(seen.slice(7).every((share, i, all) => i === 0 || share >= all[i - 1]), true, seen.join());
    assertEquals([seen.at(-2)! >= 95, seen.at(-1), watch.last!.shed], [true, 100, 0]);
    watch.stop();
  });

  it("turns all away while descriptors run out, and none after stop()", async () => {
    await using w = await world(flood);
    const { watch, use } = acting(w, { limits: ONLY });
    use(90);
    await w.pass(1000);
    assertEquals([admitted(watch), watch.last!.shed, watch.ready()], [0, 1, false]);
    watch.stop();
    assertEquals(admitted(watch), 100);
  });

  it("is the admit of a server", async () => {
    let admit = (): boolean => true;
    await using w = await world(flood, { admit: () => admit(), rejectWith: "busy\n" });
    const { watch } = acting(w, { limits: { ...ONLY, saturation: { limit: 1 } } });
    admit = watch.admit;
    await stuckClient(w);
    await w.pass(1000);
    const clients: Client[] = [];
    for (let i = 0; i < 10; i++) clients.push(await w.client());
    await w.pass(100);
    assertEquals(clients.filter(({ text }) => text === "busy\n").length, 5);
    watch.stop();
  });

  it("tells how long requests take, without timing one, and is overloaded by that", async () => {
    let work = 100;
    await using w = await httpWorld(() =>
      new Promise((resolve) => void w.clock.setTimer(() => resolve(new Response("ok")), work))
    );
    const { watch } = acting(w, { limits: { ...ONLY, latency: { limit: 300 } } });
    await w.pass(1000);
    assertEquals(watch.last!.latency, null);
    const peers = [await w.peer(), await w.peer(), await w.peer()].map((peer) => ({ peer, asked: 0 }));
    const keepAsking = async (seconds: number): Promise<void> => {
      for (let i = 0; i < seconds * 4; i++) {
        for (const each of peers) {
          if (each.peer.answers.length < each.asked) continue;
          each.asked++;
          each.peer.ask(request("/"));
        }
        await w.pass(250);
      }
    };
    await keepAsking(4);
    const quick = watch.last!.latency!;
    assert(quick > 30 && quick < 200, `${quick}`);
    assertEquals(watch.overloaded, false);
    work = 900;
    await keepAsking(6);
    assert(watch.last!.latency! > 600, `${watch.last!.latency}`);
    assertEquals([watch.overloaded, watch.last!.shed > 0.5], [true, true]);
    watch.stop();
  });
});

/** A second later, when what the watch has begun to write is written. */
async function written(w: World): Promise<void> {
  await w.pass(1000);
  for (let i = 0; i < 20; i++) await w.clock.settle();
}

describe("a watch that writes down", () => {
  const read = (files: MemoryFiles, name: string): ResourceReport =>
    JSON.parse(new TextDecoder().decode(files.content(name)));

  it("writes one report for each episode, with who has what", async () => {
    await using w = await world(flood, { writeTimeout: 0 });
    await w.client();
    const stuck = await stuckClient(w);
    const files = new MemoryFiles();
    const { watch, use, records } = acting(w, { limits: ONLY, report: { folder: "reports", files } });
    await w.pass(3000);
    assertEquals([files.names, watch.lastReport], [[], null]);
    use(90);
    await w.pass(4000);
    await written(w);
    assertEquals(files.names, [watch.lastReport!]);
    const { at, warning, samples, servers, largestBuffers, oldestHandlers, longestStalls } = read(
      files,
      files.names[0],
    );
    assertEquals([warning.kind, warning.value, samples.length, samples.at(-1)!.descriptors], [
      "descriptors",
      90,
      4,
      90,
    ]);
    const age = w.clock.wall() - Date.parse(at);
    assert(age >= 4000 && age <= 5000, `${age}`);
    const [server] = servers;
    assertEquals([server.connections, server.waitsFor], [{ active: 1, new: 1 }, { delivery: 1 }]);
    assertEquals([largestBuffers.length, largestBuffers[0].id], [1, stuck.conn.id]);
    assert(largestBuffers[0].unsent > 900_000 && largestBuffers[0].unsent === server.unsent);
    assertEquals([oldestHandlers[0].id, longestStalls[0].id], [2, 2]);
    assert(longestStalls[0].age >= 3000);
    assertEquals(records, [["A report was written", { kind: "descriptors", path: files.names[0] }]]);
    use(10);
    await written(w);
    use(90);
    await written(w);
    assertEquals(files.names.length, 2);
    watch.stop();
  });

  it("keeps so many, the last ones, and touches no other file", async () => {
    await using w = await world(flood);
    const files = new MemoryFiles();
    await (await files.open("sluice-report-notes.txt", true)).close();
    const { watch, use } = acting(w, { limits: ONLY, report: { folder: "reports", files, keep: 3 } });
    const paths: string[] = [];
    for (let i = 0; i < 6; i++) {
      use(90);
      await written(w);
      paths.push(watch.lastReport!);
      use(10);
      await written(w);
    }
    assertEquals(files.names, ["sluice-report-notes.txt", ...paths.slice(-3)].sort());
    assertEquals(files.openFiles, 0);
    watch.stop();
  });

  it("is never longer than maxBytes, and is JSON all the same", async () => {
    await using w = await world(flood, { writeTimeout: 0 });
    for (let i = 0; i < 60; i++) await stuckClient(w);
    for (const maxBytes of [4096, 10_000, 1 << 20]) {
      const files = new MemoryFiles();
      const { watch, use } = acting(w, { limits: ONLY, report: { folder: "reports", files, maxBytes } });
      await w.pass(70_000);
      use(90);
      await written(w);
      const { length } = files.content(files.names[0]);
      assert(length <= maxBytes && length > 1000, `${length}`);
      const { largestBuffers, samples } = read(files, files.names[0]);
      if (maxBytes === 1 << 20) assertEquals([largestBuffers.length, samples.length], [50, 60]);
      watch.stop();
    }
  });

  it("writes for each kind that is asked for, and leaves nothing half written where that fails", async () => {
    await using w = await world(flood);
    const files = new MemoryFiles();
    const { watch, use, records } = acting(w, {
      limits: { ...ONLY, saturation: { limit: 1 } },
      report: { folder: "reports", files, kinds: ["descriptors", "saturation"] },
    });
    await stuckClient(w);
    use(90);
    await written(w);
    assertEquals(files.names.map((name) => name.split("-").at(-2)).sort(), ["descriptors", "saturation"]);
    files.faults.room = 0;
    use(10);
    await written(w);
    use(90);
    await written(w);
    assertEquals([files.names.length, files.openFiles], [2, 0]);
    const [message, { kind, error }] = records.at(-1)!;
    assertEquals([message, kind, (error as { code: string }).code], [
      "No report could be written",
      "descriptors",
      "ENOSPC",
    ]);
    files.faults.room = undefined;
    for (const broken of ["close", "rename"]) {
      files.faults.refuse = (what) => what === broken ? "ENOSPC" : null;
      use(10);
      await written(w);
      use(90);
      await written(w);
      assertEquals([files.names.length, records.at(-1)![0]], [2, "No report could be written"], broken);
    }
    files.faults.refuse = undefined;
    use(10);
    await written(w);
    use(90);
    await written(w);
    assertEquals(files.names.length, 3);
    watch.stop();
  });

  it("says so where the runtime has no files", async () => {
    await using w = await world(flood);
    const { watch, use, records } = acting(w, { limits: ONLY, report: { folder: "reports" } });
    use(90);
    await written(w);
    const [message, { error }] = records[0];
    assertEquals([message, (error as Error).message], [
      "No report could be written",
      "The adapter memory has no files",
    ]);
    assertEquals(watch.lastReport, null);
    watch.stop();
  });
});

describe("wrong options of what a watch does", () => {
  for (
    const [options, message] of [
      [{ cut: { after: 0 } }, "cut.after must be a number from 1 to Infinity, got 0"],
      [{ cut: { atMost: 1.5 } }, "cut.atMost must be a whole number from 1 to Infinity, got 1.5"],
      [{ cut: { when: "now" } }, 'cut.when must be "overloaded" or "always", got "now"'],
      [{ cut: { waitingFor: ["peer"] } }, "cut.waitingFor must be a list of quiet"],
      [{ cut: { exempt: true } }, "cut.exempt must be a function, got true"],
      [{ cut: { afer: 5 } }, "cut has no option afer, did you mean after?"],
      [{ cut: null }, "cut must be an object"],
      [{ report: {} }, "report.folder must be the path of a folder, got undefined"],
      [{ report: { folder: "x", keep: 0 } }, "report.keep must be a number from 1 to 1000, got 0"],
      [{ report: { folder: "x", maxBytes: 100 } }, "report.maxBytes must be a number from 4096 to"],
      [{ report: { folder: "x", kinds: ["cpu"] } }, "report.kinds must be of descriptors"],
      [{ report: { folder: "x", files: {} } }, "report.files must be an object with the function open()"],
    ] as const
  ) {
    it(`are refused: ${message}`, () => {
      assertThrows(() => watchResources(options as never), OptionError, message);
    });
  }
});
