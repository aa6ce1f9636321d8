/** What is counted, of what happens in memory and in virtual time. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { OptionError, silentLogger } from "../../mod.ts";
import { createHttpServer, healthHandler, reply } from "../../src/http/mod.ts";
import { lastScrape, Metrics, type MetricsOptions } from "../../src/metrics/mod.ts";
import { Hub } from "../../src/websocket/mod.ts";
import { drain, Gate, httpWorld, pathOf, request } from "../support/http_world.ts";
import { echo, wsWorld } from "../support/websocket_world.ts";
import { world } from "../support/world.ts";

/** The lines of a text that begin with `name`, without their order mattering. */
function linesOf(text: string, name: string): string[] {
  return text.split("\n").filter((line) => line.startsWith(name)).sort();
}

/** The value of one series: its name and labels as they stand in the text. */
function valueOf(text: string, series: string): number {
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  if (line === undefined) throw new Error(`There is no ${series} in\n${text}`);
  return Number(line.slice(series.length + 1));
}

describe("Metrics of requests", () => {
  it("counts each by method, status, route, protocol and error, and never by its path", async () => {
    await using w = await httpWorld((req, ctx) => {
      const path = pathOf(req);
      if (path.startsWith("/users/")) ctx.route = "/users/:id";
      if (path === "/bad") throw new Error("boom");
      return path === "/slow" ? w.sleep(30).then(() => reply("slow")) : reply(path);
    });
    const metrics = new Metrics({ servers: [w.server] });
    const asked = ["/users/1", "/users/2", "/other", "/bad", "/slow"].map((path) => request(path));
    await w.ask([...asked, request("/users/3", { method: "BREW" }), request("/old", { version: "1.0" })], 100);
    const text = await metrics.text();
    const common = 'url_scheme="http",http_response_status_code="200"';
    const server = 'network_protocol_version="1.1",sluice_server="http"';
    const count = (pairs: string): number => valueOf(text, `http_server_request_duration_seconds_count{${pairs}}`);
    assertEquals(count(`http_request_method="GET",${common},http_route="/users/:id",${server}`), 2);
    assertEquals(count(`http_request_method="GET",${common},${server}`), 2);
    assertEquals(count(`http_request_method="_OTHER",${common},http_route="/users/:id",${server}`), 1);
    const bad = 'http_request_method="GET",url_scheme="http",http_response_status_code="500"';
    assertEquals(count(`${bad},network_protocol_version="1.1",error_type="500",sluice_server="http"`), 1);
    const old = 'http_request_method="GET",url_scheme="http",http_response_status_code="200"';
    assertEquals(count(`${old},network_protocol_version="1.0",sluice_server="http"`), 1);
    assert(!text.includes("/users/1"));
    const buckets = linesOf(
      text,
      `http_server_request_duration_seconds_bucket{http_request_method="GET",${common},net`,
    );
    const at = (le: string): string => buckets.find((line) => line.includes(`le="${le}"`) && line.includes("1.1"))!;
    assertEquals([at("0.025").at(-1), at("0.05").at(-1), at("+Inf").at(-1)], ["1", "2", "2"]);
    assertEquals(valueOf(text, 'sluice_http_handler_errors_total{sluice_server="http"}'), 1);
    metrics.close();
  });

  it("tells those under way, and of those that wait", async () => {
    const gate = new Gate();
    await using w = await httpWorld(async () => {
      await gate.promise;
      return reply("ok");
    }, { maxConcurrentRequests: 1 });
    const metrics = new Metrics({ servers: [w.server] });
    await w.ask(request("/"));
    await w.ask(request("/"));
    const active = 'http_server_active_requests{http_request_method="GET",url_scheme="http",sluice_server="http"}';
    const queued = 'sluice_queued_requests{sluice_server="http"}';
    const before = await metrics.text();
    assertEquals([valueOf(before, active), valueOf(before, queued)], [2, 1]);
    gate.open();
    await w.pass(20);
    const after = await metrics.text();
    assertEquals([valueOf(after, active), valueOf(after, queued)], [0, 0]);
    metrics.close();
  });

  it("counts bytes of bodies and of connections, and what was refused", async () => {
    await using w = await httpWorld(async (req) => reply(await req.text()));
    const metrics = new Metrics({ servers: [w.server] });
    const peer = await w.ask(request("/", { body: "four" }));
    await w.ask("nonsense\r\n\r\n");
    const text = await metrics.text();
    const body = (direction: string): number =>
      valueOf(text, `sluice_http_body_io_bytes_total{network_io_direction="${direction}",sluice_server="http"}`);
    assertEquals([body("receive"), body("transmit")], [4, 4]);
    const io = 'sluice_connection_io_bytes_total{network_io_direction="receive",sluice_server="http"}';
    const received = valueOf(text, io);
    assert(received > 60);
    assertMatch(text, /sluice_http_refused_requests_total\{reason="[a-zA-Z]+",sluice_server="http"\} 1\n/);
    await w.until(peer.conn.close());
    await w.pass(100);
    assertEquals(valueOf(await metrics.text(), io), received);
    metrics.close();
  });

  it("gives an aborted request the error's word, and status none", async () => {
    await using w = await httpWorld(() => w.sleep(50).then(() => reply("late")));
    const metrics = new Metrics({ servers: [w.server] });
    const peer = await w.ask(request("/"));
    peer.conn.abort();
    await w.pass(100);
    const text = await metrics.text();
    const [line] = linesOf(text, "http_server_request_duration_seconds_count");
    assertMatch(line, /error_type="ERR_[A-Z_]+"/);
    assert(!line.includes("http_response_status_code"));
    metrics.close();
  });

  it("is bounded, however many routes, methods and labels there are, and says that it is", async () => {
    await using w = await httpWorld((req, ctx) => {
      ctx.route = pathOf(req);
      return reply("ok");
    });
    const metrics = new Metrics({ servers: [w.server], maxSeries: 10 });
    const orders = metrics.counter("shop.orders", { help: "Orders.", labels: ["who"] });
    for (let i = 0; i < 50; i++) {
      await w.ask(request(`/${i}`, { method: `M${i}` }), 1);
      orders.add(1, { who: `user ${i}` });
    }
    const text = await metrics.text();
    const counts = linesOf(text, "http_server_request_duration_seconds_count");
    assertEquals(counts.length, 11);
    assertEquals(valueOf(text, 'http_server_request_duration_seconds_count{otel_metric_overflow="true"}'), 40);
    assertEquals(linesOf(text, "shop_orders_total").length, 11);
    assertEquals(valueOf(text, 'shop_orders_total{otel_metric_overflow="true"}'), 40);
    assertEquals(valueOf(text, "sluice_metrics_overflowed_values_total"), 80);
    metrics.close();
  });

  it("hears nothing more once it is closed", async () => {
    await using w = await httpWorld(() => reply("ok"));
    const metrics = new Metrics({ servers: [w.server] });
    await w.ask(request("/"));
    metrics.close();
    metrics.close();
    await w.ask(request("/"));
    const [line] = linesOf(await metrics.text(), "http_server_request_duration_seconds_count");
    assertEquals(line.at(-1), "1");
  });
});

describe("Metrics of connections and drains", () => {
  it("tells connections that come, go, and are turned away, by reason, from 0 on", async () => {
    await using w = await world(undefined, { maxConnections: 1, name: "echo" });
    const metrics = new Metrics({ servers: [w.server] });
    const rejected = (reason: string): string =>
      `sluice_rejected_connections_total{reason="${reason}",sluice_server="echo"}`;
    assertEquals(valueOf(await metrics.text(), rejected("maxConnections")), 0);
    const first = await w.client();
    await w.client();
    await w.pass(20);
    const text = await metrics.text();
    assertEquals(valueOf(text, 'sluice_active_connections{sluice_server="echo"}'), 1);
    assertEquals(valueOf(text, 'sluice_accepted_connections_total{sluice_server="echo"}'), 2);
    assertEquals([valueOf(text, rejected("maxConnections")), valueOf(text, rejected("admit"))], [1, 0]);
    first.conn.abort();
    await w.pass(50);
    const after = await metrics.text();
    const dropped = 'sluice_connection_duration_seconds_count{error_type="ERR_CONN_RESET",sluice_server="echo"}';
    assertEquals(valueOf(after, dropped), 1);
    metrics.close();
  });

  it("tells in which phase a drain is, and what it has cost: cut by state, messages after FIN, delivery", async () => {
    await using w = await world(() => new Promise(() => {}), { grace: 1000, name: "stuck" });
    const metrics = new Metrics({ servers: [w.server] });
    const client = await w.client({ stubborn: true });
    client.send("x");
    await w.pass(10);
    const phase = (name: string): string => `sluice_drain_phase{phase="${name}",sluice_server="stuck"}`;
    const before = await metrics.text();
    assertEquals([valueOf(before, phase("running")), valueOf(before, phase("drain"))], [1, 0]);
    assertEquals(valueOf(before, 'sluice_ready{sluice_server="stuck"}'), 1);
    assertEquals(valueOf(before, 'sluice_drain_connections_total{outcome="cut",sluice_server="stuck"}'), 0);
    const stopping = w.server.shutdown();
    await w.pass(100);
    const meanwhile = await metrics.text();
    assertEquals([valueOf(meanwhile, phase("running")), valueOf(meanwhile, phase("drain"))], [0, 1]);
    assertEquals(valueOf(meanwhile, 'sluice_ready{sluice_server="stuck"}'), 0);
    const report = await w.until(stopping);
    const after = await metrics.text();
    assertEquals(report.connections.cut, 1);
    assertEquals(valueOf(after, phase("done")), 1);
    assertEquals(valueOf(after, 'sluice_drains_total{outcome="unclean",sluice_server="stuck"}'), 1);
    assertEquals(valueOf(after, 'sluice_drain_connections_total{outcome="cut",sluice_server="stuck"}'), 1);
    const cut = `sluice_drain_cut_connections_total{state="${report.cut[0].state}",sluice_server="stuck"}`;
    assertEquals(valueOf(after, cut), 1);
    const grades = linesOf(after, "sluice_drain_delivery_total").map((line) => Number(line.split(" ")[1]));
    assertEquals(grades.reduce((sum, count) => sum + count, 0), 1);
    const drained = valueOf(after, 'sluice_drain_phase_time_seconds_total{phase="drain",sluice_server="stuck"}');
    assertEquals(Math.round(drained * 1000), Math.round(report.phases.drain));
    metrics.close();
  });

  it("adds up servers of the same name", async () => {
    await using one = await world(undefined, { name: "echo" });
    await using two = await world(undefined, { name: "echo" });
    const metrics = new Metrics({ servers: [one.server] });
    metrics.add({ servers: [two.server] });
    await one.client();
    await two.client();
    await one.pass(10);
    await two.pass(10);
    const text = await metrics.text();
    assertEquals(valueOf(text, 'sluice_accepted_connections_total{sluice_server="echo"}'), 2);
    assertEquals(valueOf(text, 'sluice_ready{sluice_server="echo"}'), 2);
    await one.until(one.server.shutdown());
    assertEquals(valueOf(await metrics.text(), 'sluice_ready{sluice_server="echo"}'), 1);
    metrics.close();
  });
});

describe("a server that is given twice", () => {
  it("is counted once", async () => {
    await using w = await httpWorld(() => reply("ok"));
    const metrics = new Metrics({ servers: [w.server, w.server] });
    metrics.add({ servers: [w.server] });
    await w.ask(request("/"));
    const text = await metrics.text();
    assertEquals(valueOf(text, 'sluice_accepted_connections_total{sluice_server="http"}'), 1);
    assertEquals(valueOf(text, 'sluice_ready{sluice_server="http"}'), 1);
    const [line] = linesOf(text, "http_server_request_duration_seconds_count");
    assertEquals(line.split(" ")[1], "1");
    metrics.close();
  });
});

describe("Metrics of WebSockets and hubs", () => {
  it("tells how many there are, what they send, and how they end", async () => {
    await using w = await wsWorld(echo);
    const metrics = new Metrics({ servers: [w.server] });
    const ws = await w.connect();
    await w.until(ws.send("a"));
    await w.pass(20);
    const text = await metrics.text();
    const upgraded = 'sluice_upgraded_connections{network_protocol_name="websocket",sluice_server="http"}';
    const messages = (direction: string): string =>
      `sluice_websocket_messages_total{network_io_direction="${direction}",sluice_server="http"}`;
    assertEquals([valueOf(text, upgraded), valueOf(text, messages("receive"))], [1, 1]);
    assertEquals(valueOf(text, messages("transmit")), 1);
    await w.until(ws.close(4000));
    await w.pass(20);
    const after = await metrics.text();
    assertEquals(valueOf(after, upgraded), 0);
    const ended = 'sluice_websocket_duration_seconds_count{websocket_close_code="4000",sluice_server="http"}';
    assertEquals(valueOf(after, ended), 1);
    metrics.close();
  });

  it("tells a hub's subscriptions, deliveries and drops", async () => {
    const hub = new Hub();
    await using w = await wsWorld((ws) => {
      hub.subscribe(ws, "news");
      hub.subscribe(ws, "news");
      hub.subscribe(ws, "sports");
      return ws.forEach(() => {});
    });
    const metrics = new Metrics({ hubs: { main: hub } });
    const [first] = [await w.connect(), await w.connect()];
    hub.publish("news", "a");
    hub.publish("nobody", "b");
    const text = await metrics.text();
    const of = (name: string): number => valueOf(text, `sluice_hub_${name}{sluice_hub="main"}`);
    assertEquals([of("connections"), of("topics"), of("subscriptions")], [2, 2, 4]);
    assertEquals([of("published_messages_total"), of("delivered_messages_total")], [2, 2]);
    await w.until(first.close());
    await w.pass(20);
    assertEquals(hub.stats.subscriptions, 2);
    metrics.close();
  });

  it("counts what slow subscribers of a hub miss", async () => {
    const hub = new Hub();
    await using w = await wsWorld((ws) => {
      hub.subscribe(ws, "news");
      return ws.forEach(() => {});
    }, { ws: { maxBufferedAmount: 1000 } });
    const peer = await w.raw();
    peer.conn.pause();
    const large = "x".repeat(200_000);
    for (let i = 0; i < 20; i++) {
      hub.publish("news", large);
      await w.pass(5);
    }
    assert(hub.stats.dropped > 0);
    assertEquals(hub.stats.delivered + hub.stats.dropped, 20);
    assertEquals(w.server.http.upgraded.websocket.dropped, hub.stats.dropped);
    peer.conn.abort();
  });
});

describe("metrics of one's own", () => {
  it("are counters, gauges and histograms, with labels", async () => {
    const metrics = new Metrics();
    const orders = metrics.counter("shop.orders", { help: "Orders.", labels: ["kind"] });
    orders.add(1, { kind: "book" });
    orders.add(2, { kind: "book" });
    orders.add(1, { kind: 'a"b\\c\nd' });
    metrics.counter("shop.visits", { help: "Visits." });
    metrics.counter("shop.bytes.total", { help: "Bytes.", unit: "By" }).add(4);
    const stock = metrics.gauge("shop.stock", { help: "Stock.", unit: "By" });
    stock.set(10);
    stock.add(-3);
    metrics.gauge("shop.open", { help: "Open.", value: () => 1 });
    metrics.histogram("shop.wait", { help: "Waiting.", unit: "s", buckets: [1, 2] }).record(1.5);
    const text = await metrics.text();
    assertStringIncludes(text, "# HELP shop_orders_total Orders.\n# TYPE shop_orders_total counter\n");
    assertEquals(linesOf(text, "shop_orders_total"), [
      'shop_orders_total{kind="a\\"b\\\\c\\nd"} 1',
      'shop_orders_total{kind="book"} 3',
    ]);
    assertEquals(linesOf(text, "shop_visits_total"), ["shop_visits_total 0"]);
    assertEquals(linesOf(text, "shop_bytes"), ["shop_bytes_total 4"]);
    assertEquals(linesOf(text, "shop_stock"), ["shop_stock_bytes 7"]);
    assertEquals(linesOf(text, "shop_open"), ["shop_open 1"]);
    assertEquals(linesOf(text, "shop_wait"), [
      'shop_wait_seconds_bucket{le="+Inf"} 1',
      'shop_wait_seconds_bucket{le="1"} 0',
      'shop_wait_seconds_bucket{le="2"} 1',
      "shop_wait_seconds_count 1",
      "shop_wait_seconds_sum 1.5",
    ]);
  });

  it("refuse what makes no sense", () => {
    const metrics = new Metrics();
    const counter = metrics.counter("shop.orders", { help: "Orders.", labels: ["kind"] });
    metrics.histogram("hh", { help: "Spread." });
    metrics.gauge("kk_sum", { help: "Of nothing." });
    const bad: [string, () => unknown][] = [
      ["There is a metric shop_orders_total already", () => metrics.counter("shop_orders", { help: "Again." })],
      ["There is a metric", () => metrics.histogram("http.server.request.duration", { help: "Ours.", unit: "s" })],
      ["There is a metric hh_count already", () => metrics.gauge("hh.count", { help: "Of hh." })],
      ["There is a metric kk_sum already", () => metrics.histogram("kk", { help: "Spread." })],
      ["There is a metric shop_orders already", () => metrics.gauge("shop.orders", { help: "Orders." })],
      ["There is a metric", () => metrics.gauge("http.server.request.duration.seconds.sum", { help: "Ours." })],
      ["name must be", () => metrics.counter("1st", { help: "No." })],
      ["help must be", () => metrics.counter("a", { help: "" })],
      ["labels must be names", () => metrics.counter("a", { help: "No.", labels: ["le"] })],
      ["labels must differ", () => metrics.counter("a", { help: "No.", labels: ["a.b", "a_b"] })],
      ["buckets must be", () => metrics.histogram("a", { help: "No.", buckets: [2, 1] })],
      ["has no option bucket", () => metrics.histogram("a", { help: "No.", bucket: [1] } as never)],
      ["has no option buckets", () => metrics.counter("a", { help: "No.", buckets: [1] } as never)],
      ["value must be a function", () => metrics.gauge("a", { help: "No.", labels: ["b"], value: () => 1 })],
      ["across must be", () => metrics.gauge("a", { help: "No.", across: "all" as never })],
      ["can only grow", () => counter.add(-1, { kind: "book" })],
      ["can only grow", () => counter.add(NaN, { kind: "book" })],
      ["can only grow", () => counter.add("1" as never, { kind: "book" })],
      ["has no label knid", () => counter.add(1, { knid: "book" })],
      ["holds numbers", () => metrics.gauge("b", { help: "No." }).set("1" as never)],
    ];
    for (const [message, act] of bad) assertThrows(act, OptionError, message);
  });

  it("share no name, not even one of their parts, in either format", () => {
    const metrics = new Metrics();
    metrics.counter("shop.orders", { help: "Orders." });
    metrics.histogram("shop.wait", { help: "Waiting.", unit: "s" });
    for (const name of ["shop.orders", "shop.orders.created", "shop.wait.seconds.count", "shop_wait_seconds_bucket"]) {
      assertThrows(() => metrics.gauge(name, { help: "Again." }), OptionError, "already");
    }
    metrics.gauge("shop.wait", { help: "Another one: it has no unit." });
  });

  it("keep of a long value no more than is told, and tell apart what is told apart", async () => {
    const metrics = new Metrics();
    const counter = metrics.counter("a", { help: "A.", labels: ["x", "y", "constructor"] });
    counter.add(1, { x: "1\0", y: "2" });
    counter.add(1, { x: "1", y: "\u00002" });
    counter.add(1, { x: `${"-".repeat(255)}\u{1f600}` });
    counter.add(1, { x: `${"-".repeat(255)}\u{1f680}` });
    assertEquals(linesOf(await metrics.text(), "a_total"), [
      `a_total{x="${"-".repeat(255)}\ufffd"} 2`,
      'a_total{x="1",y="\ufffd2"} 1',
      'a_total{x="1\ufffd",y="2"} 1',
    ]);
  });

  it("go on when one is looked up that is no number", async () => {
    for (const value of [undefined, "5\nb 1", {}, 5n]) {
      const records: unknown[] = [];
      const metrics = new Metrics({ logger: { ...silentLogger, error: (message) => void records.push(message) } });
      metrics.gauge("a", { help: "Broken.", value: () => value as never });
      metrics.gauge("b", { help: "Whole.", value: () => 2 });
      const text = await metrics.text();
      assertEquals([linesOf(text, "a"), linesOf(text, "b")], [[], ["b 2"]]);
      assertEquals(records, ["Metrics can't be looked up"]);
    }
  });

  it("go on when one can't be looked up, and say so", async () => {
    const records: unknown[] = [];
    const logger = { ...silentLogger, error: (message: string) => void records.push(message) };
    const metrics = new Metrics({ logger });
    metrics.gauge("a", {
      help: "Broken.",
      value() {
        throw new Error("boom");
      },
    });
    metrics.gauge("b", { help: "Whole.", value: () => 2 });
    assertStringIncludes(await metrics.text(), "\nb 2\n");
    assertEquals(records, ["Metrics can't be looked up"]);
  });
});

describe("values that are looked up", () => {
  it("cost their own series and one record where they are no numbers, and the answer goes on", async () => {
    const records: string[] = [];
    const logger = {
      ...silentLogger,
      error: (_: string, fields?: object) => void records.push(String((fields as { error: Error }).error.message)),
    };
    const metrics = new Metrics({ logger });
    const values = { nothing: undefined, text: "5", later: Promise.reject(new Error("boom")), one: 1 };
    for (const [name, value] of Object.entries(values)) {
      metrics.gauge(name, { help: "Looked up.", value: () => value as never });
    }
    for (let scrape = 0; scrape < 2; scrape++) {
      const answer = await metrics.handler()(new Request("http://test/metrics"));
      const text = await answer.text();
      assertEquals(answer.status, 200);
      assertStringIncludes(text, "\none 1\n");
      for (const name of ["nothing", "text", "later"]) assertEquals(linesOf(text, name), []);
    }
    assertEquals(records.map((message) => message.split(" ")[0]), ["nothing", "text", "later"]);
    assertStringIncludes(records[2], "got a promise");
  });
});

describe("metrics.handler()", () => {
  it("answers in the format that is asked for", async () => {
    const metrics = new Metrics();
    const handler = metrics.handler();
    const asked = async (accept?: string) => {
      const headers: Record<string, string> = accept === undefined ? {} : { accept };
      const answer = await handler(new Request("http://test/metrics", { headers }));
      return [answer.headers.get("content-type")!.split(";")[0], (await answer.text()).endsWith("# EOF\n")];
    };
    const [plain, open] = [["text/plain", false], ["application/openmetrics-text", true]];
    assertEquals(await asked(), plain);
    assertEquals(await asked("*/*"), plain);
    assertEquals(await asked("text/html, text/plain;q=0.5"), plain);
    assertEquals(await asked("application/openmetrics-text"), open);
    assertEquals(await asked("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.9"), plain);
    assertEquals(await asked("application/openmetrics-text;q=0"), plain);
    const prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75," +
      "text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    assertEquals(await asked(prometheus), open);
  });

  it("takes no other method, and with a path leaves other paths to whom they belong", async () => {
    const metrics = new Metrics();
    const status = async (handler: ReturnType<typeof metrics.handler>, method: string, path: string) =>
      (await handler(new Request(`http://test${path}`, { method }))).status;
    assertEquals(await status(metrics.handler(), "POST", "/"), 405);
    assertEquals(await status(metrics.handler(), "HEAD", "/any"), 200);
    const probes = metrics.handler({ path: "/metrics", otherwise: healthHandler({ servers: [] }) });
    assertEquals(await status(probes, "GET", "/metrics"), 200);
    assertEquals(await status(probes, "GET", "/livez"), 200);
    assertEquals(await status(metrics.handler({ path: "/metrics" }), "GET", "/livez"), 404);
    assertThrows(() => metrics.handler({ path: "metrics" }), OptionError, "path must begin with /");
    assertThrows(() => metrics.handler({ otherwise: () => new Response() }), OptionError, "goes with path");
  });

  it("makes a server of its own one for probes, which stops last", () => {
    const metrics = new Metrics();
    assertEquals(createHttpServer({}, metrics.handler()).forProbes, true);
    assertEquals(createHttpServer({}, (request) => metrics.handler()(request)).forProbes, false);
  });

  it("lets the last scrape see what the drain has cost, and then stops", async () => {
    await using w = await httpWorld(() => reply("ok"));
    const metrics = new Metrics({ servers: [w.server] });
    await using s = await httpWorld(metrics.handler(), lastScrape(5000));
    await w.ask(request("/"));
    const { report } = drain(w);
    await w.until(report);
    let isOver = false;
    void s.server.shutdown().then(() => isOver = true);
    await s.pass(1000);
    await s.ask(request("/metrics", { method: "HEAD" }));
    await s.pass(2000);
    assertEquals(isOver, false);
    const peer = await s.ask(request("/metrics"));
    assertStringIncludes(peer.text, 'sluice_drains_total{outcome="clean",sluice_server="http"} 1');
    await s.pass(2000);
    assertEquals(isOver, true);
    metrics.close();
  });

  it("does not wait for another scrape where the last one came before its own stop", async () => {
    await using w = await httpWorld(() => reply("ok"));
    const metrics = new Metrics({ servers: [w.server] });
    await using s = await httpWorld(metrics.handler(), lastScrape(5000));
    await w.until(w.server.shutdown());
    await s.ask([request("/metrics"), request("/metrics")]);
    const began = s.clock.now();
    await s.until(s.server.shutdown());
    assert(s.clock.now() - began < 4000);
    metrics.close();
  });

  it("gives way to others while it writes many series", async () => {
    const metrics = new Metrics({ maxSeries: 5000 });
    const counter = metrics.counter("a", { help: "Many.", labels: ["n"] });
    for (let i = 0; i < 2000; i++) counter.add(1, { n: i });
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    const answer = await metrics.handler()(new Request("http://test/"));
    clearInterval(timer);
    assertEquals(linesOf(await answer.text(), "a_total").length, 2000);
    assert(turns >= 0);
  });
});

describe("new Metrics()", () => {
  it("refuses what can't be measured", () => {
    const server = createHttpServer({ logger: silentLogger }, () => reply("ok"));
    const bad: [unknown, string][] = [
      [{ server: [] }, "server"],
      [{ servers: {} }, "servers must be a list"],
      [{ servers: [Promise.resolve()] }, "await it before"],
      [{ servers: [{}] }, "servers must be what serve()"],
      [{ hubs: new Hub() }, "hubs must be an object of names"],
      [{ hubs: { a: {} } }, "hubs.a has no stats"],
      [{ channels: [] }, "channels must be an object of names"],
      [{ config: { a: 1 } }, "config.a has no status"],
      [{ watch: {} }, "watch must be what watchResources() gives"],
      [{ pools: { a: server } }, "pools.a is none of pools"],
      [{ hubs: { a: server } }, "hubs.a is none of hubs"],
      [{ channels: { a: server } }, "channels.a is none of channels"],
      [{ upstreams: { a: new Hub() } }, "upstreams.a is none of upstreams"],
      [{ config: { a: { status: 200 } } }, "config.a is none of config"],
      [{ servers: [{ observe() {} }] }, "servers must be what serve()"],
      [{ supervisor: {} }, "supervisor must be what supervise() gives"],
      [{ maxSeries: 0 }, "maxSeries"],
    ];
    for (const [options, message] of bad) {
      assertThrows(() => new Metrics(options as MetricsOptions), OptionError, message);
    }
    assertThrows(() => new Metrics().add({ maxSeries: 1 } as never), OptionError, "maxSeries");
    assertThrows(() => lastScrape(-1), OptionError, "wait must be");
  });
});
