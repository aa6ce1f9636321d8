/**
 * `sluice verify`: stops a server under load, any server, and says what was lost.
 *
 * @module
 */
import { type Print, StartError, type ToolCommand, type ToolInput } from "@sluice/sluice/cli/kit";
import { writeFile } from "node:fs/promises";
import process from "node:process";
import { setTimeout } from "node:timers";
import type { PageOptions } from "../../report_page/mod.ts";
import { type Scenario, SCENARIOS, type VerifyReport } from "../../verify/mod.ts";
import { verifyChannels } from "./channels/channel_command.ts";
import { killAll } from "./child.ts";
import { Interruption } from "./interruption.ts";
import { verifyReloads } from "./reload/reload_command.ts";
import { readSettings, ROWS, type VerifySettings } from "./verify_options.ts";
import { formatDetails, formatHead, formatRow, formatSum, settingRows } from "./table.ts";
import { Verification, type VerifyEvents } from "./verify.ts";

const CLEAN = 0;
const LOST = 1;
/** How long what is left of connections may keep this process alive after the report, in ms. */
const LAST_BREATH = 1000;

const ABOUT =
  `Starts the command once for each scenario, waits until it listens, lets clients loose on it, sends the signal while
requests are in flight, follows every client to its end, and tells what was lost. What a client sends after it could
have seen the end (FIN, Connection: close, a Close frame) is not counted as lost; neither is a refused connection,
nor a newcomer who is turned away with 503.

The command is started without a shell and gets the signal itself, as in a container: a shell in front of the server
must exec it. {port} in the command and PORT in its environment tell where to listen.

Scenarios:
${SCENARIOS.map(formatScenario).join("\n")}

With --reload it is reloaded in place of being stopped, again and again, while clients of all kinds talk to it at
once. Its address never goes away then, so a refused, reset or unanswered connection is lost. Who could see the end
of a connection (FIN, Connection: close, a good Close) and comes again has lost nothing. --reload-command is run by sh,
with {port} and {pid}, the server's process, filled in; it must end with 0 when the reload is over.

With --kind channel instances of a server of channels stand behind a balancer, and are stopped, killed, frozen, reloaded
and cut off while publishers and subscribers number everything. What was acknowledged must come to every subscriber
once and in order, unless a gap is declared to it, and presence must be right when it has settled.

Exit code: 0 nothing was lost; 1 something was, or the server can't be started; 2 wrong usage; 130 interrupted.`;

const EXAMPLES = `
sluice verify --kind tcp -- sluice echo --port {port}
sluice verify --kind ws --path /ws -- sluice demo --http-port {port} --tcp-port 0
sluice verify --stream-path /stream --rounds 5 --html report.html -- node server.js
sluice verify --reload --reloads 5 --kind tcp -- ./server --port {port}
sluice verify --kind channel --instances 3 --engine-command ./restart-redis.sh -- node server.js
sluice verify --rolling --expect-exit 143 -- ./server --listen 127.0.0.1:{port}
`;

/** The tool. */
export const COMMAND: ToolCommand = {
  name: "verify",
  usage: "sluice verify [options] -- COMMAND [ARGUMENTS]",
  about: ABOUT,
  examples: EXAMPLES,
  rows: ROWS,
  operands: [0, 0],
  takesCommand: true,
  run,
};

async function run(input: ToolInput, print: Print): Promise<number> {
  const settings = readSettings(input);
  if (settings.channel !== null) return await runChannel(settings, print);
  return settings.reload === null ? await runStops(settings, input, print) : await runReload(settings, input, print);
}

async function runStops(settings: VerifySettings, input: ToolInput, print: Print): Promise<number> {
  const verification = new Verification(settings, settings.json ? silence() : showTo(print, settings));
  using interruption = new Interruption(killAll);
  try {
    await verification.run(() => interruption.code !== null);
  } catch (error) {
    if (interruption.code === null) throw error;
  }
  const report = verification.report();
  await tell(report, settings, input, print);
  return await ended(interruption.code, report.clean, settings, print);
}

async function runReload(settings: VerifySettings, input: ToolInput, print: Print): Promise<number> {
  let abort = () => {};
  using interruption = new Interruption(() => {
    // Before the server is killed: what clients see of that is no loss.
    abort();
    killAll();
  });
  const report = await verifyReloads(settings, {
    print,
    interrupted: () => interruption.code !== null,
    atInterruption: (act) => abort = act,
    writePage: (found) => writePage(settings, input, ({ reloadPage }, options) => reloadPage(found, options)),
  });
  return await ended(interruption.code, report?.clean ?? false, settings, print);
}

async function runChannel(settings: VerifySettings, print: Print): Promise<number> {
  let abort = () => {};
  using interruption = new Interruption(() => {
    // Before the servers are killed: what clients see of that is no loss.
    abort();
    killAll();
  });
  const interrupted = () => interruption.code !== null;
  const report = await verifyChannels(settings, { print, interrupted, atInterruption: (act) => abort = act });
  return await ended(interruption.code, report?.clean ?? false, settings, print);
}

/** The last word, and the exit code. */
async function ended(asked: number | null, clean: boolean, { json }: VerifySettings, print: Print): Promise<number> {
  if (asked !== null && !json) await print("Interrupted: the rest was not run");
  const code = asked ?? (clean ? CLEAN : LOST);
  setTimeout(() => process.exit(code), LAST_BREATH).unref();
  return code;
}

function silence(): VerifyEvents {
  return { begins() {}, ended() {}, skipped() {} };
}

function showTo(print: Print, { rounds }: VerifySettings): VerifyEvents {
  let begun = false;
  const progress = process.stderr.isTTY === true;
  const clear = () => progress && process.stderr.write("\r\x1b[K");
  return {
    begins(scenario, round) {
      if (progress) process.stderr.write(`${scenario}${rounds > 1 ? ` ${round} of ${rounds}` : ""} ...`);
    },
    ended(report, output) {
      clear();
      if (!begun) print(formatHead());
      begun = true;
      print([formatRow(report, rounds), ...formatDetails(report, output)].join("\n"));
    },
    skipped: () => void clear(),
  };
}

async function tell(report: VerifyReport, settings: VerifySettings, input: ToolInput, print: Print): Promise<void> {
  const { json, seed, rolling, roundTrip, jitter, busy } = settings;
  await writePage(settings, input, ({ verifyPage }, options) => verifyPage(report, options));
  if (json) await print(JSON.stringify({ ...report, rolling, seed, roundTrip, jitter, busy }));
  else for (const line of formatSum(report, settings)) await print(line);
}

/** The pages, which are loaded when one is asked for: they are large. */
type Pages = typeof import("../../report_page/mod.ts");

/** Writes what `page` makes, if a page was asked for. */
async function writePage(
  settings: VerifySettings,
  input: ToolInput,
  page: (pages: Pages, options: Required<PageOptions>) => string,
): Promise<void> {
  if (settings.html === null) return;
  const pages = await import("../../report_page/mod.ts");
  const seed = input.options.seed === undefined ? ["--seed", String(settings.seed)] : [];
  const repeat = pages.commandLine(["sluice", "verify", ...seed, ...input.words]);
  try {
    await writeFile(settings.html, page(pages, { repeat, settings: settingRows(settings) }));
  } catch (error) {
    throw new StartError(`The page can't be written: ${(error as Error).message}`, "See --html", { cause: error });
  }
}

/** Its name, then what it does in lines that fit. */
function formatScenario({ name, about }: Scenario): string {
  const lines: string[] = [];
  for (const word of about.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length > 98) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.map((line, i) => `  ${(i === 0 ? name : "").padEnd(15)} ${line}`).join("\n");
}
