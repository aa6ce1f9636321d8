import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import type { Holdings } from "../programs/leak_server.ts";
import { type Program, runtimeName, startProgram } from "../support/processes.ts";
import { NetClient } from "../support/swarm.ts";

/** Connections of each kind; four kinds make 20,000. */
const EACH = 5000;
const AT_ONCE = 200;
const MIB = 1 << 20;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Flags that let the program collect its garbage when asked. */
const FLAGS = { node: ["--expose-gc"], deno: ["--v8-flags=--expose-gc"], bun: [] };

/** The server in a process of its own, where the load's memory doesn't count. */
class LeakServer {
  readonly program: Program = startProgram("tests/programs/leak_server.ts", { runtimeFlags: FLAGS[runtimeName()] });
  port = 0;
  rawPort = 0;
  #control!: NetClient;
  #asked = 0;

  async start(): Promise<void> {
    const line = await this.program.line(/^ports /);
    const [port, rawPort, controlPort] = line.split(" ").slice(1).map(Number);
    [this.port, this.rawPort] = [port, rawPort];
    this.#control = new NetClient(controlPort);
    await this.holdings();
  }

  async holdings(): Promise<Holdings & { readonly descriptors: number }> {
    const number = ++this.#asked;
    this.#control.send("tell\n");
    await this.#control.until("the holdings", () => this.#control.answered === number);
    const text = this.#control.text.trimEnd().split("\n").pop()!;
    return { ...JSON.parse(text), descriptors: readdirSync(`/proc/${this.program.pid}/fd`).length };
  }

  /** Fulfils when the server holds no more connections and timers, or after a while. */
  async settled(): Promise<Holdings & { readonly descriptors: number }> {
    let held = await this.holdings();
    for (let i = 0; i < 50 && held.connections + held.timers > 0; i++) {
      await pause(50);
      held = await this.holdings();
    }
    await pause(200);
    return this.holdings();
  }

  /** Resident memory in bytes. */
  get resident(): number {
    const status = readFileSync(`/proc/${this.program.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) * 1024;
  }

  async stop(): Promise<void> {
    this.#control?.close();
    await this.program.kill();
  }
}

/** Sends a line, gets its answer, closes. */
async function clean(client: NetClient): Promise<void> {
  client.send("hello\n");
  await client.until("the answer", () => client.answered === 1);
  client.finish();
  assertEquals(await client.over(), "fin");
}

/** Drops the connection in the middle of a line, or with the answer on its way. */
async function reset(client: NetClient, number: number): Promise<void> {
  client.send(number % 2 === 0 ? "half a li" : "hello\n");
  await client.until("the connection", () => client.connected);
  client.reset();
}

/** One side ends first, and the other only after a while. */
async function halfOpen(client: NetClient, number: number): Promise<void> {
  if (number % 2 === 0) {
    client.send("hello\nno line end");
    await client.until("the answer", () => client.answered === 1);
    await pause(5);
    client.finish();
  } else {
    client.send("bye\n");
  }
  assertEquals(await client.over(), "fin");
  await pause(5);
  client.finish();
}

/** Makes the handler throw. */
async function thrown(client: NetClient): Promise<void> {
  client.send("throw\n");
  assertEquals(await client.over(), "reset");
}

/** Opens `total` connections, `AT_ONCE` at a time, and plays a part on each. */
async function play(
  port: number,
  total: number,
  part: (client: NetClient, number: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < total) {
      const number = next++;
      const client = new NetClient(port, { closesOnFin: part !== halfOpen });
      await part(client, number);
      await client.gone();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

describe("leaks", { skip: readdirSync("/proc").length === 0 }, () => {
  const server = new LeakServer();
  before(() => server.start());
  after(() => server.stop());

  it("leaves descriptors, timers, listeners and heap where they were after 20,000 connections", async () => {
    const parts = [clean, reset, halfOpen, thrown];
    for (const part of parts) await play(server.port, 500, part);
    const first = await server.settled();
    for (const part of parts) await play(server.port, EACH, part);
    const last = await server.settled();
    assertEquals(last.accepted - first.accepted, parts.length * EACH);
    assertEquals(last.handlerErrors - first.handlerErrors, EACH);
    assertEquals([first.connections, last.connections], [0, 0]);
    assertEquals(last.descriptors, first.descriptors);
    assertEquals([last.timers, last.listeners], [first.timers, first.listeners]);
    const growth = last.heap - first.heap;
    assertLess(growth, 4 * MIB, `the heap grew by ${growth} bytes: ${JSON.stringify([first, last])}`);
  });

  it("stays within its marks when clients send without end and never read, and serves the others", async () => {
    await play(server.rawPort, 200, clean);
    const before = server.resident;
    const greedy = [server.port, server.rawPort].map((port) => new Greedy(port));
    for (const client of greedy) await client.stalled();
    let slowest = 0;
    for (let i = 0; i < 20; i++) {
      const began = performance.now();
      const client = new NetClient(i % 2 === 0 ? server.port : server.rawPort);
      await clean(client);
      slowest = Math.max(slowest, performance.now() - began);
    }
    const growth = server.resident - before;
    assertLess(growth, 64 * MIB, `resident memory grew by ${growth} bytes`);
    assertLess(slowest, 10_000);
    assertEquals((await server.holdings()).connections, 2);
    for (const client of greedy) {
      assert(client.taken < GIB, `${client.taken} bytes were taken`);
      assertGreater(client.taken, 64 * 1024);
      client.stop();
    }
    assertEquals((await server.settled()).connections, 0);
  });
});

const GIB = 1 << 30;

/** Sends up to 1 GiB of lines and never reads. */
class Greedy {
  readonly #client: NetClient;
  readonly #chunk = `${"x".repeat(1023)}\n`.repeat(64);
  taken = 0;

  constructor(port: number) {
    this.#client = new NetClient(port, { reads: "never" });
    this.#client.socket.on("drain", () => this.#pour());
    this.#pour();
  }

  /** Fulfils when nothing more was taken for half a second. */
  async stalled(): Promise<void> {
    await this.#client.until("the connection", () => this.#client.connected);
    for (let before = -1; before < this.taken && this.taken < GIB;) {
      before = this.taken;
      await pause(500);
    }
  }

  stop(): void {
    this.#client.reset();
  }

  #pour(): void {
    while (this.taken < GIB && this.#client.isOpen) {
      this.taken += this.#chunk.length;
      if (!this.#client.socket.write(this.#chunk)) return;
    }
  }
}
