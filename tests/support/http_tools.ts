/** Other people's programs that tests drive a server with: whether they are here, and what they said. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter } from "node:path";
import process from "node:process";
import { type Exit, startCommand } from "./processes.ts";

/** Where daemons are, which a user's search path may leave out. */
const MORE_PATHS = ["/usr/sbin", "/usr/local/sbin", "/sbin"];

/** Path of a program, or null if it isn't installed. */
export function toolPath(name: string): string | null {
  const places = [...(process.env.PATH ?? "").split(delimiter), ...MORE_PATHS];
  return places.map((place) => `${place}/${name}`).find((path) => existsSync(path)) ?? null;
}

/** What the option `skip` of a test takes: why it can't be run, or false if the program is here. */
export function skipWithout(name: string): string | false {
  return toolPath(name) !== null ? false : skipped(name, DEBIAN[name] ?? name);
}

/** The same for what a Debian package brings: it is here if the command succeeds. */
export function skipUnless([file, ...args]: readonly string[], debian: string): string | false {
  return spawnSync(file, args, { timeout: 10_000 }).status === 0 ? false : skipped(debian, debian);
}

function skipped(name: string, debian: string): string {
  const reason = `${name} is not installed: apt-get install ${debian}`;
  // Deno and Bun don't print the reason that they are given.
  console.log(`skipped: ${reason}`);
  return reason;
}

const DEBIAN: Readonly<Record<string, string>> = {
  nginx: "nginx-light",
  promtool: "prometheus",
  "systemd-analyze": "systemd",
  "systemd-socket-activate": "systemd",
};

/** Runs a program to its end, with `input` on its standard input. */
export async function runTool(name: string, args: readonly string[], input?: string): Promise<Exit> {
  await using program = startCommand([toolPath(name) ?? name, ...args]);
  if (input !== undefined) program.type(input);
  program.closeInput();
  return await program.exited();
}
