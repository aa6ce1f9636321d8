/** What tests of hostile peers watch a server with: its memory, its descriptors, and a client that means no harm. */
import { readdirSync, readFileSync } from "node:fs";
import { assert, assertEquals } from "@std/assert";
import { bodyText, type HttpClient, httpRequest } from "./http_client.ts";
import type { HttpDrained, HttpOutcome } from "./http_drained.ts";
import { keepAsking, pause, posting } from "./http_loads.ts";
import { within } from "./processes.ts";

export const MEGABYTE = 1 << 20;
/** What an attack may add to a server's memory, beside what its own handlers hold. */
export const MEMORY_BOUND: number = 64 * MEGABYTE;

/** How often a wait looks, in ms. */
const LOOK = 20;
/** Connections opened at once: a runtime's accept queue holds no more than 512. */
const WAVE = 250;
/** Where descriptors can't be counted, closed sockets get so many ms to be noticed. */
const SETTLING = 1500;
/** Answers that the healthy client waits for at either end of a siege. */
const SOME = 20;

/** Resident memory of a process in bytes; null where the system does not say. */
function residentBytes(pid: number): number | null {
  try {
    const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return line === null ? null : Number(line[1]) * 1024;
  } catch {
    return null;
  }
}

/** Open descriptors of a process; null where the system does not say. */
function openFiles(pid: number): number | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return null;
  }
}

/** Fulfils when `ready` holds; fails after `limit` ms. */
export async function until(what: string, ready: () => boolean, limit = 60_000): Promise<void> {
  let over = false;
  const held = async () => {
    while (!ready() && !over) await pause(LOOK);
  };
  await within(held(), limit, () => what).finally(() => over = true);
}

/** Connected clients, many of them. */
export async function crowd(server: HttpDrained, number: number): Promise<HttpClient[]> {
  const clients: HttpClient[] = [];
  while (clients.length < number) clients.push(...await server.connect(Math.min(WAVE, number - clients.length)));
  return clients;
}

/** A server under attack: what it costs, and whether others are served meanwhile. */
export class Siege implements Disposable {
  readonly server: HttpDrained;
  readonly #healthy: HttpClient;
  readonly #memory: number | null;
  readonly #files: number | null;
  readonly #timer: ReturnType<typeof setInterval>;
  #peak = 0;
  readonly #before: number;
  #asks = true;

  private constructor(server: HttpDrained, healthy: HttpClient) {
    this.server = server;
    this.#healthy = healthy;
    this.#before = healthy.answered;
    this.#memory = residentBytes(server.program.pid);
    this.#files = openFiles(server.program.pid);
    this.#timer = setInterval(() => this.#look(), LOOK);
  }

  /** Begins when a healthy client is being served. */
  static async begin(server: HttpDrained): Promise<Siege> {
    const healthy = await server.client();
    let siege: Siege | undefined;
    keepAsking(healthy, 10, () => siege === undefined || siege.#asks ? posting("healthy", "healthy.0") : null);
    await healthy.net.until("a few answers", () => healthy.answered >= SOME);
    return siege = new Siege(server, healthy);
  }

  /** Answers to the healthy client since the siege began. */
  get served(): number {
    return this.#healthy.answered - this.#before;
  }

  /** Waits until the server has let go of every connection but the healthy one's. */
  async lifted(): Promise<void> {
    const files = this.#files;
    if (files === null) return await pause(SETTLING);
    const open = () => (openFiles(this.server.program.pid) ?? 0) - files;
    await until(`the attackers' ${open()} sockets to be closed`, () => open() <= 0);
  }

  /** Fails if more was taken than `MEMORY_BOUND` and `own`, which is what the handlers made. */
  assertMemory(own = 0): void {
    this.#look();
    if (this.#memory === null) return;
    const growth = this.#peak - this.#memory;
    assert(growth < MEMORY_BOUND + own, `${(growth / MEGABYTE).toFixed(0)} MiB above idle`);
  }

  /** SIGTERM: exit code 0, nothing was left over, and the healthy client had an answer to each of its requests. */
  async end(): Promise<HttpOutcome> {
    const wanted = this.served + SOME;
    await this.#healthy.net.until("more answers", () => this.served >= wanted || this.#healthy.problem !== null);
    this.#asks = false;
    await this.#healthy.answer();
    assertEquals([this.#healthy.problem, this.#healthy.end], [null, "open"]);
    // A connection of its own, so that it is not one that was accepted before all this.
    const fresh = await this.server.client();
    assertEquals(bodyText(await fresh.fetch(httpRequest("/"))), "hello world");
    for (const client of [fresh, this.#healthy]) client.net.finish();
    for (const client of [fresh, this.#healthy]) assertEquals(await client.over(), "fin");
    await pause(LOOK);
    const outcome = await this.server.stop();
    const { report, ran } = outcome;
    assertEquals([report.clean, report.reports[0].connections.atStart, report.reports[0].workLeft], [true, 0, 0]);
    assertEquals([ran.stats.active, ran.stats.queued, ran.stats.handlerErrors], [0, 0, 0]);
    assertEquals(ran.clients.healthy[0], this.#healthy.answered);
    return outcome;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    this.#peak = Math.max(this.#peak, residentBytes(this.server.program.pid) ?? 0);
  }
}
