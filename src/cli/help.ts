/**
 * The texts of `--help` and `--version`.
 *
 * @module
 */
import { ECHO_OPTIONS } from "./options.ts";

/** Kept equal to the manifests' by a test: reading them at run time would need a permission under Deno. */
export const VERSION = "0.1.0";

const SLUICE_HELP = `Sluice: socket servers that stop without losing anything.

Usage: sluice <command> [options]

Commands:
  echo         a line server to try it with: see sluice echo --help

Options:
  -h, --help   print this
  --version    print the version
`;

const ECHO_HEAD = `Usage: sluice echo [options]

Answers every line with "echo: " and the line. Ctrl-C or SIGTERM drains it: what clients have sent is answered, the
connections are closed at a quiet moment, and a report tells what it cost (as JSON if the output is no terminal).
A second Ctrl-C cuts at once.

Options:
`;

const ECHO_TAIL = `
A duration is written 10s, 500ms, 2m or 1h; a bare number is milliseconds.
A line of more than 64 KiB ends its connection.

Exit code: 0 stopped clean; 1 something was cut, or it could not start; 2 wrong usage; 130 or 143 a second signal.

Examples:
  sluice echo
  sluice echo --port 7000 --host 0.0.0.0 --grace 30s --lame-duck 500ms
  sluice echo --unix /tmp/echo.sock --max-connections 100 --policy queue
`;

/** The text for `sluice --help` or `sluice echo --help`. */
export function helpText(topic: "sluice" | "echo"): string {
  return topic === "sluice" ? SLUICE_HELP : ECHO_HEAD + optionLines() + ECHO_TAIL;
}

function optionLines(): string {
  const rows = ECHO_OPTIONS.map(({ flag, value, help }) => [`${flag} ${value}`, help]);
  rows.push(["-h, --help", "print this"]);
  const width = Math.max(...rows.map(([usage]) => usage.length));
  return rows.map(([usage, help]) => `  ${usage.padEnd(width)}  ${help}\n`).join("");
}
