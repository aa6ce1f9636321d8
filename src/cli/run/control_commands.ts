/**
 * `sluice status`, `sluice reload` and `sluice stop`: they ask a running supervisor.
 *
 * @module
 */
import { formatAddress, formatDuration } from "../print.ts";
import {
  ask,
  type ControlCommand,
  controlNames,
  controlPath,
  type SuperviseReport,
  type SuperviseStatus,
} from "../../run/supervisor/mod.ts";
import { text } from "../option_values.ts";
import type { Print } from "../output.ts";
import type { RunFileStatus } from "./run_file.ts";
import { formatSuperviseReport } from "./supervise_report.ts";
import type { ToolCommand, ToolInput, ToolOption } from "../tool.ts";
import { StartError, UsageError } from "../usage_errors.ts";

const CONTROL: ToolOption = {
  flag: "--control",
  option: "control",
  value: "PATH",
  read: text,
  help: "its Unix socket, where sluice run was told one",
};
const JSON_ROW: ToolOption = {
  flag: "--json",
  option: "json",
  value: "",
  read: text,
  help: "print the whole answer as JSON",
};

const ABOUT =
  `NAME is that of sluice run --name: the program's, without its ending, if none was given. Without NAME it is
the only supervisor of this user that runs.`;

/** Which are asked, by their names. */
export const CONTROL_COMMANDS: Readonly<Record<ControlCommand, ToolCommand>> = {
  status: command("status", "Tells how the workers of a sluice run are.", async (input, print) => {
    const status = await asked(input, "status") as unknown as SuperviseStatus;
    await print(input.options.json === true ? JSON.stringify(status) : statusTable(status));
    return 0;
  }),
  reload: command(
    "reload",
    "Replaces the workers of a sluice run, one after the other, and waits for it. Exit code 1 if it was called off.",
    reported("reload"),
  ),
  stop: command(
    "stop",
    "Drains the workers of a sluice run, which ends then, and waits for it. Exit code 1 if something was lost.",
    reported("stop"),
  ),
};

function command(name: ControlCommand, about: string, run: ToolCommand["run"]): ToolCommand {
  return {
    name,
    usage: `sluice ${name} [NAME] [options]`,
    about: `${about}\n${ABOUT}`,
    examples: `sluice ${name}\nsluice ${name} app --json`,
    rows: [CONTROL, JSON_ROW],
    operands: [0, 1],
    run,
  };
}

/** Prints how it went. */
function reported(which: "reload" | "stop"): ToolCommand["run"] {
  return async (input: ToolInput, print: Print) => {
    const report = await asked(input, which) as unknown as SuperviseReport;
    await print(input.options.json === true ? JSON.stringify(report) : formatSuperviseReport(report));
    return report.done && (which === "reload" || report.clean) ? 0 : 1;
  };
}

async function asked(
  { operands: [name], options }: ToolInput,
  command: ControlCommand,
): Promise<Record<string, unknown>> {
  const path = options.control as string | undefined ?? controlPath(name ?? await onlyName());
  return await ask(path, command);
}

async function onlyName(): Promise<string> {
  const names = await controlNames();
  if (names.length === 1) return names[0];
  if (names.length > 1) throw new UsageError(`Which one? There are ${names.join(", ")}`);
  throw new StartError("No sluice run of yours is there", "One with a socket of its own is asked by --control PATH");
}

function statusTable(status: SuperviseStatus & { readonly config?: RunFileStatus | null }): string {
  const { name, pid, state, generation, age, addresses, workers, lastReload, config } = status;
  const head = [
    `${name}  ${state}, pid ${pid}, generation ${generation}, for ${formatDuration(age)}`,
    `listens on ${addresses.map(formatAddress).join(", ") || "nothing yet"}`,
    ...(lastReload === null ? [] : [
      `last reload: ${lastReload.done ? "done" : "called off"}${
        lastReload.reason && `: ${lastReload.reason.split("\n")[0]}`
      }`,
    ]),
  ];
  if (config?.error) head.push(`not in use, ${config.file}: ${config.error}`);
  const rows = workers.map((worker) => [
    String(worker.slot),
    String(worker.pid),
    String(worker.generation),
    worker.hangs ? "hangs" : worker.state,
    formatDuration(worker.age),
    String(worker.restarts),
    String(worker.connections),
    String(worker.requests ?? worker.accepted),
    worker.rss === null ? "?" : `${Math.round(worker.rss / 2 ** 20)} MiB`,
  ]);
  const titles = ["worker", "pid", "gen", "state", "age", "restarts", "open", "served", "memory"];
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((cells) => cells[i].length)));
  const lines = [titles, ...rows].map((cells) => cells.map((cell, i) => cell.padEnd(widths[i])).join("  ").trimEnd());
  return [...head, ...lines].join("\n");
}
