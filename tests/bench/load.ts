/**
 * The load process, run by Bun: takes jobs from standard input and answers each with one line.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { runEcho } from "./load/echo.ts";
import { runFanout } from "./load/fanout.ts";
import { holdDrop, holdOpen, holdRelease, holdSay } from "./load/hold.ts";
import { runHttp } from "./load/http.ts";
import type { Job } from "./load/jobs.ts";
import { heard, listen } from "./load/listen.ts";
import { runPublish } from "./load/publish.ts";
import { runRate } from "./load/rate.ts";
import { runRecovery, takePlaces } from "./load/recover.ts";
import { runSteady } from "./load/steady.ts";
import { runWebSocket } from "./load/websocket.ts";

function runJob(job: Job): object | Promise<object> {
  switch (job.job) {
    case "echo":
      return runEcho(job);
    case "rate":
      return runRate(job);
    case "http":
      return runHttp(job);
    case "steady":
      return runSteady(job);
    case "websocket":
      return runWebSocket(job);
    case "publish":
      return runPublish(job);
    case "fanout":
      return runFanout(job);
    case "places":
      return takePlaces(job);
    case "recover":
      return runRecovery(job);
    case "listen":
      return listen(job);
    case "heard":
      return heard();
    case "open":
      return holdOpen(job.port, job.count, job.websocket, job.hello);
    case "say":
      return holdSay();
    case "release":
      return holdRelease(job.ms);
    case "drop":
      return holdDrop();
  }
}

console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify(await runJob(JSON.parse(line))));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
