/** A real process that is filled with connections which read nothing: it cuts them, writes down who they were, and serves on. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { assert, assertEquals } from "@std/assert";
import type { ResourceReport, ResourceSample } from "../../src/watch/mod.ts";
import type { WatchSetup } from "../programs/watch_server.ts";
import { bodyText, HttpClient, httpRequest } from "../support/http_client.ts";
import { type Program, startProgram } from "../support/processes.ts";

/** Longest wait for anything, in ms. */
const LIMIT = 60_000;
/** Descriptors that the process may have: an overload begins at four fifths. */
const MAX_FILES = 110;
/** More than the buffers of both kernels take. */
const ANSWER_BYTES = 8 << 20;

const skip = process.platform !== "linux";
const folder = mkdtempSync(join(tmpdir(), "sluice-watch-"));
const clients: HttpClient[] = [];
after(() => {
  for (const client of clients) client.close();
  rmSync(folder, { recursive: true, force: true });
});

interface View {
  readonly last: ResourceSample | null;
  readonly overloaded: boolean;
  readonly lastReport: string | null;
}

async function until(
  what: string,
  program: Program,
  parent: HttpClient,
  holds: (view: View) => boolean,
): Promise<View> {
  const end = performance.now() + LIMIT;
  let view: View | null = null;
  while (performance.now() < end) {
    view = JSON.parse(bodyText(await parent.fetch(httpRequest("/sample")))) as View;
    if (holds(view)) return view;
    await delay(25);
  }
  throw new Error(`not within ${LIMIT} ms: ${what}; ${JSON.stringify(view)}; ${program.stdout}\n${program.stderr}`);
}

describe("a process full of connections that read nothing", { skip }, () => {
  it("cuts them, names them, has a report of the moment, and answers all others", async () => {
    const only = { heap: false, lag: false, handlers: false, connections: false, descriptors: {} } as const;
    const reports = join(folder, "reports");
    const setup: WatchSetup = {
      http: { writeTimeout: 0 },
      watch: { interval: 100, limits: only, cut: { after: 1000, atMost: 10 }, report: { folder: reports, keep: 2 } },
    };
    const args = [JSON.stringify(setup)];
    const program = startProgram("tests/programs/watch_server.ts", { args, maxFiles: MAX_FILES });
    try {
      const [port, second] = [await program.line(/^port /), await program.line(/^port /)].map((line) => +line.slice(5));
      const parent = new HttpClient(second);
      const fine = new HttpClient(port);
      clients.push(parent, fine);
      assertEquals((await fine.fetch(httpRequest("/"))).status, 200);
      const first = await until("a sample", program, parent, ({ last }) => last !== null);
      const room = MAX_FILES * 0.8 - first.last!.descriptors!;
      const stuck: HttpClient[] = [];
      const fill = (count: number): void => {
        for (let i = 0; i < count; i++) {
          const client = new HttpClient(port, { reads: "never" });
          clients.push(client);
          stuck.push(client);
          client.ask(httpRequest(`/big?bytes=${ANSWER_BYTES}`));
        }
      };
      // Most of them are stuck before it is too many.
      fill(Math.floor(room / 2));
      await until("stuck connections", program, parent, ({ last }) => last!.connections >= stuck.length);
      fill(Math.ceil(room / 2) + 10);

      const full = await until("an overload", program, parent, ({ overloaded }) => overloaded);
      assertEquals(full.last!.descriptors! >= MAX_FILES * 0.8, true);
      // It serves meanwhile.
      assertEquals((await fine.fetch(httpRequest("/"))).status, 200);
      const over = await until("its end", program, parent, ({ overloaded, last }) => !overloaded && last!.cut > 0);
      assert(over.last!.descriptors! <= MAX_FILES * 0.72 && over.last!.cut >= 10, JSON.stringify(over));
      assertEquals((await fine.fetch(httpRequest("/"))).status, 200);
      const late = new HttpClient(port);
      clients.push(late);
      assertEquals((await late.fetch(httpRequest("/"))).status, 200);
      assertNamed(program, over.last!.cut);
      const { lastReport } = await until("the report", program, parent, ({ lastReport }) => lastReport !== null);
      assertReport(lastReport!, reports, stuck.length);
    } finally {
      await program.kill();
    }
  });
});

/** Each connection that was cut stands in a record, and those that stood longest were cut first. */
function assertNamed(program: Program, count: number): void {
  const records = program.stderr.split("\n").filter((line) => line.includes("were cut")).map((line) =>
    JSON.parse(line)
  );
  const named = records.flatMap(({ connections }) => connections as { id: number; waitsFor: string; age: number }[]);
  assertEquals([named.length >= count, new Set(named.map(({ id }) => id)).size], [true, named.length]);
  assert(named.every(({ waitsFor, age }) => waitsFor === "delivery" && age >= 1000), JSON.stringify(named));
  for (const { connections } of records) {
    assert(connections.length <= 10, `${connections.length} at once`);
    const ages = connections.map(({ age }: { age: number }) => age);
    assertEquals(ages, ages.toSorted((a: number, b: number) => b - a));
  }
}

function assertReport(path: string, folder: string, stuck: number): void {
  const kept = readdirSync(folder).map((name) => join(folder, name)).sort();
  assertEquals([kept.at(-1), kept.length <= 2], [path, true]);
  assert(statSync(path).size <= 256 * 1024, `${statSync(path).size} bytes`);
  const report: ResourceReport = JSON.parse(readFileSync(path, "utf8"));
  const { warning, servers, largestBuffers, samples } = report;
  assertEquals([warning.kind, warning.limit, servers.length], ["descriptors", MAX_FILES, 1]);
  const open = Object.values(servers[0].connections).reduce((sum, count) => sum + count, 0);
  assert(open > stuck / 2 && open <= stuck + 2, JSON.stringify(servers[0]));
  assert(largestBuffers.length > 0 && largestBuffers[0].unsent > 1 << 16, `${JSON.stringify(largestBuffers)}`);
  assertEquals(samples.at(-1)!.descriptors, warning.value);
}
