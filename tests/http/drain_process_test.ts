import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { bodyText, type HttpClient, httpRequest } from "../support/http_client.ts";
import { assertWhole, type HttpDrained, httpDrained } from "../support/http_drained.ts";
import {
  getting,
  keepAsking,
  keepPipelining,
  keepWindow,
  pause,
  posting,
  streaming,
  waiting,
} from "../support/http_loads.ts";
import { firstDifference, pattern } from "../support/rig.ts";

const MEGABYTE = 1_000_000;
const BODY = "0123456789abcdef".repeat(4096);

describe("SIGTERM while HTTP clients are at work", () => {
  it("delivers an answer of 20 MB, ended before the signal, to a slow reader whole", async () => {
    await using server = await httpDrained({ run: { grace: 8000 } });
    const client = await server.client({ reads: "never" });
    client.ask(httpRequest(`/big?bytes=${20 * MEGABYTE}`));
    client.readAt(10 * MEGABYTE / 1000);
    await client.net.until("the first bytes", () => client.reader.bodyBytes > 0);
    await pause(100);
    assertEquals(client.answered, 0);
    server.signal();
    assertEquals(await client.over(), "fin");
    assertGreater(performance.now() - server.signalledAt, 500);
    const answer = await client.answer();
    assertEquals(firstDifference(answer.body, pattern(20 * MEGABYTE)), -1);
    const { report } = await server.outcome();
    const { idle, finished } = report.reports[0].connections;
    assertEquals([report.clean, idle, finished], [true, 0, 1]);
  });

  it("answers a head whose second half comes 200 ms after the signal", async () => {
    await using server = await httpDrained({ run: { grace: 4000 } });
    const clients = await server.connect(10);
    for (const [i, client] of clients.entries()) client.ask(httpRequest("/").slice(0, i + 1));
    await pause(50);
    server.signal();
    await pause(200);
    for (const [i, client] of clients.entries()) client.more(httpRequest("/").slice(i + 1));
    for (const client of clients) {
      const answer = await client.answer();
      assertEquals([answer.status, bodyText(answer), answer.closes], [200, "hello world", true]);
      assertEquals(await client.over(), "fin");
    }
    assertEquals((await server.outcome()).report.clean, true);
  });

  it("gives a head that is never finished 408 when its deadline passes in the middle of the drain", async () => {
    await using server = await httpDrained({ http: { readHeaderTimeout: 700 }, run: { grace: 40_000 } });
    const client = await server.client();
    const began = performance.now();
    client.ask("GET / HTTP/1.1\r\nHost: te");
    await pause(100);
    server.signal();
    const answer = await client.answer();
    const took = performance.now() - began;
    assertEquals([answer.status, answer.closes], [408, true]);
    assert(took > 650 && took < 15_000, `after ${took} ms`);
    assertEquals(await client.over(), "fin");
    const { report, ran } = await server.outcome();
    assertEquals([report.clean, ran.stats.statuses["4xx"], ran.stats.requests], [true, 1, 0]);
  });

  it("never runs a request that arrives after its FIN", async () => {
    await using server = await httpDrained({ http: { idleGrace: 300 }, run: { grace: 4000 } });
    const [told, idle] = await server.connect(2, { closesOnFin: false });
    await idle.fetch(posting("idle", "idle.0").request);
    told.ask(httpRequest("/slow?ms=300", { headers: { "X-Id": "told.0" } }));
    await pause(50);
    server.signal();
    for (const [client, name] of [[told, "told"], [idle, "idle"]] as const) {
      assertEquals(await client.over(), "fin");
      assertEquals([client.answered, client.saidClose], [1, client === told]);
      client.more(posting("too late", `${name}.1`).request);
    }
    await pause(50);
    for (const client of [told, idle]) client.net.finish();
    const { ran, report } = await server.outcome();
    assertEquals(ran.clients, { told: [1, 0], idle: [1, 0] });
    assertEquals([report.clean, report.reports[0].afterFin.messages], [true, 2]);
    assertGreater(report.reports[0].afterFin.bytes, 100);
  });

  it("answers one more request on an idle connection within idleGrace, and closes it when that is over", async () => {
    await using server = await httpDrained({ http: { idleGrace: 600 }, run: { grace: 4000 } });
    const clients = await server.connect(20);
    for (const client of clients) await client.fetch(getting().request);
    await pause(200);
    server.signal();
    await pause(300);
    for (const client of clients.slice(10)) assertEquals((await client.fetch(getting().request)).closes, true);
    for (const client of clients) await client.over();
    assertWhole(clients, "idle");
    assertGreater(clients[0].net.endedAt - server.signalledAt, 500);
    assertLess(clients[0].net.endedAt - server.signalledAt, server.stretched(1500));
    assertEquals((await server.outcome()).report.clean, true);
  });
});

describe("SIGTERM while clients keep 16 requests in flight", () => {
  it("answers what was on the wire before goodbye, and says goodbye only with the last answer", async () => {
    await using server = await httpDrained({ run: { grace: 3000, patience: 600 } });
    const clients = await server.connect(10);
    const windows = clients.map((client) => ({ client, owed: keepWindow(client, 16) }));
    await pause(200);
    server.signal();
    for (const { client, owed } of windows) {
      assertEquals(await client.over(), "fin");
      assert(client.answered >= owed() && owed() > 16, `${client.describe()}, ${owed()} owed`);
      assertEquals([client.reader.partial, client.problem, client.saidClose], [false, null, true]);
    }
    const { report } = await server.outcome();
    const unanswered = clients.reduce((sum, client) => sum + client.asked - client.answered, 0);
    assertEquals([report.clean, report.reports[0].afterFin.messages > 0], [true, unanswered > 0]);
  });
});

/** Uploads of which the first half was sent; `rest` sends the other. */
async function halfUploads(server: HttpDrained): Promise<{ clients: HttpClient[]; rest: () => void }> {
  const sized = await server.connect(5);
  const chunked = await server.connect(5);
  const chunk = `${BODY.length.toString(16)}\r\n${BODY}\r\n`;
  for (const client of sized) client.ask(httpRequest("/upload", { body: BODY + BODY }).slice(0, -BODY.length));
  for (const client of chunked) {
    client.ask(httpRequest("/upload", { method: "POST", headers: { "Transfer-Encoding": "chunked" } }));
    client.more(chunk);
  }
  const rest = () => {
    for (const client of sized) client.more(BODY);
    for (const client of chunked) client.more(`${chunk}0\r\n\r\n`);
  };
  return { clients: [...sized, ...chunked], rest };
}

/** Connections with one request in flight that lasts beyond the signal. */
async function inFlight(server: HttpDrained, number: number, request: string): Promise<HttpClient[]> {
  const clients = await server.connect(number);
  for (const client of clients) client.ask(request);
  return clients;
}

/** Connections that were answered once and are idle. */
async function answeredOnce(server: HttpDrained, number: number): Promise<HttpClient[]> {
  const clients = await server.connect(number);
  await Promise.all(clients.map((client) => client.fetch(getting().request)));
  return clients;
}

/** Fails unless each has the body that was due; a head that left before the signal could not say goodbye. */
function assertBodies(clients: readonly HttpClient[], expected: string, goodbye: boolean): void {
  for (const client of clients) {
    const [answer] = client.answers;
    assertEquals([answer.status, bodyText(answer)], [200, expected]);
    assertEquals(answer.closes, goodbye, expected);
  }
}

describe("SIGTERM under load of every kind", () => {
  it("truncates nothing, resets nothing, answers all that was asked before goodbye, and exits with 0", async () => {
    await using server = await httpDrained({ run: { grace: 6000, patience: 2500 } });
    const silent = await server.connect(250);
    const idle = await answeredOnce(server, 250);
    const later = await answeredOnce(server, 30);
    const gets = await server.connect(40);
    const posts = await server.connect(20);
    const pipelines = await server.connect(10);
    for (const client of gets) keepAsking(client, 5, getting);
    for (const client of posts) keepAsking(client, 20, () => posting(BODY));
    for (const client of pipelines) keepPipelining(client, 16);
    await pause(200);
    const slow = await server.connect(20);
    const uploads = await halfUploads(server);
    const streams = await inFlight(server, 20, streaming(40, 20).request);
    const events = await inFlight(server, 10, httpRequest("/sse?ms=20"));
    // The last connections are served: those before them in the queue have been accepted too.
    for (const client of [...streams, ...events]) {
      await client.net.until("the first bytes", () => client.reader.bodyBytes > 0);
    }
    // Asked now, so that on the busiest machine they are not answered before the signal.
    for (const client of slow) client.ask(waiting(1800).request);
    await pause(50);
    server.signal();
    await pause(200);
    for (const client of later) client.ask(posting("later").request);
    await pause(100);
    uploads.rest();
    for (const client of server.clients) await client.over();

    assertWhole([...silent, ...idle], "500 idle connections");
    assertWhole(later, "idle, and a request 200 ms after the signal");
    assertWhole(gets, "GET");
    assertWhole(posts, "POST of 64 KiB");
    assertWhole(pipelines, "pipelined 16 deep");
    assertWhole(slow, "slow");
    assertWhole(streams, "streams");
    assertWhole(events, "server-sent events");
    assertWhole(uploads.clients, "uploads half sent");
    assertBodies(slow, waiting(1800).body, true);
    assertBodies(streams, streaming(40, 20).body, false);
    assertBodies(uploads.clients, `${2 * BODY.length} bytes`, true);
    for (const client of [...gets, ...posts, ...pipelines]) assertGreater(client.answered, 1);
    for (const client of [...gets, ...posts, ...pipelines, ...later]) assert(client.saidClose);
    const { report, ran } = await server.outcome();
    assertEquals([report.clean, report.reports[0].connections.cut, report.reports[0].afterFin.messages], [true, 0, 0]);
    assertEquals(report.reports[0].connections.dropped, 0);
    assertEquals(ran.stats.statuses["5xx"], 0);
    assertEquals(ran.stats.requests, server.clients.reduce((sum, client) => sum + client.asked, 0));
  });
});
