/**
 * Starts the servers, and the load process.
 *
 * @module
 */
import { type Program, type RuntimeName, startCommand, startProgram } from "../support/processes.ts";
import type { Heard, Held, HoldJob, Job, PlacesJob, Recovered, RecoverJob, Sample, Target, Work } from "./load/jobs.ts";
import { LOAD_CORE, type Machine, MAX_FILES, SERVER_CORE } from "./machine.ts";
import { LeftOut } from "./result.ts";
import { type BenchRuntime, nodePath } from "./runtimes.ts";

const LONGEST_JOB_MS = 60_000;

const HTTP_NAMES = {
  ours: "sluice",
  node: "node:http",
  deno: "Deno.serve",
  bun: "Bun.serve",
  srvx: "srvx",
  hono: "node-server",
} as const;

/** An HTTP server that can be measured; a runtime's own has the runtime's name. */
export type HttpServerName = keyof typeof HTTP_NAMES;

const PROXY_NAMES = { ours: "sluice proxy", httpproxy: "http-proxy", undici: "undici by hand" } as const;

/** A reverse proxy that can be measured. */
export type ProxyServerName = keyof typeof PROXY_NAMES;

const WEBSOCKET_NAMES = { ours: "sluice", node: "ws", deno: "Deno socket", bun: "Bun.serve" } as const;

/** A WebSocket server that can be measured; `node` is the package ws. */
export type WebSocketServerName = keyof typeof WEBSOCKET_NAMES;

const CHANNEL_NAMES = { channels: "sluice channels", hub: "sluice Hub", socketio: "Socket.IO" } as const;

/** A server that publishes to subscribers of channels. */
export type ChannelServerName = keyof typeof CHANNEL_NAMES;

/** A server under load. */
export interface Server {
  readonly name: string;
  readonly program: Program;
  readonly port: number;
}

/** Starts servers on one core and asks for load from the other. Everything it started ends with it. */
export class Rig implements AsyncDisposable {
  readonly machine: Machine;
  readonly #node: string;
  readonly #programs: Program[] = [];
  #load: Program | null = null;
  #ears: Program | null = null;

  /** For one runtime; what runs on Node besides it runs on the machine's own. */
  constructor(machine: Machine, runtime: BenchRuntime) {
    this.machine = machine;
    const node = nodePath(runtime);
    if (node === null) throw new LeftOut(`${runtime} is not installed`);
    this.#node = node;
  }

  /** Ends the row where thousands of connections can't be opened. */
  needManyFiles(): void {
    if (!this.machine.manyFiles) throw new LeftOut(`A process may not open ${MAX_FILES} descriptors here`);
  }

  /** Sluice, in a mode of `servers/ours.ts`. */
  ours(runtime: RuntimeName, mode: string): Promise<Server> {
    return this.#started(mode, this.program("servers/ours.ts", runtime, [mode]));
  }

  /** The echo written by hand for a runtime. */
  bare(runtime: RuntimeName, ...args: string[]): Promise<Server> {
    return this.#started(`bare ${args.join(" ")}`, this.program(`servers/bare_${runtime}.ts`, runtime, args));
  }

  /** Node's way of writing it, on another runtime. */
  nodeNet(runtime: RuntimeName, mode: string): Promise<Server> {
    return this.#started(`node:net ${mode}`, this.program("servers/bare_node.ts", runtime, [mode]));
  }

  /** An HTTP server in a mode of `servers/http_SERVER.ts`. */
  http(server: HttpServerName, runtime: RuntimeName, mode: string): Promise<Server> {
    return this.#started(`${HTTP_NAMES[server]} ${mode}`, this.program(`servers/http_${server}.ts`, runtime, [mode]));
  }

  /** A reverse proxy, `servers/proxy_SERVER.ts`, in front of another server. */
  proxy(server: ProxyServerName, runtime: RuntimeName, behind: Server): Promise<Server> {
    const program = this.program(`servers/proxy_${server}.ts`, runtime, [`${behind.port}`]);
    return this.#started(PROXY_NAMES[server], program);
  }

  /** The same over TLS. */
  https(server: HttpServerName, runtime: RuntimeName, mode: string): Promise<Server> {
    const program = this.program(`servers/http_${server}.ts`, runtime, [mode, "tls"]);
    return this.#started(`${HTTP_NAMES[server]} ${mode}, TLS`, program);
  }

  /** The least that serves HTTP, in the form in which its users have it: from npm, or as TypeScript on Deno. */
  start(server: "ours" | RuntimeName, runtime: RuntimeName): Promise<Server> {
    const path = `servers/start_${server}.ts`;
    const file = runtime === "bun" ? compiledPath(this.machine, path) : path;
    return this.#started(path, this.program(file, runtime, []));
  }

  /** A WebSocket server in a mode of `servers/ws_SERVER.ts`. */
  websocket(server: WebSocketServerName, runtime: RuntimeName, mode: string): Promise<Server> {
    const program = this.program(`servers/ws_${server}.ts`, runtime, [mode]);
    return this.#started(`${WEBSOCKET_NAMES[server]} ${mode}`, program);
  }

  /** A server of channels, `servers/channels_SERVER.ts`. */
  channels(server: ChannelServerName, runtime: RuntimeName): Promise<Server> {
    return this.#started(CHANNEL_NAMES[server], this.program(`servers/channels_${server}.ts`, runtime, []));
  }

  /** Go's; null where there is no Go. */
  go(mode: "raw" | "line" | "hello"): Promise<Server> | null {
    if (this.machine.go === null) return null;
    const options = { ...this.#limits(SERVER_CORE), env: { GOMAXPROCS: "1" } };
    return this.#started(`go ${mode}`, startCommand([this.machine.go, mode], options));
  }

  /** Any program of this folder, on the servers' core. */
  program(path: string, runtime: RuntimeName, args: readonly string[]): Program {
    return this.#run(path, runtime, args, SERVER_CORE);
  }

  /** Any program of this folder, on the load's core. */
  client(path: string, runtime: RuntimeName, args: readonly string[]): Program {
    const program = this.#run(path, runtime, args, LOAD_CORE);
    this.#programs.push(program);
    return program;
  }

  /** Any command, on the load's core. */
  command(command: readonly string[]): Program {
    const program = startCommand(command, this.#limits(LOAD_CORE));
    this.#programs.push(program);
    return program;
  }

  /** Takes positions in channels. */
  async places(job: PlacesJob): Promise<void> {
    await this.#ask(job);
  }

  recover(job: RecoverJob): Promise<Recovered> {
    return this.#ask(job) as Promise<Recovered>;
  }

  /** Channels on a log in a folder, on a port of its choice or the one before. */
  channelsOf(runtime: RuntimeName, folder: string, port: number): Promise<Server> {
    return this.#started(
      "sluice channels, fileLog",
      this.program("servers/channels_file.ts", runtime, [folder, `${port}`]),
    );
  }

  /** Lets some be live, in a process of their own, which a client that shakes hands does not keep from hearing. */
  async listen(port: number, live: number): Promise<void> {
    const ears = this.#ears = await this.#startLoad();
    await ask(ears, { job: "listen", port, live });
  }

  /** What they have heard since the last time. */
  heard(): Promise<Heard> {
    return ask(this.#ears!, { job: "heard" }) as Promise<Heard>;
  }

  /** Ends them: what has become of their server is nothing to them. */
  async deafen(): Promise<void> {
    await this.#ears?.kill();
    this.#ears = null;
  }

  measure(job: Work & Target): Promise<Sample> {
    return this.#ask(job) as Promise<Sample>;
  }

  hold(job: HoldJob): Promise<Held> {
    return this.#ask(job) as Promise<Held>;
  }

  async stop(server: Server): Promise<void> {
    await server.program.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill()));
  }

  async #ask(job: Job): Promise<Sample | Held | Recovered | Heard> {
    return await ask(this.#load ??= await this.#startLoad(), job);
  }

  #run(path: string, runtime: RuntimeName, args: readonly string[], core: number): Program {
    const options = { ...this.#limits(core), runtime, args, permissions: ["-A", "--no-check"] };
    if (runtime !== "node") return startProgram(path.startsWith("/") ? path : `tests/bench/${path}`, options);
    return startCommand([this.#node, compiledPath(this.machine, path), ...args], options);
  }

  async #startLoad(): Promise<Program> {
    const load = startProgram("tests/bench/load.ts", { ...this.#limits(LOAD_CORE), runtime: "bun" });
    this.#programs.push(load);
    await load.line("ready");
    return load;
  }

  async #started(name: string, program: Program): Promise<Server> {
    this.#programs.push(program);
    const port = Number((await program.line(/^port /)).slice("port ".length));
    return { name, program, port };
  }

  #limits(core: number): { core?: number; maxFiles?: number } {
    const { pinned, manyFiles } = this.machine;
    return { ...(pinned ? { core } : {}), ...(manyFiles ? { maxFiles: MAX_FILES } : {}) };
  }
}

async function ask(load: Program, job: Job): Promise<Sample | Held | Recovered | Heard> {
  load.type(JSON.stringify(job) + "\n");
  const answer = JSON.parse(await load.line(/^\{/, LONGEST_JOB_MS));
  if (answer.error !== undefined) throw new Error(`load, ${job.job}: ${answer.error}`);
  return answer;
}

/** A program of this folder as JavaScript. */
function compiledPath({ compiled }: Machine, path: string): string {
  return `${compiled}/tests/bench/${path.replace(/ts$/, "js")}`;
}
