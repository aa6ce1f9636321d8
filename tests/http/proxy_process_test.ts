import { describe, it } from "node:test";
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import type { HttpSetup } from "../programs/http_server.ts";
import { HttpClient } from "../support/http_client.ts";
import { type HttpDrained, httpDrained } from "../support/http_drained.ts";
import { type Exchange, getting, keepAsking, pause, posting, streaming, waiting } from "../support/http_loads.ts";
import { CHECK_FALL, CHECK_INTERVAL, haproxy, healthy, nginx, type Proxy } from "../support/http_proxies.ts";
import { skipWithout } from "../support/http_tools.ts";
import { within } from "../support/processes.ts";

const BODY = "0123456789abcdef".repeat(4096);
const RESTARTS = 10;
/** Long enough for the balancer to notice, twice over; after it, idle connections may still be asked once. */
const LAME_DUCK = 4 * CHECK_INTERVAL * CHECK_FALL;
const IDLE_GRACE = LAME_DUCK + 200;

/** Sends requests of all kinds through a proxy: 16 at a time, each checked. */
async function traffic(proxy: Proxy, requests: number): Promise<Set<string>[]> {
  const ids: Set<string>[] = [new Set(), new Set()];
  const kinds: ((i: number) => Promise<void>)[] = [
    async () => assertEquals(await (await fetch(`${proxy.origin}/`)).text(), "hello world"),
    async () => {
      const echo = await fetch(`${proxy.origin}/echo`, { method: "POST", body: BODY });
      assertEquals((await echo.text()) === BODY, true);
    },
    async () => assertEquals(await (await fetch(`${proxy.origin}/stream?n=3&ms=1`)).text(), "0\n1\n2\n"),
    async () => {
      const { id } = await (await fetch(`${proxy.origin}/request`)).json();
      ids[0].add(id.split("-")[0]);
      ids[1].add(id);
    },
    async () => {
      const upload = await fetch(`${proxy.origin}/upload`, { method: "POST", body: BODY });
      assertEquals(await upload.text(), `${BODY.length} bytes`);
    },
    async (i) => assertEquals(await (await fetch(`${proxy.origin}/slow?ms=${i % 9}`)).text(), `slept ${i % 9}`),
    async () => assertEquals((await fetch(`${proxy.origin}/nowhere`)).status, 404),
    async () => {
      const head = await fetch(`${proxy.origin}/big?bytes=5000`, { method: "HEAD" });
      assertEquals([head.status, head.headers.get("content-length")], [200, "5000"]);
    },
  ];
  let next = 0;
  const worker = async () => {
    for (let i = next++; i < requests; i = next++) await kinds[i % kinds.length](i);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  return ids;
}

/** Traffic through a proxy to one server, over backend connections that are used again. */
async function forwardsAll(start: (ports: readonly number[]) => Promise<Proxy>): Promise<void> {
  await using server = await httpDrained({ http: { idleGrace: 300 }, run: { grace: 4000 } });
  await using proxy = await start([server.port]);
  const [connections, ids] = await traffic(proxy, 640);
  assertEquals(ids.size, 80);
  assertLess(connections.size, 40);
  const { report, ran } = await server.stop();
  const { statuses } = ran.stats;
  // A balancer's health check that comes while the server drains is told 503, as it should be: only those are 5xx.
  assertEquals([report.clean, statuses["4xx"]], [true, 80]);
  assertGreater(statuses["2xx"], 560);
}

describe("an HTTP server behind HAProxy with connections kept alive", { skip: skipWithout("haproxy") }, () => {
  it("serves 640 requests of all kinds without an error", () => forwardsAll(haproxy));
});

describe("an HTTP server behind nginx with connections kept alive", { skip: skipWithout("nginx") }, () => {
  it("serves 640 requests of all kinds without an error", () => forwardsAll(nginx));
});

/** Clients of a proxy that never stop asking. */
class Load implements Disposable {
  readonly clients: HttpClient[] = [];
  readonly #port: number;
  #stopped = false;

  constructor(port: number, clients: number) {
    this.#port = port;
    for (let i = 0; i < clients; i++) this.#start(i);
  }

  get answered(): number {
    return this.clients.reduce((sum, client) => sum + client.answered, 0);
  }

  /** What went wrong: other answers than the right ones, and requests without one. */
  get failures(): string[] {
    return this.clients.filter((client) => client.problem !== null || !client.isOpen)
      .map((client) => client.describe());
  }

  /** Lets each finish the request it has. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await within(this.#idle(), 5000, () => this.failures.join("\n"));
  }

  [Symbol.dispose](): void {
    this.#stopped = true;
    for (const client of this.clients) client.close();
  }

  async #idle(): Promise<void> {
    while (this.clients.some((client) => client.asked > client.answered && client.problem === null)) await pause(5);
  }

  #start(i: number): void {
    const client = new HttpClient(this.#port);
    this.clients.push(client);
    const kinds = [getting, () => posting("x".repeat(2000)), () => waiting(30), () => streaming(4, 5)];
    const next = (): Exchange | null => this.#stopped ? null : kinds[(i + client.asked) % kinds.length]();
    keepAsking(client, 8, next);
  }
}

describe("a rolling restart behind HAProxy", { skip: skipWithout("haproxy") }, () => {
  it(`of two servers, ${RESTARTS} SIGTERMs in turn under constant load, fails no request`, async () => {
    const setup = (port?: number): HttpSetup => ({
      http: { port, idleGrace: IDLE_GRACE },
      run: { grace: 5000, lameDuck: LAME_DUCK },
    });
    const servers: HttpDrained[] = await Promise.all([httpDrained(setup()), httpDrained(setup())]);
    try {
      await using proxy = await haproxy(servers.map(({ port }) => port));
      await healthy(proxy, 2);
      using load = new Load(proxy.port, 20);
      await pause(200);
      for (let i = 0; i < RESTARTS; i++) {
        const { port } = servers[i % 2];
        const before = load.answered;
        const { report, ran } = await servers[i % 2].stop();
        assertEquals([report.clean, report.reports[0].connections.cut], [true, 0]);
        assertGreater(ran.stats.requests, 20);
        assertGreater(load.answered - before, 20);
        servers[i % 2] = await httpDrained(setup(port));
        // As in any rolling restart, the balancer has taken it up before the other one goes.
        await healthy(proxy, 2);
        assertEquals(load.failures, [], `restart ${i}`);
      }
      await load.stop();
      assertEquals(load.clients.filter((client) => client.problem !== null).map((client) => client.describe()), []);
      assertGreater(load.answered, 50 * RESTARTS);
    } finally {
      for (const server of servers) await server[Symbol.asyncDispose]();
    }
  });
});
