/**
 * `sluice verify`: stops a server under load, any server, and says what was lost.
 *
 * @module
 */
import { type Print, StartError, type ToolCommand, type ToolInput } from "@sluice/sluice/cli/kit";
import { writeFile } from "node:fs/promises";
import process from "node:process";
import { setTimeout } from "node:timers";
import { type Scenario, SCENARIOS, type VerifyReport } from "../../verify/mod.ts";
import { killAll } from "./child.ts";
import { Interruption } from "./interruption.ts";
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

Exit code: 0 nothing was lost; 1 something was, or the server can't be started; 2 wrong usage; 130 interrupted.`;

const EXAMPLES = `
sluice verify --kind tcp -- sluice echo --port {port}
sluice verify --kind ws --path /ws -- sluice demo --http-port {port} --tcp-port 0
sluice verify --stream-path /stream --rounds 5 --html report.html -- node server.js
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
  const verification = new Verification(settings, settings.json ? silence() : showTo(print, settings));
  using interruption = new Interruption(killAll);
  try {
    await verification.run(() => interruption.code !== null);
  } catch (error) {
    if (interruption.code === null) throw error;
  }
  const report = verification.report();
  await tell(report, settings, input, print);
  if (interruption.code !== null && !settings.json) await print("Interrupted: the rest was not run");
  const code = interruption.code ?? (report.clean ? CLEAN : LOST);
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
  const { json, html, seed, rolling, roundTrip, jitter, busy } = settings;
  if (html !== null) await writePage(html, report, settings, input);
  if (json) await print(JSON.stringify({ ...report, rolling, seed, roundTrip, jitter, busy }));
  else for (const line of formatSum(report, settings)) await print(line);
}

async function writePage(
  path: string,
  report: VerifyReport,
  settings: VerifySettings,
  input: ToolInput,
): Promise<void> {
  // Loaded when it is asked for: the page is large.
  const { commandLine, verifyPage } = await import("../../report_page/mod.ts");
  const seed = input.options.seed === undefined ? ["--seed", String(settings.seed)] : [];
  const repeat = commandLine(["sluice", "verify", ...seed, ...input.words]);
  try {
    await writeFile(path, verifyPage(report, { repeat, settings: settingRows(settings) }));
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
