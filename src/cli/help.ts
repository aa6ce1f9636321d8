/**
 * The texts of `--help`.
 *
 * @module
 */
import { type CommandName, OPTIONS } from "./command_options.ts";
import { BUILT_IN } from "./built_in.ts";
import type { ToolCommand, ToolOption } from "./tool.ts";
import { TOOLS } from "./tools.ts";

const SLUICE_HELP = `Sluice: socket servers that stop without losing anything.

Usage: sluice <command> [options]

Commands:
  demo         lines over TCP beside HTTP and WebSocket, and a page to begin with: see sluice demo --help
  echo         a line server to try it with: see sluice echo --help
${
  [...BUILT_IN, ...TOOLS].map(({ name, summary }) => `  ${name.padEnd(13)}${summary}: see sluice ${name} --help`).join(
    "\n",
  )
}

Options:
  -h, --help   print this
  --version    print the version
`;

const DEMO_HEAD = `Usage: sluice demo [options]

Runs two servers: one answers every line with "echo: " and the line, the other speaks HTTP and WebSocket; its page /
says how to try both. Ctrl-C or SIGTERM drains them together: what clients have sent is answered, the connections are
closed at a quiet moment, and a report for each tells what it cost (as JSON, one a line, if the output is no terminal).
A second Ctrl-C cuts at once.

Routes:
  /                 the page
  /echo             POST: gives the body back, with its content type
  /ws               WebSocket: gives every message back (the page has a console for it)
  /channels         a room for two tabs, whose messages survive the death of the server
  /slow?ms=         answers after so long (default 1000, at most 60000)
  /stream?n=&ms=    n lines, one each ms (default 10 and 500, at most 10000 and 60000); a drain sends the rest at once
  /headers          what the server sees of the request, as JSON
  /readyz           200 while both servers take work, 503 from the first moment of a drain
  /livez            200 as long as the process answers

Options:
`;

const DEMO_EXAMPLES = `Examples:
  sluice demo
  sluice demo --tcp-port 9001 --http-port 8081 --access-log all
  sluice demo --host 0.0.0.0 --grace 30s --lame-duck 5s
  sluice demo --log ./demo-log
`;

const ECHO_HEAD = `Usage: sluice echo [options]

Answers every line with "echo: " and the line. Ctrl-C or SIGTERM drains it: what clients have sent is answered, the
connections are closed at a quiet moment, and a report tells what it cost (as JSON if the output is no terminal).
A second Ctrl-C cuts at once.

Options:
`;

const ECHO_EXAMPLES = `Examples:
  sluice echo
  sluice echo --port 7000 --host 0.0.0.0 --grace 30s --lame-duck 500ms
  sluice echo --unix /tmp/echo.sock --max-connections 100 --policy queue
`;

const DURATIONS = "A duration is written 10s, 500ms, 2m or 1h; a bare number is milliseconds.";

const TAIL = `
${DURATIONS}
A line of more than 64 KiB ends its connection.

Exit code: 0 stopped clean; 1 something was cut, or it could not start; 2 wrong usage; 130 or 143 a second signal.

`;

const TEXTS: Readonly<Record<CommandName, readonly [head: string, examples: string]>> = {
  demo: [DEMO_HEAD, DEMO_EXAMPLES],
  echo: [ECHO_HEAD, ECHO_EXAMPLES],
};

/** The text for `--help`, of the program or of a command that serves. */
export function helpText(topic: "sluice" | CommandName): string {
  if (topic === "sluice") return SLUICE_HELP;
  const [head, examples] = TEXTS[topic];
  return head + optionLines(OPTIONS[topic]) + TAIL + examples;
}

/** The text for a tool's `--help`. */
export function toolHelp({ usage, about, rows, examples }: ToolCommand): string {
  const durations = rows.some(({ value }) => value === "DURATION") ? `${DURATIONS}\n\n` : "";
  return `Usage: ${usage}\n\n${about.trim()}\n\nOptions:\n${optionLines(rows)}\n${durations}Examples:\n${
    examples.trim().split("\n").map((line) => `  ${line.trim()}\n`).join("")
  }`;
}

function optionLines(options: readonly ToolOption[]): string {
  const rows = options.map(({ flag, value, help }) => [`${flag} ${value}`.trimEnd(), help]);
  rows.push(["-h, --help", "print this"]);
  const width = Math.max(...rows.map(([usage]) => usage.length));
  return rows.map(([usage, help]) => `  ${usage.padEnd(width)}  ${help}\n`).join("");
}
