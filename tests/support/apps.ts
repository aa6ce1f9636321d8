/**
 * The programs of `tests/apps/` as child processes, and clients that keep them busy.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import type { Answer } from "./http_answers.ts";
import { HttpClient } from "./http_client.ts";
import { type Exit, type Program, startProgram } from "./processes.ts";

/** How long an app may take to start, and to stop: room for a machine whose cores are taken. */
const START_LIMIT = 30_000;
const STOP_LIMIT = 30_000;

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Fulfils when `ready` holds. */
export async function until(
  what: () => string,
  ready: () => boolean | Promise<boolean>,
  limit = 60_000,
): Promise<void> {
  const end = performance.now() + limit;
  while (!(await ready())) {
    if (performance.now() > end) throw new Error(`not within ${limit} ms: ${what()}`);
    await pause(10);
  }
}

/** A record of the app's log. */
export type LogRecord = Readonly<Record<string, unknown>>;

/** A running app; `await using` kills it at the end of the block. */
export class App implements AsyncDisposable {
  readonly program: Program;
  readonly #clients: HttpClient[] = [];

  constructor(program: Program) {
    this.program = program;
  }

  /** What it has logged so far. */
  get log(): LogRecord[] {
    return this.program.stderr.split("\n").slice(0, -1).filter((line) => line.startsWith("{")).map((line) =>
      JSON.parse(line)
    );
  }

  /** Port of the server of that name. */
  port(server: string): number {
    const addresses = this.#listening(server)?.addresses as string[] | undefined;
    if (addresses === undefined) throw new Error(`no server ${server}\n${this.program.stderr}`);
    return Number(/\d+$/.exec(addresses[0])![0]);
  }

  /** Where the HTTP server of that name is. */
  origin(server: string): string {
    return `http://127.0.0.1:${this.port(server)}`;
  }

  /** A raw HTTP client of the server of that name. */
  client(server: string): HttpClient {
    const client = new HttpClient(this.port(server));
    this.#clients.push(client);
    return client;
  }

  /** Fulfils when the servers listen. */
  async listening(servers: readonly string[]): Promise<void> {
    let hasEnded = false;
    this.program.exited(START_LIMIT).then(() => hasEnded = true, () => {});
    const there = () => servers.every((name) => this.#listening(name) !== undefined);
    const what = () => `${servers} listening\n${this.program.stderr}`;
    await until(what, () => there() || hasEnded, START_LIMIT);
    if (!there()) throw new Error(`ended before ${what()}`);
  }

  terminate(): void {
    this.program.signal("SIGTERM");
  }

  /** Its end, which must be a clean one. */
  async ended(): Promise<Exit> {
    const exit = await this.program.exited(STOP_LIMIT);
    assertEquals([exit.code, exit.signal], [0, null], exit.stderr.slice(-4000));
    return exit;
  }

  /** Stops it: SIGTERM, exit code 0. */
  async stop(): Promise<Exit> {
    this.terminate();
    return await this.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.program.kill();
  }

  #listening(server: string): LogRecord | undefined {
    return this.log.find((record) => record.server === server && String(record.msg).startsWith("Listening on "));
  }
}

/** Starts `tests/apps/<name>.ts` on the runtime of this test, and waits until its servers listen. */
export async function startApp(name: string, servers: readonly string[], env: Record<string, string>): Promise<App> {
  const app = new App(startProgram(`tests/apps/${name}.ts`, { env: { PORT: "0", ...env } }));
  try {
    await app.listening(servers);
    return app;
  } catch (error) {
    await app.program.kill();
    throw error;
  }
}

/** What an app says that is started with wrong settings; it must end by itself, and badly. */
export async function refusal(name: string, env: Record<string, string>): Promise<string> {
  await using program = startProgram(`tests/apps/${name}.ts`, { env });
  const { code, stderr } = await program.exited(START_LIMIT);
  assertEquals(code, 1, stderr);
  return stderr;
}

/** One request after the other, each when the one before is answered, until the client is told to close. */
export function keepAsking(
  client: HttpClient,
  next: () => string,
  take: (answer: Answer) => void,
  think: number = 20,
): void {
  const ask = () => client.isOpen && client.ask(next());
  client.onAnswer = (answer) => {
    setTimeout(ask, Math.random() * think);
    take(answer);
  };
  ask();
}
