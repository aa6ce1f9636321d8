/**
 * How many entries of 256 bytes come to the disk in a second: by a file log with 64 writers that wait for each of theirs,
 * with one, and by one write and one sync for each entry. Both in turns, in a folder of this machine's temporary ones;
 * one line of JSON for each round.
 *
 *     log_commit.ts SECONDS ROUNDS
 */
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileLog } from "../../src/channels/log/file/file_log.ts";

const WRITERS = 64;
const [seconds, rounds] = process.argv.slice(2).map(Number);
const folder = await mkdtemp(join(tmpdir(), "sluice-commit-"));
const data = "x".repeat(256);
const options = { keep: { size: 10_000, bytes: 1 << 24, age: 3_600_000 }, dedupeAge: 0 };

try {
  for (let round = 0; round < rounds; round++) {
    const bare = await syncEach(join(folder, "bare"));
    const alone = await logged(join(folder, "log"), 1);
    const together = await logged(join(folder, "log"), WRITERS);
    console.log(JSON.stringify({ bare, alone, together }));
  }
} finally {
  await rm(folder, { recursive: true });
}

async function logged(path: string, writers: number): Promise<number> {
  const log = fileLog(path);
  await log.open();
  const rate = await rateOf(writers, async (writer) => {
    await log.append(`s-${writer}`, { kind: "message", data, headers: null }, options);
  });
  await log.close();
  return rate;
}

async function syncEach(path: string): Promise<number> {
  const file = await open(path, "a");
  const bytes = new TextEncoder().encode(data);
  const rate = await rateOf(1, async () => {
    await file.write(bytes);
    await file.datasync();
  });
  await file.close();
  return rate;
}

async function rateOf(writers: number, work: (writer: number) => Promise<void>): Promise<number> {
  let done = 0;
  const begun = performance.now();
  const end = begun + seconds * 1_000;
  await Promise.all(Array.from({ length: writers }, async (_, writer) => {
    while (performance.now() < end) {
      await work(writer);
      done++;
    }
  }));
  return done / (performance.now() - begun) * 1_000;
}
