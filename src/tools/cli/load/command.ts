/**
 * `sluice load`: simulated clients that load a server.
 *
 * @module
 */
import { type Print, StartError, type ToolCommand, type ToolInput, UsageError } from "@sluice/sluice/cli/kit";
import { writeFileSync } from "node:fs";
import { background, withCancel } from "@sluice/sluice";
import { type LoadOptions, type LoadReport, runLoad } from "../../load/mod.ts";
import { loadPage } from "../../report_page/mod.ts";
import { Interrupt } from "./interrupt.ts";
import { isAlive, processProbe } from "./process_probe.ts";
import { ProgressBar } from "./progress_bar.ts";
import { type LoadInput, ROWS } from "./load_options.ts";
import { faultCount, formatLoad } from "./table.ts";

const RIGHT = 0;
const FAULTY = 1;
/** How often a process is looked for, in ms. */
const WATCH_INTERVAL = 200;

const ABOUT = `Clients connect to URL and keep sending; every answer is checked against what was asked.

URL is tcp://host:port or unix:/path (lines, an echo server is expected), http://, https://, ws:// or wss:// (an echo
of messages), unix:/path:http:/target or unix:/path:ws:/target.

Without --rate a client sends when it has its answer (closed loop). With --rate requests are due at fixed times,
whatever the server does, and a latency counts from when its request was due: a server that stalls can't hide it.

How answers are judged: echo: the answer's content is what was sent (a line may have a prefix); same: every answer is
like the first one (HTTP); whole: the answer is complete and no error (status below 400).
Faults: refused (no connection), reset (ended without an answer), truncated (an answer in part), timed out, wrong.

Ctrl-C ends it early with a report of what was done, a second one at once.
Exit code: 0 all answers were right; 1 there were faults, or nobody could connect; 2 wrong usage.`;

const EXAMPLES = `
sluice load tcp://127.0.0.1:9000 --clients 100 --duration 30s
sluice load http://127.0.0.1:8080/readyz --rate 5000 --html report.html
sluice load http://127.0.0.1:8080/echo --size 16,4KiB --pipeline 8 --json
sluice load ws://127.0.0.1:8080/ws --ramp 10..500/30s --pid 4711
`;

/** The tool. */
export const COMMAND: ToolCommand = {
  name: "load",
  usage: "sluice load URL [options]",
  about: ABOUT,
  examples: EXAMPLES,
  rows: ROWS,
  operands: [1, 1],
  run,
};

async function run(input: ToolInput, print: Print): Promise<number> {
  const { json, html, pid, watchPid, steps, ...given } = input.options as LoadInput;
  if (pid !== undefined && watchPid !== undefined) throw new UsageError("--pid and --watch-pid exclude each other");
  const [context, cancel] = withCancel(background());
  using bar = new ProgressBar();
  using _interrupt = new Interrupt(cancel);
  using _watch = new Watch(watchPid, cancel);
  const report = await runLoad(input.operands[0], {
    ...given,
    ramp: rampOf(given, steps),
    server: probeOf(pid, watchPid),
    context,
    onProgress: bar.show,
  });
  bar[Symbol.dispose]();
  await print(json === true ? JSON.stringify(report) : formatLoad(report));
  if (html !== undefined) writePage(html, report);
  return faultCount(report) > 0 || report.ended === "unreachable" ? FAULTY : RIGHT;
}

function rampOf({ ramp }: Pick<LoadInput, "ramp">, steps: number | undefined): LoadOptions["ramp"] {
  if (steps === undefined) return ramp;
  if (ramp === undefined) throw new UsageError("--steps needs --ramp");
  return { ...ramp, steps };
}

function probeOf(pid: number | undefined, watchPid: number | undefined): LoadOptions["server"] {
  if (pid !== undefined) return processProbe(pid, "--pid");
  return watchPid === undefined ? undefined : processProbe(watchPid, "--watch-pid");
}

function writePage(path: string, report: LoadReport): void {
  try {
    writeFileSync(path, loadPage(report));
  } catch (error) {
    throw new StartError(`--html ${JSON.stringify(path)} can't be written: ${(error as Error).message}`);
  }
}

/** Waits for a process to end. */
class Watch implements Disposable {
  readonly #timer: ReturnType<typeof setInterval> | undefined;

  constructor(pid: number | undefined, ended: () => void) {
    if (pid === undefined) return;
    this.#timer = setInterval(() => {
      if (!isAlive(pid)) ended();
    }, WATCH_INTERVAL);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
