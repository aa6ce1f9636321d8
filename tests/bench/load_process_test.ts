/** The benchmark's load process: it takes its jobs, and no wrong answer passes. */
import { describe, it } from "node:test";
import { assertEquals, assertGreater, assertMatch } from "@std/assert";
import { type Program, startProgram } from "../support/processes.ts";
import type { Job, Sample, Work } from "./load/jobs.ts";

const JSON_POSTS: Work = { job: "http", exchange: "json", conns: 2, inFlight: 1, count: "answers" };
const HONO: Work = { ...JSON_POSTS, exchange: "hono" };
const STEADY: Work = { job: "steady", exchange: "json", conns: 2, perSecond: 500 };
const TLS: Work = { job: "http", exchange: "hello", conns: 2, inFlight: 1, count: "answers", tls: true };

/** What the load process says of a job against Sluice. */
async function measured(work: Work, ...args: string[]): Promise<Sample & { readonly error?: string }> {
  await using server = startProgram("tests/bench/servers/http_ours.ts", { args });
  await using load = startProgram("tests/bench/load.ts", { runtime: "bun" });
  await load.line("ready");
  const port = Number((await server.line(/^port /)).slice("port ".length));
  return await answerOf(load, { ...work, port, pid: server.pid, warmUpMs: 20, ms: 200 });
}

async function answerOf(load: Program, job: Job): Promise<Sample & { readonly error?: string }> {
  load.type(JSON.stringify(job) + "\n");
  return JSON.parse(await load.line(/^\{/));
}

describe("the load process", () => {
  it("posts JSON and finds the answers right", async () => {
    const { error, rate } = await measured(JSON_POSTS, "json");
    assertEquals(error, undefined);
    assertGreater(rate, 0);
  });

  it("asks the Hono app, whose answers differ in their heads", async () => {
    const { error, rate } = await measured(HONO, "hono");
    assertEquals(error, undefined);
    assertGreater(rate, 0);
  });

  it("keeps to a rate, and says how long an answer took", async () => {
    const { error, rate, p99 } = await measured(STEADY, "json");
    assertEquals(error, undefined);
    assertGreater(rate, 0);
    assertGreater(p99!, 0);
  });

  it("speaks TLS", async (t) => {
    const { error, rate } = await measured(TLS, "hello reply", "tls");
    if (error?.includes("libssl") === true) return t.skip("OpenSSL is not installed");
    assertEquals(error, undefined);
    assertGreater(rate, 0);
  });

  for (const work of [JSON_POSTS, STEADY]) {
    it(`tells a wrong answer to a ${work.job} job`, async () => {
      const { error } = await measured(work, "hello reply");
      assertMatch(String(error), /wrong byte|a body of/);
    });
  }
});
