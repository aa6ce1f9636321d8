/**
 * From the start of a process to its first answer over HTTP, and how many files it loads for it.
 *
 * @module
 */
import { connect } from "node:net";
import { loadedWith } from "../../support/sources.ts";
import type { RuntimeName } from "../../support/processes.ts";
import { BOUNDS } from "../bounds.ts";
import { compareValues, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig } from "../servers.ts";

/** Starts are short: three in each round of what others do once. */
const STARTS = 3;
const REQUEST = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

export async function startRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const ours: number[] = [];
  const own: number[] = [];
  // The first of each fills the caches of the disk and of the runtime.
  await firstAnswer(rig, runtime, "ours");
  await firstAnswer(rig, runtime, runtime);
  for (let i = 0; i < effort.rounds * STARTS; i++) {
    ours.push(await firstAnswer(rig, runtime, "ours"));
    own.push(await firstAnswer(rig, runtime, runtime));
  }
  const subject = { row: "start", runtime, ours: "import to first answer", against: `bare ${runtime}` };
  const loaded = { ...subject, ours: "files loaded for ./http", against: "1 file", bound: null, unit: "files" };
  return [
    compareValues({ ...subject, bound: BOUNDS.start[runtime], unit: `ms, median of ${ours.length}` }, ours, own),
    compareValues(loaded, [filesLoaded(runtime)], [1]),
  ];
}

async function firstAnswer(rig: Rig, runtime: RuntimeName, server: "ours" | RuntimeName): Promise<number> {
  const begun = performance.now();
  const started = await rig.start(server, runtime);
  await answerOf(started.port);
  const ms = performance.now() - begun;
  await rig.stop(started);
  return ms;
}

function answerOf(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(REQUEST));
    socket.on("error", reject).once("data", (bytes) => {
      socket.destroy();
      const text = String(bytes);
      if (text.startsWith("HTTP/1.1 200 ")) resolve();
      else reject(new Error(`an answer that begins ${text.slice(0, 40)}`));
    });
  });
}

/** Before it knows where it runs; the runtime's adapter follows. */
export function filesLoaded(runtime: RuntimeName): number {
  const entry = runtime === "deno" ? "src/http/mod.ts" : "dist/src/http/mod.js";
  return [...loadedWith(entry)].filter((path) => /\.(ts|js)$/.test(path)).length;
}
