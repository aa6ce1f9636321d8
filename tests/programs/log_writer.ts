/**
 * Writes to a file log as fast as it takes it, until it is killed. Each line of output is an entry that was acknowledged:
 * its stream, epoch, offset and text, by tabs.
 *
 *     log_writer.ts FOLDER SYNC WRITERS ROUND
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { fileLog } from "../../src/channels/log/file/file_log.ts";

const [folder, sync, writers, round] = process.argv.slice(2);
const log = fileLog(folder, { sync: sync === "always" ? sync : Number(sync), segmentBytes: 65_536, cacheBytes: 4_096 });

try {
  await log.open();
} catch (error) {
  say(`refused\t${(error as { code?: string }).code}`);
  process.exit(1);
}
say("open");

const options = { keep: { size: 300, bytes: 1 << 20, age: 3_600_000 }, dedupeAge: 3_600_000 };

async function write(writer: number): Promise<never> {
  for (let n = 0;; n++) {
    const stream = `s-${(writer + n) % 7}`;
    const text = `${round}.${writer}.${n} ${"x".repeat((writer * 7 + n * 13) % 200)}`;
    const { epoch, offset } = await log.append(stream, { kind: "message", data: text, headers: null }, options);
    say(`${stream}\t${epoch}\t${offset}\t${text}`);
  }
}

/** At once, and not from a queue that dies with the process. */
function say(line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      // The pipe is full: whoever reads it is slow.
      if ((error as { code?: string }).code !== "EAGAIN") throw error;
    }
  }
}

await Promise.all(Array.from({ length: Number(writers) }, (_, writer) => write(writer)));
