/**
 * A line server whose handler does what each line says, for a parent that sends it signals. Takes one JSON argument,
 * `Setup`; prints a line for each address, drain phase and event, and the report as JSON.
 *
 * @module
 */
import process from "node:process";
import {
  defaultAdapter,
  type Handler,
  lines,
  run,
  type RunOptions,
  serve,
  type ServeOptions,
  type Server,
} from "../../mod.ts";

/** What the parent asks for. */
export interface Setup {
  readonly serve?: ServeOptions;
  readonly run?: RunOptions;
  /** Number of servers. @default 1 */
  readonly servers?: number;
  /** Milliseconds until the servers begin to start. @default 0 */
  readonly startDelay?: number;
  /** Hooks for the end, by name; `fails` throws. */
  readonly hooks?: readonly string[];
}

const setup: Setup = JSON.parse(process.argv[2] ?? "{}");
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const handler: Handler = async (conn, ctx) => {
  for await (const line of lines(conn)) {
    const [word, number] = line.split(" ");
    if (word === "big") await conn.write("x".repeat(Number(number)) + "\n");
    else if (word === "hang") await new Promise(() => {});
    else if (word === "unwind") await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve));
    else if (word === "shutdown") servers[0].shutdown({ cause: "a handler" });
    else if (word === "resume") await conn.write(`resumed ${servers[0].resume()}\n`);
    else if (word === "throw") throw new Error("asked to");
    else if (word === "slow") await pause(Number(number));
    await conn.write(`echo: ${line}\n`);
  }
};

const servers: Server[] = [];

async function start(index: number): Promise<Server> {
  if (setup.startDelay !== undefined) {
    setTimeout(() => console.log("starting"), 100);
    await pause(setup.startDelay);
  }
  const server = await serve({
    name: `server ${index}`,
    hostname: "127.0.0.1",
    onDrainPhase: (phase) => console.log(`phase ${phase}`),
    ...setup.serve,
  }, handler);
  servers.push(server);
  if (server.address.transport === "tcp") console.log(`port ${server.address.port}`);
  return server;
}

const hooks = (setup.hooks ?? []).map((name) => ({
  name,
  run: () => {
    console.log(`hook ${name}`);
    if (name === "fails") throw new Error("broken");
  },
}));

// Signals are heard before the first port is printed: whoever reads it may send one at once.
const adapter = await defaultAdapter();
await run(Array.from({ length: setup.servers ?? 1 }, (_, index) => start(index)), {
  adapter,
  ...setup.run,
  hooks,
  onReport: (report) => console.log(`report ${JSON.stringify(report)}`),
});
