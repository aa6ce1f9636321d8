/**
 * The programs that `sluice init` writes, behind the proxies whose configurations it writes, during a SIGTERM: two
 * instances, of which one stops under traffic that never ceases. The times are those of the files.
 */
import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { ChannelClient } from "../../src/channels/client/mod.ts";
import { connectWebSocket, type WebSocketConn, webSocketTransport } from "../../src/websocket/mod.ts";
import type { Kind } from "../../src/cli/init/plan.ts";
import { TIMES } from "../../src/cli/init/times.ts";
import type { App } from "../support/apps.ts";
import { HttpClient, httpRequest } from "../support/http_client.ts";
import { pause } from "../support/http_loads.ts";
import { type Proxy, proxyOf } from "../support/http_proxies.ts";
import { skipUnless, skipWithout } from "../support/http_tools.ts";
import { Project } from "../support/init_project.ts";
import { within } from "../support/processes.ts";

type ProxyName = "haproxy" | "nginx";

const CLIENTS = 12;

const CHANNELS_ENV = { CHANNELS_SECRET: "the secret of these tests" };

/** The lines of a configuration that name the program: once for each of these ports. */
function withServers(name: ProxyName, text: string, plan: Project["plan"], places: readonly Place[]): string {
  const line = name === "haproxy" ? /^ +server app1 .*$/m : /^ +server 127\.0\.0\.1.*$/m;
  const [found] = line.exec(text)!;
  const servers = places.map(({ port, health }, i) =>
    found.replace("app1", `app${i + 1}`).replace(`:${plan.port}`, `:${port}`)
      .replace(`port ${plan.healthPort}`, `port ${health}`)
  );
  return text.replace(found, servers.join("\n"));
}

/** Where an instance listens. */
interface Place {
  readonly port: number;
  readonly health: number;
}

function placeOf(app: App, kind: Kind): Place {
  const port = app.port("shop");
  return { port, health: kind === "tcp" ? app.port("health") : port };
}

/** Fulfils when somebody behind the proxy answers a line. */
async function answersLines(port: number): Promise<void> {
  for (;;) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => socket.write("there?\n"));
      socket.once("data", () => resolve(true)).once("close", () => resolve(false)).on("error", () => {});
      socket.once("data", () => socket.destroy());
    });
    if (isThere) return;
    await pause(20);
  }
}

/** Starts two instances behind a proxy, and hands them to `act`. */
async function behind(name: ProxyName, kind: Kind, act: (proxy: Proxy, apps: readonly App[]) => Promise<void>) {
  using project = new Project({ kind, deploy: [name] });
  const env = { LAME_DUCK: String(TIMES.lameDuck) };
  await using first = await project.start(env);
  await using second = await project.start(env);
  const apps = [first, second];
  const file = project.read(name === "haproxy" ? "deploy/haproxy.cfg" : "deploy/nginx.conf");
  const text = withServers(name, file, project.plan, apps.map((app) => placeOf(app, kind)));
  const at = name === "haproxy" ? `bind :${project.plan.proxyPort}` : `listen ${project.plan.proxyPort}`;
  await using proxy = await proxyOf(name, text, at, kind === "tcp" ? answersLines : undefined);
  await act(proxy, apps);
}

/** How long clients think at the least and beyond that, in ms: a goodbye comes behind an answer, through a proxy. */
const THINKING = 40;

/** Takes messages until this one comes; false if none will come any more. */
async function hears(ws: WebSocketConn, text: string): Promise<boolean> {
  for (;;) {
    const { value, done } = await ws.next();
    if (done || value === text) return !done;
  }
}

/** A client of the line server: one line at a time. */
class LineClient {
  readonly #socket: Socket;
  #received = "";
  hasEnded = false;
  #wake: () => void = () => {};

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1").setEncoding("utf8");
    this.#socket.on("data", (text: string) => this.#changed(() => this.#received += text));
    this.#socket.on("end", () => this.#changed(() => this.hasEnded = true));
    this.#socket.on("error", (error) => this.#changed(() => this.#received += `${error.message}\n`));
  }

  /** Sends a line; gives the answer, or what came in its place. */
  async ask(line: string): Promise<string> {
    this.#received = "";
    this.#socket.write(`${line}\n`);
    while (!this.#received.endsWith("\n") && !this.hasEnded) await new Promise<void>((wake) => this.#wake = wake);
    return this.#received;
  }

  close(): void {
    this.#socket.destroy();
  }

  #changed(note: () => void): void {
    note();
    this.#wake();
  }
}

/** Requests, or lines, one after the other by each of the clients, until it is told to stop. */
class Traffic {
  answered = 0;
  readonly failures: string[] = [];
  #stopped = false;
  readonly #all: Promise<unknown>;

  /** @param ask Fails if it got no right answer. */
  constructor(ask: (client: number, number: number) => Promise<void>) {
    this.#all = Promise.all(Array.from({ length: CLIENTS }, (_, client) => this.#loop((n) => ask(client, n))));
  }

  /** Lets so many more be answered. */
  async more(count: number): Promise<void> {
    const goal = this.answered + count;
    const wait = async () => {
      while (this.answered < goal && this.failures.length === 0) await pause(10);
    };
    await within(wait(), 60_000, () => `${this.answered} of ${goal}`);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await within(this.#all, 30_000, () => "the last answers");
  }

  async #loop(ask: (number: number) => Promise<void>): Promise<void> {
    for (let number = 0; !this.#stopped; number++) {
      try {
        await ask(number);
        this.answered++;
      } catch (error) {
        this.failures.push(`after ${this.answered}: ${(error as Error).message}`);
        return;
      }
      await pause(Math.random() * 10);
    }
  }
}

/** One instance stops while the traffic goes on; nothing fails, and the other one has all of it at the end. */
async function assertNothingLost(traffic: Traffic, [first]: readonly App[]): Promise<void> {
  await traffic.more(200);
  first.terminate();
  await first.ended();
  await traffic.more(200);
  await traffic.stop();
  assertEquals(traffic.failures, []);
  assertGreater(traffic.answered, 400);
}

for (const name of ["haproxy", "nginx"] as const) {
  describe(`behind ${name}, as sluice init configures it`, { skip: skipWithout(name) }, () => {
    it(`${name === "nginx" ? "GETs" : "HTTP requests, POSTs among them,"} lose nothing when one of two is stopped`, async () => {
      await behind(name, "http", async (proxy, apps) => {
        const traffic = new Traffic(async (_client, number) => {
          const post = { method: "POST", body: "x".repeat(3000) };
          const answer = await fetch(proxy.origin, number % 2 === 0 || name === "nginx" ? {} : post);
          assertEquals([answer.status, await answer.text()], [200, "hello from shop\n"]);
        });
        await assertNothingLost(traffic, apps);
      });
    });

    it("WebSockets get every message answered, 1001 from the one that stops, and the other one at their next try", async () => {
      await behind(name, "ws", async (proxy, apps) => {
        const url = `${proxy.origin.replace("http", "ws")}/ws`;
        const sockets = await Promise.all(Array.from({ length: CLIENTS }, () => connectWebSocket(url)));
        const goodbyes: number[] = [];
        const traffic = new Traffic(async (client, number) => {
          const text = `${client}.${number}`;
          await sockets[client].send(text);
          assert(await hears(sockets[client], text), `${text} was not answered`);
          await pause(THINKING * (1 + Math.random()));
          if (sockets[client].state === "open") return;
          goodbyes.push((await sockets[client].closed).code);
          sockets[client] = await connectWebSocket(url);
        });
        await assertNothingLost(traffic, apps);
        assertGreater(goodbyes.length, 0);
        assertEquals(goodbyes.filter((code) => code !== 1001), []);
        await Promise.all(sockets.map((ws) => ws.close()));
      });
    });
  });
}

for (const name of ["haproxy", "nginx"] as const) {
  describe(`channels behind ${name}, as sluice init configures it`, { skip: skipWithout(name) }, () => {
    it("lose nothing when their server is stopped, or killed, and started again", async () => {
      using project = new Project({ kind: "channels", deploy: [name] });
      let app = await project.start(CHANNELS_ENV);
      const env = { ...CHANNELS_ENV, PORT: String(app.port("shop")) };
      const file = project.read(name === "haproxy" ? "deploy/haproxy.cfg" : "deploy/nginx.conf");
      const text = withServers(name, file, project.plan, [placeOf(app, "channels")]);
      const at = name === "haproxy" ? `bind :${project.plan.proxyPort}` : `listen ${project.plan.proxyPort}`;
      await using proxy = await proxyOf(name, text, at);
      const url = `${proxy.origin.replace("http", "ws")}/channels`;
      const quick = { transport: webSocketTransport(), minDelay: 50, maxDelay: 500 };
      const clients = Array.from(
        { length: CLIENTS },
        (_, i) => new ChannelClient(url, { ...quick, token: `user ${i}` }),
      );
      const heard: unknown[] = [];
      try {
        const room = clients[0].subscribe("room:lobby", { since: "oldest" });
        room.on("message", ({ data }) => heard.push(data));
        room.on("gap", ({ reason }) => heard.push(reason));
        const traffic = new Traffic(async (client, number) => {
          await clients[client].publish("room:lobby", `${client}.${number}`);
        });
        await traffic.more(100);
        await app.stop();
        app = await project.start(env);
        await traffic.more(100);
        await app.program.kill();
        app = await project.start(env);
        await traffic.more(100);
        await traffic.stop();
        assertEquals(traffic.failures, []);
        const all = async () => {
          while (heard.length < traffic.answered) await pause(20);
        };
        await within(all(), 30_000, () => `${heard.length} of ${traffic.answered}`);
        for (let client = 0; client < CLIENTS; client++) {
          const own = heard.filter((one) => String(one).startsWith(`${client}.`));
          assertEquals(own, own.map((_, number) => `${client}.${number}`));
        }
        assertEquals(heard.length, traffic.answered);
      } finally {
        await Promise.all(clients.map((client) => client.close()));
        await app.program.kill();
      }
    });
  });
}

/** The children of a process. */
function childrenOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
}

/** Writes `down` behind the first server, and lets nginx load that; fulfils when no old worker is left. */
async function takeOut(proxy: Proxy, port: number): Promise<void> {
  const old = childrenOf(proxy.program.pid);
  const text = readFileSync(proxy.file, "utf8");
  writeFileSync(proxy.file, text.replace(`server 127.0.0.1:${port} `, `server 127.0.0.1:${port} down `));
  proxy.program.signal("SIGHUP");
  const gone = async () => {
    while (childrenOf(proxy.program.pid).some((pid) => old.includes(pid))) await pause(20);
  };
  await within(gone(), 60_000, () => `new workers of nginx\n${proxy.program.stderr}`);
}

describe("behind nginx, a server that was taken out first", { skip: skipWithout("nginx") }, () => {
  it("loses no request when it is stopped, POSTs among them", async () => {
    await behind("nginx", "http", async (proxy, apps) => {
      // One connection each: nginx closes those that its clients keep alive when it is loaded anew.
      const post = { method: "POST", headers: { Connection: "close" }, body: "x".repeat(3000) };
      const traffic = new Traffic(async (_client, number) => {
        const client = new HttpClient(proxy.port);
        try {
          const { headers } = post;
          const { status } = await client.fetch(httpRequest("/", number % 2 === 0 ? { headers } : post), 60_000);
          assertEquals(status, 200);
        } finally {
          client.close();
        }
      });
      await traffic.more(50);
      await takeOut(proxy, apps[0].port("shop"));
      await assertNothingLost(traffic, apps);
    });
  });
});

const STREAM = skipUnless(
  ["test", "-e", "/usr/lib/nginx/modules/ngx_stream_module.so"],
  "libnginx-mod-stream",
);

for (const name of ["haproxy", "nginx"] as const) {
  const skip = skipWithout(name) || (name === "nginx" ? STREAM : false);
  describe(`lines behind ${name}, as sluice init configures it`, { skip }, () => {
    it("are all answered when one of two is stopped, and those who come back find the other one", async () => {
      await behind(name, "tcp", async (proxy, apps) => {
        const clients = Array.from({ length: CLIENTS }, () => new LineClient(proxy.port));
        let farewells = 0;
        const traffic = new Traffic(async (client, number) => {
          assertEquals(await clients[client].ask(`${client}.${number}`), `echo: ${client}.${number}\n`);
          // Goodbye comes with the last answer, or right behind it.
          await pause(THINKING * (1 + Math.random()));
          if (!clients[client].hasEnded) return;
          farewells++;
          clients[client].close();
          clients[client] = new LineClient(proxy.port);
        });
        await assertNothingLost(traffic, apps);
        assertGreater(farewells, 0);
        for (const client of clients) client.close();
      });
    });
  });
}
