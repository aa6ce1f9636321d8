/** `sluice demo` as a child process, on the runtime that runs the test. */
import type { Answer } from "./http_answers.ts";
import { HttpClient, httpRequest, type RequestParts } from "./http_client.ts";
import { type Program, root, startProgram } from "./processes.ts";

/** The command line's program. */
export const CLI: string = `${root}src/cli/main.ts`;

/** Longest wait for an answer, in ms. */
const LIMIT = 60_000;

/** A running demo and where it listens. */
export interface Demo {
  readonly program: Program;
  readonly tcpPort: number;
  readonly httpPort: number;
}

/**
 * Starts it with only the permissions that its help asks for; the ports are free ones, and nothing is written to the disk,
 * unless `args` says otherwise.
 */
export async function startDemo(args: readonly string[] = []): Promise<Demo> {
  const given = [["--tcp-port", "0"], ["--http-port", "0"], ["--log", "memory"]];
  const defaults = given.flatMap(([flag, value]) => args.includes(flag) ? [] : [flag, value]);
  const files = args.includes("--log") ? ["--allow-read", "--allow-write"] : [];
  const program = startProgram(CLI, { args: ["demo", ...defaults, ...args], permissions: ["--allow-net", ...files] });
  try {
    const tcpPort = Number(/:(\d+)$/.exec(await program.line("tcp echo on"))?.[1]);
    const httpPort = Number(/:(\d+)\/$/.exec(await program.line("http on"))?.[1]);
    await program.line("try it");
    return { program, tcpPort, httpPort };
  } catch (error) {
    await program.kill();
    throw error;
  }
}

/** One request on a connection of its own. */
export async function askOnce(port: number, target: string, parts?: RequestParts): Promise<Answer> {
  const client = new HttpClient(port);
  try {
    return await client.fetch(httpRequest(target, parts), LIMIT);
  } finally {
    client.close();
  }
}
