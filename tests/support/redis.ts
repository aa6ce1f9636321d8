/** Redis servers that tests start, end, stop and break: on loopback, with their data in a folder of their own. */
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort } from "./http_proxies.ts";
import { skipWithout, toolPath } from "./http_tools.ts";
import { type Program, startCommand, within } from "./processes.ts";

/** What the option `skip` of a test takes. */
export function skipWithoutRedis(): string | false {
  return skipWithout("redis-server");
}

/** How long a server may take to do what it is told, in ms. */
const PATIENCE = 30_000;

/** A server; `await using` ends it, and removes its data. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly dir: string;
  readonly #args: readonly string[];
  #program: Program;
  #admin: Redis | null = null;

  private constructor(port: number, dir: string, args: readonly string[], program: Program) {
    this.port = port;
    this.dir = dir;
    this.#args = args;
    this.#program = program;
  }

  /** Starts one that takes connections; `args` are settings, such as `["--appendonly", "yes"]`. */
  static async start(args: readonly string[] = []): Promise<RedisServer> {
    const dir = mkdtempSync(join(tmpdir(), "sluice-redis-"));
    for (let tries = 1;; tries++) {
      const port = await freePort();
      try {
        return new RedisServer(port, dir, args, await launch(port, dir, args));
      } catch (error) {
        // Somebody else took the port in between.
        if (tries === 3) throw error;
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** A connection for the test itself. */
  get admin(): Redis {
    if (this.#admin === null) {
      this.#admin = new Redis(this.port, "127.0.0.1", { maxRetriesPerRequest: null, retryStrategy: () => 50 });
      this.#admin.on("error", () => {});
    }
    return this.#admin;
  }

  /** Sends a signal to its process. */
  signal(name: NodeJS.Signals): void {
    this.#program.signal(name);
  }

  /** Ends it at once, as a power cut would its process; its data stays. */
  async kill(): Promise<void> {
    await this.#program.kill();
  }

  /** Starts it again, on the same port and with the same data. */
  async restart(): Promise<void> {
    await this.kill();
    this.#program = await launch(this.port, this.dir, this.#args);
  }

  /** Ends connections of others that fit, such as `["TYPE", "pubsub"]`. */
  async killClients(...filter: readonly string[]): Promise<number> {
    return Number(await this.admin.call("client", "kill", ...filter));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#admin?.disconnect();
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

async function launch(port: number, dir: string, args: readonly string[]): Promise<Program> {
  const program = startCommand([
    toolPath("redis-server")!,
    ...["--port", `${port}`, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--daemonize", "no"],
    ...args,
  ]);
  try {
    await program.line("Ready to accept connections", PATIENCE);
  } catch (error) {
    await program.kill();
    throw error;
  }
  return program;
}

/** Three masters that share the slots; `await using` ends them. */
export class RedisCluster implements AsyncDisposable {
  readonly servers: readonly RedisServer[];

  private constructor(servers: readonly RedisServer[]) {
    this.servers = servers;
  }

  static async start(): Promise<RedisCluster> {
    const servers: RedisServer[] = [];
    for (let i = 0; i < 3; i++) {
      servers.push(await RedisServer.start(["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"]));
    }
    const cluster = new RedisCluster(servers);
    await cluster.#join();
    return cluster;
  }

  get nodes(): { host: string; port: number }[] {
    return this.servers.map(({ port }) => ({ host: "127.0.0.1", port }));
  }

  async #join(): Promise<void> {
    const share = Math.ceil(16_384 / this.servers.length);
    for (const [index, { admin, port }] of this.servers.entries()) {
      await admin.call("cluster", "addslotsrange", `${index * share}`, `${Math.min(16_384, (index + 1) * share) - 1}`);
      await admin.call("cluster", "set-config-epoch", `${index + 1}`);
      if (index > 0) await this.servers[0].admin.call("cluster", "meet", "127.0.0.1", `${port}`);
    }
    const isReady = async ({ admin }: RedisServer) => {
      const info = String(await admin.call("cluster", "info"));
      return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${this.servers.length}`);
    };
    await until(async () => (await Promise.all(this.servers.map(isReady))).every(Boolean), "a cluster that is ready");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) await server[Symbol.asyncDispose]();
  }
}

/** Asks again and again until it is so: other programs don't say when. */
export async function until(isSo: () => Promise<boolean> | boolean, what: string): Promise<void> {
  let isOver = false;
  const asking = (async () => {
    while (!isOver && !await isSo()) await new Promise((resolve) => setTimeout(resolve, 20));
  })();
  await within(asking, PATIENCE, () => what).finally(() => isOver = true);
}

/** A port that leads to one server, and after `turn()` to another: a failover, as clients see it. */
export class Switch implements AsyncDisposable {
  readonly port: number;
  readonly #listener: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #target: number;

  private constructor(listener: net.Server, target: number) {
    this.#listener = listener;
    this.#target = target;
    this.port = (listener.address() as net.AddressInfo).port;
    listener.on("connection", (near) => this.#join(near, net.connect(this.#target, "127.0.0.1")));
  }

  static async open(target: number): Promise<Switch> {
    const listener = net.createServer();
    await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    return new Switch(listener, target);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** From now on it leads there; what was connected is cut. */
  turn(target: number): void {
    this.#target = target;
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(near: net.Socket, far: net.Socket): void {
    for (const [socket, other] of [[near, far], [far, near]]) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#listener.close(resolve));
  }
}
