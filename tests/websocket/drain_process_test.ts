import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertLess, assertMatch } from "@std/assert";
import { HttpClient } from "../support/http_client.ts";
import { pause } from "../support/http_loads.ts";
import { firstDifference, pattern } from "../support/rig.ts";
import { messageBytes, type WsClient } from "../support/ws_client.ts";
import { type WsDrained, wsDrained } from "../support/ws_drained.ts";
import { assertTold, keepAsking, keepSending, keepWindow, takeFeed } from "../support/ws_loads.ts";

const MEGABYTE = 1_000_000;
const HALF = 2 << 20;
const PIECE = 64 << 10;

/** Messages of 4 MiB of which the first half was sent; `rest` sends the other, piece by piece. */
async function inTransit(
  server: WsDrained,
  number: number,
): Promise<{ clients: WsClient[]; rest: () => Promise<void> }> {
  const clients = await server.connect(number, "/each");
  const message = pattern(2 * HALF);
  const bytes = messageBytes(message);
  for (const client of clients) {
    client.sent = client.owed = 1;
    client.onMessage = (echo) => {
      if (firstDifference(echo as Uint8Array, message) >= 0) throw new Error("another echo than was sent");
    };
    client.write(bytes.subarray(0, HALF));
  }
  const rest = async () => {
    for (let at = HALF; at < bytes.length; at += PIECE) {
      for (const client of clients) client.write(bytes.subarray(at, at + PIECE));
      await pause(15);
    }
  };
  return { clients, rest };
}

/** Clients with one message in hand that takes the server beyond the signal. */
async function inHand(server: WsDrained, number: number, ms: number): Promise<WsClient[]> {
  const clients = await server.connect(number, `/slow?ms=${ms}`);
  for (const client of clients) {
    client.send("in hand");
    client.owed = 1;
  }
  return clients;
}

const sumOf = (clients: readonly WsClient[], of: (client: WsClient) => number) =>
  clients.reduce((sum, client) => sum + of(client), 0);

const unanswered = (clients: readonly WsClient[]) =>
  clients.filter(({ sent, received }) => sent !== received).map((client) => client.describe());

/** How long a slow reader takes for 20 MB: 2 s. */
const RATE = 20 * MEGABYTE / 2000;

describe("SIGTERM while WebSocket clients of every kind are at work", () => {
  it("answers all that was sent before the Close could be seen, tells everybody 1001, and exits with 0", async () => {
    await using server = await wsDrained({
      websocket: { maxMessageBytes: 4 * HALF },
      run: { grace: 9000, patience: 3000 },
    });
    const [slow] = await server.connect(1, `/fill?bytes=${20 * MEGABYTE}`, { reads: "never" });
    const idle = await server.connect(200, "/echo");
    const asking = [...await server.connect(20, "/echo"), ...await server.connect(20, "/each")];
    const windows = [...await server.connect(2, "/echo"), ...await server.connect(2, "/each")];
    const sending = await server.connect(10, "/each");
    const feeds = await server.connect(20, "/feed?bytes=512&every=10");
    for (const client of asking) keepAsking(client, 10);
    for (const client of windows) keepWindow(client, 32);
    for (const client of sending) keepSending(client, 10);
    for (const client of feeds) takeFeed(client);
    await pause(300);
    const busy = await inHand(server, 10, 700);
    const large = await inTransit(server, 3);
    const sinks = await server.connect(5, "/sink?id=sink");
    await pause(50);
    for (const client of sinks) client.send(...Array.from({ length: 50 }, (_, i) => `${i}`));
    server.signal();
    slow.readAt(RATE);
    await large.rest();
    for (const client of server.clients) await client.net.over();

    assertTold(idle, "200 idle connections");
    assertTold(asking, "ping-pong");
    assertTold(windows, "32 in flight");
    assertEquals(unanswered([...asking, ...windows]), [], "those who wait for answers get them all");
    assertTold(sending, "every 10 ms");
    assertTold(feeds, "streams");
    assertTold(busy, "a message in hand");
    assertTold(large.clients, "4 MiB in transit");
    assertTold(sinks, "50 messages that want no answer");
    assertTold([slow], "20 MB to a slow reader");
    assertEquals(slow.received, Math.ceil(20 * MEGABYTE / 65_536));
    for (const client of [...asking, ...windows, ...sending, ...feeds]) assertGreater(client.received, 10);
    for (const client of [...asking, ...windows]) assertGreater(client.owed, 10);
    const { report, ran } = await server.outcome();
    assertEquals([report.clean, report.reports[0].connections.cut, report.reports[0].afterFin.messages], [true, 0, 0]);
    assertEquals(ran.named.sink, 250);
    assertEquals(ran.messages, sumOf(server.clients, (client) => client.sent));
    assertEquals(ran.codes, { 1001: server.clients.length });
  });
});

describe("SIGTERM and one WebSocket client's manners", () => {
  it("loses no answer to those who keep 32 messages in flight and never stop", async () => {
    await using server = await wsDrained({ run: { grace: 3000, patience: 600 } });
    const clients = [...await server.connect(3, "/echo"), ...await server.connect(3, "/each")];
    for (const client of clients) keepWindow(client, 32);
    await pause(200);
    server.signal();
    for (const client of clients) await client.net.over();
    assertTold(clients, "32 in flight");
    assertEquals(unanswered(clients), []);
    const took = Math.min(...clients.map(({ closedAt }) => closedAt)) - server.signalledAt;
    assertGreater(took, 500);
    const { report, ran } = await server.outcome();
    assertEquals([report.clean, ran.messages], [true, sumOf(clients, ({ sent }) => sent)]);
  });

  it("handles what a client sends while the Close is on its way, until the client's own", async () => {
    await using server = await wsDrained({ run: { grace: 3000 } });
    const clients = await server.connect(20, "/sink?id=late");
    for (const client of clients) {
      client.onClose = () => {
        for (let i = 0; i < 3; i++) client.write(messageBytes("after the Close"));
      };
    }
    server.signal();
    for (const client of clients) await client.net.over();
    assertTold(clients, "sending late");
    const { report, ran } = await server.outcome();
    assertEquals([report.clean, ran.named.late, report.reports[0].afterFin.messages], [true, 60, 0]);
  });

  it("says a last word before the Close, and waits for a message whose second half comes after the signal", async () => {
    await using server = await wsDrained({ run: { grace: 3000 }, lastMessage: "back soon" });
    const clients = await server.connect(20, "/echo");
    const heard: string[][] = clients.map(() => []);
    const bytes = messageBytes("in two halves");
    for (const [i, client] of clients.entries()) {
      client.onMessage = (message) => void heard[i].push(String(message));
      client.write(bytes.subarray(0, i + 1));
      client.sent = client.owed = 1;
    }
    await pause(50);
    server.signal();
    await pause(400);
    for (const [i, client] of clients.entries()) client.write(bytes.subarray(i + 1));
    for (const client of clients) await client.net.over();
    assertTold(clients, "in two halves");
    const partly = clients.slice(0, bytes.length - 1);
    assertEquals(heard.slice(0, partly.length), partly.map(() => ["in two halves", "back soon"]));
    assertEquals((await server.outcome()).report.clean, true);
  });

  it("cuts a client that never answers the Close, names it, and exits with 1", async () => {
    await using server = await wsDrained({ websocket: { closeTimeout: 400 }, run: { grace: 40_000 } });
    const [silent] = await server.connect(1, "/echo", { answersClose: false, closesOnFin: false });
    const others = await server.connect(5, "/echo");
    server.signal();
    assertEquals(await silent.net.over(), "reset");
    assertEquals(silent.close, { code: 1001, reason: "going away" });
    const waited = silent.net.endedAt - silent.closedAt;
    assert(waited > 350 && waited < 20_000, `${waited} ms`);
    for (const client of others) await client.net.over();
    assertTold(others, "the others");
    const { report, ran } = await server.outcome(1);
    const { cut, connections } = report.reports[0];
    assertEquals(cut.map(({ peer }) => peer), [`127.0.0.1:${silent.net.port}`]);
    assertEquals([connections.cut, ran.codes], [1, { 1001: 5, 1006: 1 }]);
  });

  it("delivers 40 MB before the Close to a client that takes them for longer than closeTimeout", async () => {
    await using server = await wsDrained({ websocket: { closeTimeout: 1200 }, run: { grace: 8000 } });
    const [client] = await server.connect(1, `/fill?bytes=${40 * MEGABYTE}`, { reads: "never" });
    await pause(200);
    client.readAt(40 * MEGABYTE / 5000);
    server.signal();
    await client.net.over();
    assertTold([client], "40 MB");
    assertEquals(client.received, Math.ceil(40 * MEGABYTE / 65_536));
    assertEquals((await server.outcome()).report.clean, true);
  });

  it("cuts a client that stops reading what it was sent, and counts the bytes", async () => {
    await using server = await wsDrained({ websocket: { closeTimeout: 400 }, run: { grace: 1500 } });
    const [stuck] = await server.connect(1, `/fill?bytes=${20 * MEGABYTE}`, { reads: "never" });
    await pause(100);
    server.signal();
    const { report } = await server.outcome(1);
    const [{ peer, bytesUnsent }] = report.reports[0].cut;
    assertEquals(peer, `127.0.0.1:${stuck.net.port}`);
    assertGreater(bytesUnsent, MEGABYTE);
  });
});

/** An attempt to upgrade on a connection of its own, or on one that is there. */
async function attempt(client: HttpClient): Promise<{ status: number; retryAfter: string | undefined }> {
  const fields = "Host: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  const { status, headers } = await client.fetch(`GET /echo HTTP/1.1\r\n${fields}\r\n`);
  return { status, retryAfter: headers.get("retry-after") };
}

describe("SIGTERM and those who come late", () => {
  it("are let in during the lame duck and refused with 503 and Retry-After behind it, and those there are served on", async () => {
    await using server = await wsDrained({ run: { grace: 5000, lameDuck: 400, acceptQuiet: 400, idleGrace: 900 } });
    const [client] = await server.connect(1, "/echo");
    keepAsking(client, 5);
    const early = new HttpClient(server.port);
    await early.fetch("GET /stats HTTP/1.1\r\nHost: test\r\n\r\n");
    server.signal();
    await pause(100);
    const [late] = await server.connect(1, "/echo");
    keepAsking(late, 5);
    const before = client.received;
    await pause(400);
    const drain = await attempt(early);
    assertEquals(drain.status, 503);
    assertMatch(drain.retryAfter ?? "", /^\d+$/);
    assertGreater(client.received, before);
    await client.net.over();
    await late.net.over();
    assertTold([client, late], "ping-pong");
    const { report, ran } = await server.outcome();
    assertEquals([report.clean, ran.opened, ran.stats.refused.draining], [true, 2, 1]);
  });

  it("cuts at a second signal, and exits with 143", async () => {
    await using server = await wsDrained({ run: { grace: 60_000 } });
    const silent = await server.connect(3, "/echo", { answersClose: false, closesOnFin: false });
    server.signal();
    for (const client of silent) await client.net.until("the Close", () => client.close !== null);
    await pause(1000);
    server.signal();
    for (const client of silent) assertEquals(await client.net.over(), "reset");
    const { report } = await server.outcome(143);
    assertEquals([report.reports[0].forced, report.reports[0].connections.cut], [true, 3]);
    assertLess(report.reports[0].duration, 30_000);
  });
});

describe("SIGTERM with a spread of 1 s and 200 idle clients", () => {
  it("says 1001 to them one after the other, and not to all at once", async () => {
    await using server = await wsDrained({ run: { grace: 6000, spread: 1000 } });
    const clients = await server.connect(200, "/echo");
    const late = server.lag.mark();
    server.signal();
    for (const client of clients) await client.net.over();
    assertTold(clients, "spread");
    const after = clients.map(({ closedAt }) => closedAt - server.signalledAt).sort((a, b) => a - b);
    assertGreater(after[0], 100);
    assertGreater(after[199] - after[0], 600);
    const crowd = Math.max(...after.map((from) => after.filter((at) => at >= from && at < from + 200).length));
    // What waited for this process is heard at once.
    assertLess(crowd, 120 + late() / 5, `${crowd} within 200 ms`);
    assertEquals((await server.outcome()).report.clean, true);
  });
});
