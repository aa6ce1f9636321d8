/** What Prometheus' own tool says of the text, and of the rules. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { createServer, silentLogger } from "../../mod.ts";
import { memoryLog } from "../../src/channels/log/memory_log.ts";
import { Channels } from "../../src/channels/mod.ts";
import { createHttpServer, reply } from "../../src/http/mod.ts";
import { DEFINITIONS } from "../../src/metrics/definitions.ts";
import { alertRules } from "../../src/metrics/deploy/mod.ts";
import { Metrics } from "../../src/metrics/mod.ts";
import { Hub } from "../../src/websocket/mod.ts";
import { skipWithout } from "../support/http_tools.ts";

const skip = skipWithout("promtool");

function promtool(args: readonly string[], input: string): { code: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync("promtool", args, { input, encoding: "utf8", timeout: 60_000 });
  return { code: status, said: `${stdout}${stderr}` };
}

describe("promtool", { skip }, () => {
  it("finds nothing to say about any metric", async () => {
    const server = createHttpServer({ logger: silentLogger }, () => reply("ok"));
    const tcp = createServer({ logger: silentLogger }, () => {});
    const channels = new Channels({ log: memoryLog() });
    const metrics = new Metrics({ servers: [server, tcp], hubs: { a: new Hub() }, channels: { a: channels } });
    for (const kind of ["counter", "gauge"] as const) {
      metrics[kind](`shop.of_${kind[0]}`, { help: "Of the shop." });
    }
    metrics.histogram("shop.spread", { help: "Of the shop.", unit: "s" }).record(1);
    const text = await metrics.text();
    assertEquals(promtool(["check", "metrics"], text), { code: 0, said: "" });
    // Names that nothing has counted yet are looked at as well.
    const all = DEFINITIONS.map(({ name, kind, unit, help }) => ({ name: `x.${name}`, kind, unit, help }));
    const every = new Metrics();
    for (const { name, kind, unit, help } of all) {
      if (kind === "counter") every.counter(name, { unit, help }).add(1);
      else if (kind === "gauge") every.gauge(name, { unit, help }).set(1);
      else every.histogram(name, { unit, help }).record(1);
    }
    assertEquals(promtool(["check", "metrics"], await every.text()), { code: 0, said: "" });
    await channels.close();
  });

  it("finds the rules good", () => {
    const dir = mkdtempSync(join(tmpdir(), "sluice-rules-"));
    try {
      const file = join(dir, "alerts.yml");
      writeFileSync(file, alertRules());
      const { code, said } = promtool(["check", "rules", file], "");
      assertEquals(code, 0, said);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
