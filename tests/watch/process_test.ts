import process from "node:process";
import { after, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { assert, assertEquals } from "@std/assert";
import type { ResourceSample, ResourceWarning, UnavailableResource } from "../../src/watch/mod.ts";
import type { WatchSetup } from "../programs/watch_server.ts";
import { bodyText, HttpClient, httpRequest } from "../support/http_client.ts";
import { type Program, runtimeName, type StartOptions, startProgram } from "../support/processes.ts";

/** Longest wait for anything, in ms. */
const LIMIT = 60_000;

const skip = process.platform !== "linux";
const clients: HttpClient[] = [];
after(() => clients.forEach((client) => client.close()));

interface View {
  readonly last: ResourceSample | null;
  readonly overloaded: boolean;
  readonly unavailable: readonly UnavailableResource[];
}

/** A server under a watch, and a connection to ask about it. */
class Watched implements AsyncDisposable {
  readonly program: Program;
  readonly port: number;
  readonly parent: HttpClient;

  constructor(program: Program, port: number, parent: HttpClient) {
    this.program = program;
    this.port = port;
    this.parent = parent;
  }

  client(): HttpClient {
    const made = new HttpClient(this.port);
    clients.push(made);
    return made;
  }

  async view(): Promise<View> {
    try {
      return JSON.parse(bodyText(await this.parent.fetch(httpRequest("/sample"))));
    } catch (error) {
      throw new Error(`no view; ${this.program.stdout}\n${this.program.stderr}`, { cause: error });
    }
  }

  async readiness(): Promise<string> {
    const answer = await this.parent.fetch(httpRequest("/readyz"));
    return `${answer.status} ${bodyText(answer).trim()}`;
  }

  /** Looks until it holds. */
  async until(what: string, holds: (view: View) => boolean): Promise<View> {
    const end = performance.now() + LIMIT;
    while (performance.now() < end) {
      const view = await this.view();
      if (holds(view)) return view;
      await delay(25);
    }
    throw new Error(`not within ${LIMIT} ms: ${what}; ${this.program.stdout}\n${this.program.stderr}`);
  }

  async warning(): Promise<ResourceWarning> {
    return JSON.parse((await this.program.line(/^warning /)).slice("warning ".length));
  }

  get warnings(): number {
    return this.program.stdout.split("\n").filter((line) => line.startsWith("warning ")).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.parent.close();
    await this.program.kill();
  }
}

/** Starts a server; its watch looks ten times a second, and only at what a test is about. */
async function start(limits: Record<string, unknown>, more: WatchSetup = {}, options: StartOptions = {}) {
  const none = { descriptors: false, heap: false, lag: false, handlers: false, connections: false } as const;
  const setup: WatchSetup = { ...more, watch: { interval: 100, limits: { ...none, ...limits } } };
  const program = startProgram("tests/programs/watch_server.ts", { args: [JSON.stringify(setup)], ...options });
  const [port, second] = [await program.line(/^port /), await program.line(/^port /)];
  const parent = new HttpClient(Number(second.slice(5)));
  clients.push(parent);
  return new Watched(program, Number(port.slice(5)), parent);
}

/** A sample whose count of descriptors is the one before it: a program that has just started opens what it loads. */
async function steady(w: Watched): Promise<ResourceSample> {
  let before: ResourceSample | null = null;
  const { last } = await w.until("a steady count", ({ last }) => {
    const isSteady = before !== null && last!.at > before.at && last!.descriptors === before.descriptors;
    if (last !== null && last.at !== before?.at) before = last;
    return isSteady;
  });
  return last!;
}

/** Opens connections until the server has so many descriptors. */
async function fill(w: Watched, descriptors: number): Promise<HttpClient[]> {
  const last = await steady(w);
  const opened = Array.from({ length: descriptors - last.descriptors! }, () => w.client());
  await w.until(`${descriptors} descriptors`, (view) => view.last!.descriptors! >= descriptors - 1);
  return opened;
}

describe("a watch in a process of its own", { skip }, () => {
  it("warns of descriptors, is not ready, turns new clients away, and takes them afterwards", async () => {
    const limits = { descriptors: {} };
    await using w = await start(limits, { sheds: true }, { maxFiles: 150 });
    const held = await fill(w, 100);
    assertEquals([w.warnings, await w.readiness()], [0, "200 ok"]);
    const [first] = held;
    const more = await fill(w, 125);
    const { kind, limit, value, share } = await w.warning();
    assertEquals([kind, limit], ["descriptors", 150]);
    assert(share >= 0.8 && value >= 120, `${value}`);
    assertEquals(await w.readiness(), "503 resources failed");

    const late = w.client();
    late.reader.methods.push("GET");
    await late.over();
    assertEquals([late.answers[0].status, late.end], [503, "fin"]);
    assertEquals((await first.fetch(httpRequest("/"))).status, 200);

    for (const client of [...held, ...more]) client.close();
    await w.until("the end of the episode", ({ overloaded }) => !overloaded);
    assertEquals(await w.readiness(), "200 ok");
    assertEquals((await w.client().fetch(httpRequest("/"))).status, 200);
    assertEquals(w.warnings, 1);
  });

  it("goes on looking when not one descriptor is left", async () => {
    await using w = await start({ descriptors: {} }, {}, { maxFiles: 80 });
    // What is closed again behind a full table leaves room, and node has dropped whoever waited for it.
    await steady(w);
    const many = Array.from({ length: 120 }, () => w.client());
    assertEquals((await w.warning()).kind, "descriptors");
    // Bun's adapter keeps eight for itself.
    const spare = runtimeName() === "bun" ? 9 : 1;
    const { last } = await w.until("a full table", (view) => view.last!.descriptors! >= 80 - spare);
    assertEquals(last!.descriptorLimit, 80);
    for (const client of many) client.close();
    await w.until("room", ({ last }) => last!.descriptors! < 60);
    assertEquals(w.warnings, 1);
  });

  it("warns of a blocked loop with the time for which it was blocked", async () => {
    await using w = await start({ lag: {} });
    // Starting up blocks the loop as well.
    await w.until("calm", ({ last }) => last !== null && last.lag < 20);
    const before = w.warnings;
    const client = w.client();
    await client.fetch(httpRequest("/block?ms=50"));
    await delay(200);
    assertEquals(w.warnings, before);
    await client.fetch(httpRequest("/block?ms=600"));
    await w.until("the warning", () => w.warnings > before);
    const told = w.program.stdout.trim().split("\n").at(-1)!;
    const { kind, value, limit }: ResourceWarning = JSON.parse(told.slice("warning ".length));
    assertEquals([kind, limit], ["lag", 200]);
    assert(value >= 450, `${value}`);
  });

  it("names a handler that never returns, and its peer", async () => {
    await using w = await start({ handlers: { limit: 500 } });
    const fine = w.client();
    await fine.fetch(httpRequest("/"));
    const hung = w.client();
    hung.ask(httpRequest("/hang"));
    const { kind, value, connections } = await w.warning();
    assertEquals([kind, connections.map(({ peer }) => peer)], ["handlers", [`127.0.0.1:${hung.net.port}`]]);
    assert(value >= 500, `${value}`);
    assertEquals([(await fine.fetch(httpRequest("/"))).status, w.warnings], [200, 1]);
    hung.close();
    await delay(300);
    assertEquals((await w.view()).last!.handlers, 1);
  });

  it("names a peer that takes nothing, and none that does", async () => {
    await using w = await start({ connections: { limit: 500 } }, { http: { writeTimeout: 0 } });
    const stuck = new HttpClient(w.port, { reads: "never" });
    clients.push(stuck);
    stuck.ask(httpRequest("/big"));
    const { kind, connections } = await w.warning();
    assertEquals([kind, connections.map(({ peer }) => peer)], ["connections", [`127.0.0.1:${stuck.net.port}`]]);
    stuck.close();
    await w.until("the end of it", ({ last }) => last!.connections === 0);
    assertEquals((await w.client().fetch(httpRequest("/"))).status, 200);
    assertEquals(w.warnings, 1);
  });

  it("keeps no process alive", async () => {
    await using w = await start({});
    w.parent.ask(httpRequest("/end"));
    const { code, stderr } = await w.program.exited();
    assertEquals([code, stderr.split("\n").filter((line) => /error/i.test(line))], [0, []]);
  });
});

describe("a watch under Deno without --allow-all", { skip: skip || runtimeName() !== "deno" }, () => {
  it("says that it can't count descriptors, and watches the rest", async () => {
    const permissions = ["--no-prompt", "--allow-net", "--allow-env"];
    await using w = await start({ descriptors: {}, heap: {}, lag: { limit: 10_000 } }, {}, { permissions });
    const { last, unavailable } = await w.until("a sample", (view) => view.last !== null);
    assertEquals(unavailable, [{ kind: "descriptors", reason: "Deno counts descriptors only with --allow-all" }]);
    assert(last!.rss! > 0 && last!.heapLimit! > 0);
    assertEquals(await w.readiness(), "200 ok");
  });
});
