/** `sluice verify --kind channel` on servers of channels with each log: nothing is lost, whatever is done to them. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../../support/http_proxies.ts";
import { skipWithout } from "../../../support/http_tools.ts";
import { root } from "../../../support/processes.ts";
import { provesRight } from "../../../support/verify_channels.ts";

describe("sluice verify --kind channel", { concurrency: 3 }, () => {
  it("proves a log in memory: networks fail, and nothing is missing", async () => {
    const report = await provesRight(["--duration", "2s", "--faults", "network"], ["memory"]);
    assertEquals(report.gaps, {});
  });

  it("proves a log in files through kills and stops", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-channels-"));
    try {
      const report = await provesRight(
        ["--duration", "3s", "--faults", "kill,term"],
        ["file", folder],
      );
      assertEquals(report.gaps, {});
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it(
    "proves three instances on Redis, through their faults and its own",
    { skip: skipWithout("redis-server") },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), "sluice-channels-"));
      const port = await freePort();
      const script = (what: string) => [`${root}tests/programs/channels/redis.sh`, what, folder, String(port)];
      execFileSync("sh", script("start"));
      try {
        const engine = ["--engine-command", ["sh", ...script("restart")].join(" ")];
        const report = await provesRight(
          ["--instances", "3", "--duration", "6s", ...engine],
          ["redis", `redis://127.0.0.1:${port}`],
        );
        assertEquals(report.gaps, {});
      } finally {
        execFileSync("sh", script("stop"));
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});
