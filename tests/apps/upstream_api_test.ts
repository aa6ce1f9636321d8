import { after, before, describe, it } from "node:test";
import { assertEquals, assertGreater, assertLessOrEqual, assertMatch } from "@std/assert";
import { type HttpContext, type HttpServer, serveHttp } from "../../src/http/mod.ts";
import { type App, keepAsking, pause, refusal, startApp, until } from "../support/apps.ts";
import { bodyText, type HttpClient, httpRequest } from "../support/http_client.ts";
import { assertWhole } from "../support/http_drained.ts";

/** How long the app keeps a price, in ms: some time even on a machine whose cores are taken. */
const FRESH = 1000;

/** An upstream whose answers depend on what is asked for: `slow-300` takes 300 ms, `broken` fails, and so on. */
class Upstream implements AsyncDisposable {
  /** Calls for each item, and of all orders. */
  readonly calls: Map<string, number> = new Map();
  /** Calls that are being answered, the most there have been, and those whose client went away. */
  active = 0;
  most = 0;
  left = 0;
  /** Every price is refused with 500. */
  isFailing = false;
  #server: HttpServer | null = null;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  count(item: string): number {
    return this.calls.get(item) ?? 0;
  }

  async open(): Promise<this> {
    this.#server = await serveHttp(
      { port: this.#port, hostname: "127.0.0.1" },
      (request, ctx) => this.#answer(request, ctx),
    );
    this.#port = (this.#server.address as { port: number }).port;
    return this;
  }

  async close(): Promise<void> {
    await this.#server?.close();
    this.#server = null;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #answer(request: Request, ctx: HttpContext): Promise<Response> {
    this.most = Math.max(this.most, ++this.active);
    try {
      const item = new URL(request.url).pathname.split("/").at(-1)!;
      this.calls.set(item, this.count(item) + 1);
      return item === "orders" ? await this.#order(request) : await this.#price(item, ctx);
    } finally {
      this.active--;
    }
  }

  async #price(item: string, ctx: HttpContext): Promise<Response> {
    const slow = /^slow-(\d+)/.exec(item);
    if (slow !== null) await pause(Number(slow[1]));
    if (ctx.signal.aborted) this.left++;
    if (item === "none") return new Response("no such item", { status: 404 });
    if (item === "garbage") return new Response("{");
    if (item === "broken" || this.isFailing) return new Response("out of order", { status: 500 });
    if (item.startsWith("flaky") && this.count(item) === 1) return new Response("once", { status: 503 });
    return Response.json({ item, call: this.count(item) });
  }

  /** Takes an order, and answers it piece by piece. */
  async #order(request: Request): Promise<Response> {
    const bytes = (await request.text()).length;
    if (bytes === 13) return new Response("unlucky", { status: 500 });
    if (bytes === 14) await pause(4000);
    const answer = new ReadableStream({
      async start(controller) {
        controller.enqueue(new TextEncoder().encode("taken "));
        await pause(bytes === 15 ? 3500 : 500);
        controller.enqueue(new TextEncoder().encode(`${bytes}`));
        controller.close();
      },
    });
    return new Response(answer, { status: 201 });
  }
}

function start(upstream: Upstream, env: Record<string, string> = {}): Promise<App> {
  return startApp("upstream_api", ["prices"], { UPSTREAM: upstream.url, ...env });
}

describe("The API with an upstream", () => {
  const upstream = new Upstream();
  let app: App;
  before(async () => {
    await upstream.open();
    app = await start(upstream, { FRESH: `${FRESH}`, TIMEOUT: "2500" });
  });
  after(async () => {
    await app[Symbol.asyncDispose]();
    await upstream.close();
  });

  async function price(item: string): Promise<[status: number, body: unknown, stale: string | null]> {
    const response = await fetch(`${app.origin("prices")}/prices/${item}`);
    return [response.status, await response.json(), response.headers.get("x-stale")];
  }

  async function order(bytes: number): Promise<[status: number, body: string]> {
    const response = await fetch(`${app.origin("prices")}/orders`, { method: "POST", body: "x".repeat(bytes) });
    return [response.status, await response.text()];
  }

  it("asks once for all who ask at the same time, and goes on when the first of them leaves", async () => {
    const first = app.client("prices");
    first.ask(httpRequest("/prices/slow-600"));
    await until(() => "the call", () => upstream.count("slow-600") === 1);
    const others = Array.from({ length: 20 }, () => price("slow-600"));
    first.net.reset();
    for (const other of others) assertEquals(await other, [200, { item: "slow-600", call: 1 }, null]);
    assertEquals([upstream.count("slow-600"), upstream.left], [1, 0]);
  });

  it("keeps what it got while that is fresh, and asks again then", async () => {
    for (let item = "tea";; item += "-again") {
      const began = performance.now();
      const both = [await price(item), await price(item)];
      if (performance.now() - began > FRESH) continue;
      assertEquals(both, [[200, { item, call: 1 }, null], [200, { item, call: 1 }, null]]);
      await pause(FRESH + 50);
      assertEquals(await price(item), [200, { item, call: 2 }, null]);
      break;
    }
  });

  it("tries a failure once again, and an answer never", async () => {
    assertEquals(await price("flaky"), [200, { item: "flaky", call: 2 }, null]);
    assertEquals(await price("broken"), [502, { error: "the upstream fails" }, null]);
    assertEquals(await price("garbage"), [502, { error: "the upstream fails" }, null]);
    assertEquals(await price("none"), [404, { error: "no such item" }, null]);
    assertEquals([upstream.count("broken"), upstream.count("garbage"), upstream.count("none")], [2, 2, 1]);
  });

  it("gives up a call that takes too long with 504, and doesn't ask again", async () => {
    assertEquals(await price("slow-4000"), [504, { error: "the upstream is too slow" }, null]);
    assertEquals(upstream.count("slow-4000"), 1);
  });

  it("gives the last price known, and says so, while the upstream fails or is down", async () => {
    const [, coffee] = await price("coffee");
    await pause(FRESH + 50);
    upstream.isFailing = true;
    assertEquals(await price("coffee"), [200, coffee, "the upstream fails"]);
    upstream.isFailing = false;
    await upstream.close();
    assertEquals(await price("coffee"), [200, coffee, "the upstream fails"]);
    assertEquals(await price("cocoa"), [502, { error: "the upstream fails" }, null]);
    assertEquals((await order(100))[0], 502);
    assertEquals((await fetch(`${app.origin("prices")}/readyz`)).status, 200);
    await upstream.open();
    assertEquals((await price("coffee")).slice(0, 2), [200, { item: "coffee", call: upstream.count("coffee") }]);
    assertEquals((await price("cocoa"))[0], 200);
  });

  it("calls the upstream sixteen times at once at the most", async () => {
    await until(() => `${upstream.active} calls to end`, () => upstream.active === 0);
    upstream.most = 0;
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => price(`slow-100-${i}`)));
    assertEquals(answers.filter(([status]) => status !== 200), []);
    assertGreater(upstream.most, 4);
    assertLessOrEqual(upstream.most, 16);
  });

  it("passes an order on once, and its answer as it streams", async () => {
    const client = app.client("prices");
    client.ask(httpRequest("/orders", { body: "x".repeat(200_000) }));
    await client.net.until("the answer's first piece", () => client.reader.bodyBytes > 0);
    assertEquals([client.answered, client.reader.bodyBytes], [0, 6]);
    const answer = await client.answer();
    assertEquals([answer.status, bodyText(answer)], [201, "taken 200000"]);

    const calls = upstream.count("orders");
    assertEquals(await order(13), [500, "unlucky"]);
    assertEquals(await order(14), [504, '{"error":"the upstream is too slow"}']);
    assertEquals(await order(15), [201, "taken 15"]);
    assertEquals(upstream.count("orders"), calls + 3);
    assertEquals((await order(2_000_000))[0], 413);
    const untold = app.client("prices");
    untold.ask(httpRequest("/orders", { method: "POST", headers: { "Transfer-Encoding": "chunked" } }));
    for (let i = 0; i < 20; i++) untold.more(`10000\r\n${"x".repeat(65_536)}\r\n`);
    assertEquals((await untold.answer()).status, 413);
  });

  it("refuses what it doesn't serve", async () => {
    const paths = ["/", "/prices/", "/prices/a%20b", "/prices/a/b", "/orders"];
    for (const path of paths) assertEquals((await fetch(app.origin("prices") + path)).status, 404, path);
  });
});

describe("The API with an upstream, on SIGTERM", () => {
  it("answers all that wait for the upstream, and leaves it no call behind", async () => {
    await using upstream = await new Upstream().open();
    await using app = await start(upstream);
    const clients = Array.from({ length: 6 }, () => app.client("prices"));
    for (const [i, client] of clients.entries()) keepPricing(client, i);
    const order = app.client("prices");
    order.ask(httpRequest("/orders", { body: "x".repeat(2000) }).slice(0, -1000));
    const slow = app.client("prices");
    slow.ask(httpRequest("/prices/slow-1500"));
    await until(() => "prices", () => clients.every(({ answered }) => answered > 5));

    app.terminate();
    await until(() => "the drain", () => app.program.stderr.includes("Got SIGTERM"));
    order.more("x".repeat(1000));
    for (const client of [...clients, order, slow]) await client.over(20_000);
    await app.ended();
    assertWhole([...clients, order, slow], "prices and an order");
    assertEquals([bodyText(order.answers[0]), order.answers[0].status], ["taken 2000", 201]);
    assertEquals(bodyText(slow.answers[0]), '{"item":"slow-1500","call":1}');
    assertEquals([upstream.left, upstream.active], [0, 0]);
  });

  it("does not begin with settings that are none", async () => {
    assertMatch(await refusal("upstream_api", { UPSTREAM: "localhost:9000" }), /UPSTREAM must be a URL/);
    assertMatch(await refusal("upstream_api", { TIMEOUT: "60000" }), /TIMEOUT must be a number from 0 to 5000/);
  });
});

/** Asks for one price after the other, each of which takes a while. */
function keepPricing(client: HttpClient, number: number): void {
  let item = "";
  const next = () => {
    item = `slow-${Math.floor(Math.random() * 200)}-${number}-${client.asked}`;
    return httpRequest(`/prices/${item}`);
  };
  keepAsking(client, next, (answer) => {
    assertEquals([answer.status, bodyText(answer)], [200, JSON.stringify({ item, call: 1 })]);
  });
}
