/** Redis servers that tests start, end, stop and break: on loopback, with their data in a folder of their own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
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

function launch(port: number, dir: string, args: readonly string[]): Promise<Program> {
  const own = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--daemonize", "no"];
  return begin([...own, ...args], "Ready to accept connections");
}

/** @param line Says that it is there. */
async function begin(args: readonly string[], line: string): Promise<Program> {
  const program = startCommand([toolPath("redis-server")!, ...args]);
  try {
    await program.line(line, PATIENCE);
  } catch (error) {
    await program.kill();
    throw error;
  }
  return program;
}

/** What a replica has of its master at once, as far as the two keep up. */
const REPLICATED = ["--repl-diskless-sync-delay", "0"];

/** A replica has a connection to its master. */
export async function linked({ admin }: RedisServer): Promise<void> {
  await until(async () => (await admin.info("replication")).includes("master_link_status:up"), "a replica");
}

/** Replicas have all that a master has. */
export async function even({ admin }: RedisServer, replicas = 1): Promise<void> {
  // It waits for what this connection has written, and all before that.
  await admin.publish("even", "1");
  await until(async () => Number(await admin.call("wait", `${replicas}`, "100")) >= replicas, "replicas");
}

/** A master, a replica, and sentinels that watch over both; `await using` ends them. */
export class RedisSentinels implements AsyncDisposable {
  readonly name = "main";
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  readonly #programs: readonly Program[];
  readonly #dir: string;
  readonly #admin: Redis;

  private constructor(
    parts: Pick<RedisSentinels, "master" | "replica">,
    ports: number[],
    programs: Program[],
    dir: string,
  ) {
    this.master = parts.master;
    this.replica = parts.replica;
    this.sentinels = ports.map((port) => ({ host: "127.0.0.1", port }));
    this.#programs = programs;
    this.#dir = dir;
    this.#admin = new Redis(ports[0], "127.0.0.1", { maxRetriesPerRequest: null });
    this.#admin.on("error", () => {});
  }

  static async start(): Promise<RedisSentinels> {
    const master = await RedisServer.start(REPLICATED);
    const replica = await RedisServer.start([...REPLICATED, "--replicaof", "127.0.0.1", `${master.port}`]);
    await linked(replica);
    const dir = mkdtempSync(join(tmpdir(), "sluice-sentinels-"));
    const [ports, programs]: [number[], Program[]] = [[], []];
    for (let i = 0; i < 3; i++) {
      const port = await freePort();
      ports.push(port);
      programs.push(await launchSentinel(port, join(dir, `${i}.conf`), master.port));
    }
    const all = new RedisSentinels({ master, replica }, ports, programs, dir);
    await all.#meet();
    return all;
  }

  /** Asks for a failover, and waits until it is done. */
  async failOver(): Promise<void> {
    await until(async () => {
      // It says no while it has not heard of the replica of late.
      return await this.#ask("failover", this.name).then((answer) => answer === "OK", () => false);
    }, "a failover that has begun");
    await this.promoted();
  }

  /** Waits until the replica is the master. */
  async promoted(): Promise<void> {
    await until(async () => {
      const [, port] = await this.#ask("get-master-addr-by-name", this.name) as readonly string[];
      return Number(port) === this.replica.port;
    }, "another master");
    await until(async () => (await this.replica.admin.info("replication")).includes("role:master"), "a master");
  }

  async #meet(): Promise<void> {
    const fields = async (what: string) => (await this.#ask(what, this.name) as readonly unknown[]).length;
    await until(
      async () => await fields("sentinels") === 2 && await fields("replicas") === 1,
      "sentinels that know all",
    );
  }

  #ask(...words: readonly string[]): Promise<unknown> {
    return this.#admin.call("sentinel", ...words);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#admin.disconnect();
    for (const program of this.#programs) await program.kill();
    for (const server of [this.master, this.replica]) await server[Symbol.asyncDispose]();
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

/** It writes its settings anew, so they are a file. */
function launchSentinel(port: number, file: string, master: number): Promise<Program> {
  const lines = [
    `port ${port}`,
    "bind 127.0.0.1",
    "daemonize no",
    `sentinel monitor main 127.0.0.1 ${master} 2`,
    "sentinel down-after-milliseconds main 1000",
    "sentinel failover-timeout main 6000",
  ];
  writeFileSync(file, `${lines.join("\n")}\n`);
  return begin([file, "--sentinel"], "+monitor master");
}

/** What a cluster is made of. */
export interface ClusterOptions {
  /** The first of them has a replica. @default false */
  readonly replica?: boolean;
  /** Settings of each server. @default none */
  readonly args?: readonly string[];
}

/** Three masters that share the slots; `await using` ends them. */
export class RedisCluster implements AsyncDisposable {
  /** The masters. */
  readonly servers: readonly RedisServer[];
  /** Of the first master. */
  readonly replica: RedisServer | null;

  private constructor(servers: readonly RedisServer[], replica: RedisServer | null) {
    this.servers = servers;
    this.replica = replica;
  }

  static async start({ replica = false, args = [] }: ClusterOptions = {}): Promise<RedisCluster> {
    const servers: RedisServer[] = [];
    for (let i = 0; i < (replica ? 4 : 3); i++) {
      const own = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", ...REPLICATED, ...args];
      servers.push(await RedisServer.start(own));
    }
    const cluster = new RedisCluster(servers.slice(0, 3), servers[3] ?? null);
    await cluster.#join();
    return cluster;
  }

  /** A name of a stream whose keys are on the first master. */
  async nameOnFirst(prefix: string): Promise<string> {
    const share = Math.ceil(16_384 / this.servers.length);
    for (let n = 1;; n++) {
      const slot = await this.servers[0].admin.cluster("KEYSLOT", `{sluice:${prefix}${n}}`);
      if (Number(slot) < share) return `${prefix}${n}`;
    }
  }

  /** Waits until the replica is the master of what the first master had. */
  async promoted(): Promise<void> {
    const { admin } = this.replica!;
    await until(async () => (await admin.info("replication")).includes("role:master"), "a replica that is promoted");
    for (const { admin } of [...this.servers.slice(1), this.replica!]) {
      await until(
        async () => String(await admin.call("cluster", "info")).includes("cluster_state:ok"),
        "a whole cluster",
      );
    }
  }

  get nodes(): { host: string; port: number }[] {
    return this.servers.map(({ port }) => ({ host: "127.0.0.1", port }));
  }

  async #join(): Promise<void> {
    const share = Math.ceil(16_384 / this.servers.length);
    for (const [index, { admin, port }] of this.servers.entries()) {
      await admin.call("cluster", "addslotsrange", `${index * share}`, `${Math.min(16_384, (index + 1) * share) - 1}`);
      await admin.call("cluster", "set-config-epoch", `${index + 1}`);
      if (index > 0) await this.#meet(port);
    }
    if (this.replica !== null) await this.#meet(this.replica.port);
    const all = this.#all;
    const isReady = async ({ admin }: RedisServer) => {
      const info = String(await admin.call("cluster", "info"));
      return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${all.length}`);
    };
    await until(async () => (await Promise.all(all.map(isReady))).every(Boolean), "a cluster that is ready");
    if (this.replica !== null) await this.#follow(this.replica);
  }

  get #all(): readonly RedisServer[] {
    return this.replica === null ? this.servers : [...this.servers, this.replica];
  }

  async #meet(port: number): Promise<void> {
    await this.servers[0].admin.call("cluster", "meet", "127.0.0.1", `${port}`);
  }

  async #follow(replica: RedisServer): Promise<void> {
    const id = String(await this.servers[0].admin.call("cluster", "myid"));
    await replica.admin.call("cluster", "replicate", id);
    await linked(replica);
    // The others have to know it for one: they will vote.
    for (const { admin } of this.servers) {
      await until(
        async () => String(await admin.call("cluster", "nodes")).includes(`slave ${id}`),
        "masters that know the replica",
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#all) await server[Symbol.asyncDispose]();
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
