/** `sluice verify --kind channel --reload` on `sluice run`: nothing is lost while workers are replaced. */
import { describe, it } from "node:test";
import { assertEquals, assertGreater } from "@std/assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../../support/processes.ts";
import { RedisServer, skipWithoutRedis } from "../../../support/redis.ts";
import { provesCommand } from "../../../support/verify_channels.ts";
import { sluiceCommand } from "../../../support/verify_cli.ts";

const SERVER = `${root}tests/programs/channels/server.ts`;

/** Several reloads, and a network that fails between them. */
async function reloads(workers: number, log: readonly string[], control: string): Promise<void> {
  const run = ["run", SERVER, "--workers", String(workers), "--control", control, "--stable", "100ms", "--", ...log];
  const reload = sluiceCommand("reload", "--control", control).join(" ");
  const args = ["--duration", "4s", "--reload", "--reload-command", reload, "--faults", "reload,network"];
  const { gaps, parts } = await provesCommand([...args, "--also", "direct,messages,calls,tcp"], sluiceCommand(...run));
  assertEquals(gaps, {});
  assertGreater(parts.find(({ fault }) => fault === "reload")!.times, 0);
}

describe("sluice verify --kind channel --reload", { concurrency: 2 }, () => {
  it("proves one worker with a log in files: its successor has them when it has let go", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-channels-"));
    try {
      await reloads(1, ["file", folder], join(folder, "control"));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("proves two workers on Redis", { skip: skipWithoutRedis() }, async () => {
    await using redis = await RedisServer.start();
    await reloads(2, ["redis", redis.url], join(redis.dir, "control"));
  });
});
