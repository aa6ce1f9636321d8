/** Servers behind proxies that name their clients: who is believed, and what it costs those who are not. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type Conn,
  connect,
  type Handler,
  lines,
  listen,
  type Logger,
  OptionError,
  type ServeOptions,
} from "../../../mod.ts";
import { formatAddress } from "../../../src/address.ts";
import type { ProxyProtocolOptions, ProxySendOptions } from "../../../src/proxied.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import { ascii, binary, tcp, tlv } from "../../fixtures/proxy_headers.ts";
import { httpWorld, request } from "../../support/http_world.ts";
import { within } from "../../support/rig.ts";
import { TEST_CERT, TEST_KEY } from "../../support/tls.ts";
import { type Client, type World, world } from "../../support/world.ts";

const PROXY = "10.0.0.9";
const V1 = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
const V2 = binary(0x21, 0x11, [192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 1, 0xbb, ...tlv(2, ascii("a.example"))]);
const FROM: ProxyProtocolOptions = { from: ["10.0.0.0/8"] };

/** Answers each line with who asks, by what way, and the line. */
const who: Handler = async (conn) => {
  for await (const line of lines(conn)) {
    const port = conn.remote.transport === "tcp" && conn.remote.port !== 4711 ? "" : ":4711";
    const via = conn.via === null ? "nobody" : conn.via.transport === "tcp" ? conn.via.hostname : "unix";
    const name = conn.remote.transport === "tcp" ? conn.remote.hostname + port : "unix";
    await conn.write(`${name} by ${via}: ${line}\n`);
  }
};

const CLIENT = "192.0.2.7:4711 by 10.0.0.9: ";

interface Record {
  readonly level: string;
  readonly message: string;
  readonly reason?: string;
}

function recorder(): { logger: Logger; records: Record[] } {
  const records: Record[] = [];
  const at = (level: string) => (message: unknown, data?: unknown) =>
    void records.push({ level, message: String(message), ...(data as object) });
  return { logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") }, records };
}

function proxied(
  options: ProxyProtocolOptions = FROM,
  more: ServeOptions = {},
  handler: Handler = who,
): Promise<World> {
  return world(handler, { proxyProtocol: options, ...more });
}

function send(client: Client, data: string | Uint8Array): void {
  client.conn.write(data).catch(() => {});
}

/** What is loaded at the first use takes real time, which the clock of a world knows nothing of. */
function dialled(conn: Promise<Conn>): Promise<Conn> {
  return within("a connection", conn);
}

async function told(w: World, client: Client, ...data: (string | Uint8Array)[]): Promise<string> {
  for (const part of data) {
    send(client, part);
    await w.pass(5);
  }
  return client.text;
}

describe("proxyProtocol", () => {
  it("makes the client that a proxy names the connection's peer, in version 1 and 2", async () => {
    await using w = await proxied();
    for (const header of [V1, V2]) {
      assertEquals(await told(w, await w.client({ from: PROXY }), header, "a\n"), `${CLIENT}a\n`);
    }
    assertEquals(w.server.stats.peerErrors, 0);
    assertEquals(w.clock.pending > 0, true);
  });

  it("takes a header in pieces, and together with what follows it", async () => {
    await using w = await proxied();
    const client = await w.client({ from: PROXY });
    for (const letter of V1) assertEquals(await told(w, client, letter), "");
    assertEquals(await told(w, client, "a\n"), `${CLIENT}a\n`);
    const other = await w.client({ from: PROXY });
    assertEquals(await told(w, other, `${V1}a\nb\n`), `${CLIENT}a\n${CLIENT}b\n`);
    assertEquals(await told(w, other, "c\n"), `${CLIENT}a\n${CLIENT}b\n${CLIENT}c\n`);
  });

  it("hands on all bytes in order, with a network that splits, merges and delays", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      await using w = await proxied(
        FROM,
        { seed, faults: { split: 0.6, merge: 0.4, delay: 0.5, maxDelay: 9 } } as object,
      );
      const client = await w.client({ from: PROXY });
      const sent = Array.from({ length: 60 }, (_, i) => `line ${i}`);
      send(client, V2);
      for (const line of sent) send(client, `${line}\n`);
      await w.pass(2000);
      assertEquals(client.lines, sent.map((line) => CLIENT + line));
    }
  });

  it("tells the handler what the proxy has said", async () => {
    const seen: unknown[] = [];
    await using w = await proxied(FROM, {}, (conn) => {
      const { version, command, source, destination, authority } = conn.proxy!;
      seen.push(version, command, source, destination, authority, conn.local.transport);
    });
    send(await w.client({ from: PROXY }), V2);
    await w.pass(5);
    assertEquals(seen, [2, "proxy", tcp("192.0.2.7", 4711), tcp("198.51.100.1", 443), "a.example", "tcp"]);
  });

  it("lets a proxy in that speaks for itself: LOCAL, UNKNOWN and no address at all", async () => {
    await using w = await proxied();
    for (const header of [binary(0x20, 0, []), ascii("PROXY UNKNOWN\r\n"), binary(0x21, 0, [])]) {
      assertEquals(await told(w, await w.client({ from: PROXY }), header, "a\n"), "10.0.0.9 by nobody: a\n");
    }
  });

  it("resets who comes from elsewhere, unread, and logs the first of a burst as a warning", async () => {
    const { logger, records } = recorder();
    await using w = await proxied(FROM, { logger });
    const clients = [];
    for (let i = 0; i < 3; i++) clients.push(await w.client({ from: "11.0.0.1" }));
    for (const client of clients) assertEquals(await told(w, client, V1, "a\n"), "");
    assertEquals(clients.map(({ end }) => end), ["reset", "reset", "reset"]);
    const broken = records.filter(({ message }) => message.startsWith("Peer broke the PROXY protocol"));
    assertEquals(broken.map(({ level }) => level), ["warn", "debug", "debug"]);
    assert(broken[0].reason!.includes("proxyProtocol.from"));
    assertEquals([w.server.stats.peerErrors, w.server.stats.accepted], [3, 0]);
  });

  it("takes it for plain bytes where it is not required, and from elsewhere", async () => {
    await using w = await proxied({ ...FROM, required: false });
    const client = await w.client({ from: "11.0.0.1" });
    assertEquals(
      await told(w, client, V1, "a\n"),
      `11.0.0.1 by nobody: ${V1}11.0.0.1 by nobody: a\n`.replace("\r", ""),
    );
    assertEquals(w.server.stats.peerErrors, 0);
  });

  it("resets a proxy that sends something else, or nothing in time", async () => {
    const { logger, records } = recorder();
    await using w = await proxied({ ...FROM, timeout: 500 }, { logger });
    const other = await w.client({ from: PROXY });
    assertEquals(await told(w, other, "GET / HTTP/1.1\r\n\r\n"), "");
    assertEquals(other.end, "reset");
    const silent = await w.client({ from: PROXY });
    const slow = await w.client({ from: PROXY });
    for (const letter of V1.slice(0, 20)) await told(w, slow, letter);
    await w.pass(380);
    assertEquals([silent.end, slow.end], ["open", "open"]);
    await w.pass(40);
    assertEquals([silent.end, slow.end], ["reset", "reset"]);
    assertEquals(records.filter(({ reason }) => reason?.includes("within 500 ms") === true).length, 2);
    assertEquals(w.server.stats.peerErrors, 3);
    assertEquals(w.clock.pending, 0);
  });

  it("resets a proxy whose header is malformed or too long", async () => {
    await using w = await proxied();
    const bad = [`PROXY TCP4 ${"1".repeat(100)}`, "PROXY TCP4 1.2.3.4\r\n", binary(0x21, 0x11, [], 60_000)];
    for (const [i, header] of bad.entries()) {
      const client = await w.client({ from: PROXY });
      await told(w, client, header);
      assertEquals([client.end, w.server.stats.peerErrors], ["reset", i + 1]);
    }
  });

  it("thinks nothing of who connects and leaves, and notes who leaves within a header", async () => {
    await using w = await proxied();
    const probe = await w.client({ from: PROXY });
    await w.until(probe.conn.close());
    assertEquals(w.server.stats.peerErrors, 0);
    const half = await w.client({ from: PROXY });
    send(half, "PROXY TC");
    await w.until(half.conn.close());
    assertEquals([half.end, w.server.stats.peerErrors], ["reset", 1]);
    const mute = await w.client({ from: PROXY });
    mute.conn.abort();
    await w.pass(5);
    assertEquals(w.server.stats.peerErrors, 1);
    const lost = await w.client({ from: PROXY });
    await told(w, lost, "PROXY TC");
    lost.conn.abort();
    await w.pass(5);
    assertEquals([w.server.stats.peerErrors, w.server.stats.accepted, w.clock.pending], [2, 0, 0]);
  });

  it("serves a proxy that sends no header as itself where none is required", async () => {
    await using w = await proxied({ ...FROM, required: false, timeout: 500 });
    assertEquals(await told(w, await w.client({ from: PROXY }), "PRO", "XIMITY\n"), "10.0.0.9 by nobody: PROXIMITY\n");
    assertEquals(await told(w, await w.client({ from: PROXY }), V1, "a\n"), `${CLIENT}a\n`);
    const finished = await w.client({ from: PROXY });
    send(finished, "PROXY");
    await w.until(finished.conn.closeWrite());
    await w.pass(5);
    assertEquals([finished.text, finished.end], ["10.0.0.9 by nobody: PROXY\n", "fin"]);
  });

  it("waits no longer than its timeout for a header that is not required, where the server speaks first", async () => {
    const greets: Handler = async (conn) => {
      await conn.write("welcome\n");
      for await (const line of lines(conn)) await conn.write(`${line}!\n`);
    };
    await using w = await proxied({ ...FROM, required: false, timeout: 300 }, {}, greets);
    const client = await w.client({ from: PROXY });
    const begun = await w.client({ from: PROXY });
    await told(w, begun, "PROXY ");
    await w.pass(280);
    assertEquals([client.text, begun.text], ["", ""]);
    await w.pass(30);
    assertEquals([client.text, begun.text], ["welcome\n", "welcome\n"]);
    assertEquals(await told(w, client, "a\n"), "welcome\na!\n");
    assertEquals(await told(w, begun, "b\n"), "welcome\nPROXY b!\n");
  });

  it("counts the clients that proxies name, for limits by address", async () => {
    await using w = await proxied(FROM, { maxConnectionsPerIp: 1, rejectWith: "busy\n" });
    const header = (last: number) => V1.replace("192.0.2.7", `192.0.2.${last}`);
    assertEquals(await told(w, await w.client({ from: PROXY }), header(7)), "");
    assertEquals(await told(w, await w.client({ from: PROXY }), header(7)), "busy\n");
    assertEquals(await told(w, await w.client({ from: PROXY }), header(8)), "");
    assertEquals([w.server.stats.active, w.server.stats.rejected.maxConnectionsPerIp], [2, 1]);
  });

  it("lets clients wait for their turn, with what they have sent", async () => {
    await using w = await proxied(FROM, { maxConnections: 1, policy: "queue" });
    const first = await w.client({ from: PROXY });
    await told(w, first, `${V1}a\n`);
    const second = await w.client({ from: PROXY });
    assertEquals(await told(w, second, `${V1}b\n`, "c\n"), "");
    assertEquals(w.server.stats.queued, 1);
    await w.until(first.conn.close());
    await w.pass(10);
    assertEquals(second.text, `${CLIENT}b\n${CLIENT}c\n`);
  });

  it("resets 800 proxies that never send a header, with one timer, and serves the next", async () => {
    await using w = await proxied({ ...FROM, timeout: 1000 });
    w.adapter.clientHost = PROXY;
    const { address } = w.server;
    const sockets = await Promise.all(Array.from({ length: 800 }, () => w.adapter.connect({ address })));
    for (const socket of sockets) socket.start({ data() {}, end() {}, drained() {}, gone() {} });
    await w.pass(900);
    assertEquals([w.adapter.openSockets, w.clock.pending], [1600, 1]);
    await w.pass(200);
    assertEquals([w.adapter.openSockets, w.clock.pending, w.server.stats.peerErrors], [0, 0, 800]);
    assertEquals(await told(w, await w.client({ from: PROXY }), `${V1}a\n`), `${CLIENT}a\n`);
  });
});

describe("proxyProtocol in a drain", () => {
  it("serves whose header is on its way when the listener closes", async () => {
    await using w = await proxied(FROM, { grace: 10_000 });
    const [half, silent] = [await w.client({ from: PROXY }), await w.client({ from: PROXY })];
    send(half, V1.slice(0, 9));
    await w.pass(5);
    const report = w.server.shutdown();
    await w.pass(400);
    send(half, `${V1.slice(9)}a\n`);
    send(silent, `${V1}b\n`);
    await w.pass(5);
    assertEquals([half.text, silent.text], [`${CLIENT}a\n`, `${CLIENT}b\n`]);
    const { clean, handshakesCut, connections } = await w.until(report);
    assertEquals([clean, handshakesCut, connections.accepted, connections.finished], [true, [], 2, 2]);
  });

  it("drops who says nothing when its grace is over, and names who stops within a header", async () => {
    await using w = await proxied({ ...FROM, timeout: 0 }, { grace: 8000, idleGrace: 300 });
    const [half, silent] = [await w.client({ from: PROXY }), await w.client({ from: PROXY })];
    send(half, V1.slice(0, 9));
    await w.pass(5);
    const { clean, handshakesCut, duration } = await w.until(w.server.shutdown());
    const port = half.conn.local.transport === "tcp" ? half.conn.local.port : 0;
    assertEquals([clean, handshakesCut, [half.end, silent.end]], [false, [`10.0.0.9:${port}`], ["reset", "reset"]]);
    assert(duration >= 300 && duration < 2000, `${duration}`);
  });

  it("does not hold up a stop that is forced", async () => {
    await using w = await proxied({ ...FROM, timeout: 0 }, { grace: 60_000, idleGrace: 20_000 });
    const silent = await w.client({ from: PROXY });
    const report = w.server.shutdown();
    await w.pass(50);
    const { duration } = await w.until(w.server.close());
    assertEquals([(await report).forced, silent.end, duration < 1000], [true, "reset", true]);
  });

  it("asks the kernel about the proxy's connection, not about the client's", async () => {
    await using w = await proxied(FROM, { lingerTimeout: 60_000, grace: 3000 });
    const client = await w.client({ from: PROXY, stubborn: true });
    await told(w, client, `${V1}a\n`);
    const hex = (address: typeof client.conn.local) => {
      const { hostname, port } = address as { hostname: string; port: number };
      const ip = hostname.split(".").map((byte) => Number(byte).toString(16).padStart(2, "0")).reverse().join("");
      return `${ip}:${port.toString(16).padStart(4, "0")}`.toUpperCase();
    };
    w.adapter.table = `  0: ${hex(client.conn.remote)} ${
      hex(client.conn.local)
    } 01 00000000:00000000 00:0 0 0 0 0 1 0 20\n`;
    const report = await w.until(w.server.shutdown());
    assertEquals(report.all.map(({ peer, delivery }) => [peer, delivery]), [["192.0.2.7:4711", "acknowledged"]]);
  });
});

describe("proxyProtocol before TLS", () => {
  const tls = { cert: TEST_CERT, key: TEST_KEY };

  it("names the client of what TLS makes of the connection", async () => {
    await using w = await proxied(FROM, { tls });
    w.adapter.clientHost = PROXY;
    const { adapter, clock, server } = w;
    const port = server.address.transport === "tcp" ? server.address.port : 0;
    const proxyProtocol: ProxySendOptions = { source: tcp("192.0.2.7", 4711), destination: tcp("198.51.100.1", 443) };
    const conn = await dialled(connect({ port, adapter, clock, tls: { insecure: true }, proxyProtocol }));
    await conn.write("a\n");
    assertEquals(new TextDecoder().decode((await w.until(conn.read()))!), `${CLIENT}a\n`);
    conn.abort();
  });

  it("waits in a drain for header and handshake", async () => {
    await using w = await proxied(FROM, { tls, grace: 8000 });
    w.adapter.clientHost = PROXY;
    const socket = await w.until(w.adapter.connect({ address: w.server.address, tls: {} }));
    const received: Uint8Array[] = [];
    socket.start({ data: (chunk) => received.push(chunk), end: () => socket.shutdown(), drained() {}, gone() {} });
    await w.pass(5);
    const report = w.server.shutdown();
    await w.pass(400);
    socket.write(ascii(`${V1}a\n`));
    const { clean, connections } = await w.until(report);
    assertEquals([clean, connections.accepted, connections.finished], [true, 1, 1]);
    assertEquals(received.map((chunk) => new TextDecoder().decode(chunk)).join(""), `${CLIENT}a\n`);
  });
});

describe("proxyProtocol elsewhere", () => {
  it("works with a listener whose connections are accepted by hand, and its end ends the wait", async () => {
    await using w = await world();
    const { adapter, clock } = w;
    const listener = await listen({ port: 0, hostname: "127.0.0.1", adapter, clock, proxyProtocol: FROM });
    adapter.clientHost = PROXY;
    const accepted = listener.accept();
    const client = await adapter.connect({ address: listener.address });
    client.write(ascii(V1));
    assertEquals(formatAddress((await w.until(accepted)).remote), "192.0.2.7:4711");
    const silent = await adapter.connect({ address: listener.address });
    await w.pass(5);
    await w.until(listener.close());
    let gone = false;
    silent.start({ data() {}, end() {}, drained() {}, gone: () => void (gone = true) });
    await w.pass(5);
    assertEquals([gone, w.clock.pending], [true, 0]);
    client.destroy();
  });

  it("tells HTTP's handlers the client, and that it came by TLS", async () => {
    const ssl = tlv(0x20, [1, 0, 0, 0, 0, ...tlv(0x21, ascii("TLSv1.3"))]);
    const header = binary(0x21, 0x11, [192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 1, 0xbb, ...ssl]);
    await using w = await httpWorld((req, ctx) => new Response(`${formatAddress(ctx.remote)} ${req.url}`), {
      proxyProtocol: FROM,
    });
    for (const [bytes, scheme] of [[header, "https"], [V2, "http"]] as const) {
      const peer = await w.peer({ from: PROXY });
      peer.send(String.fromCharCode(...bytes));
      peer.ask(request("/x"));
      await w.pass(10);
      assertEquals(new TextDecoder().decode(peer.last.body), `192.0.2.7:4711 ${scheme}://test/x`);
    }
  });

  it("refuses what can't be meant, before anything is open", async () => {
    await using w = await world();
    const { adapter, clock } = w;
    const bad: readonly (readonly [unknown, string])[] = [
      [true, "proxyProtocol must be an object"],
      [{}, "proxyProtocol.from"],
      [{ from: [] }, "proxyProtocol.from"],
      [{ from: "10.0.0.0/8" }, "proxyProtocol.from"],
      [{ from: ["10.0.0.0/33"] }, "proxyProtocol.from"],
      [{ from: ["localhost"] }, "proxyProtocol.from"],
      [{ from: ["unix"], required: "no" }, "proxyProtocol.required"],
      [{ from: ["unix"], timeout: -1 }, "proxyProtocol.timeout"],
      [{ from: ["unix"], form: 1 }, "did you mean from"],
    ];
    const open = adapter.listeners.size;
    for (const [proxyProtocol, says] of bad) {
      const options = { port: 0, adapter, clock, proxyProtocol: proxyProtocol as ProxyProtocolOptions };
      await assertRejects(() => listen(options), OptionError, says);
      await assertRejects(() => serveHttp(options, () => new Response()), OptionError, says);
    }
    assertEquals(adapter.listeners.size, open);
  });
});

describe("connect() with proxyProtocol", () => {
  async function sent(proxyProtocol: ProxySendOptions | true): Promise<string> {
    await using w = await proxied({ from: ["loopback"] }, {}, who);
    w.adapter.clientHost = null;
    const { adapter, clock, server } = w;
    const port = server.address.transport === "tcp" ? server.address.port : 0;
    const conn = await dialled(connect({ port, adapter, clock, proxyProtocol }));
    await conn.write("a\n");
    const text = new TextDecoder().decode((await w.until(conn.read()))!);
    conn.abort();
    return text;
  }

  it("speaks for another, or for itself", async () => {
    const source = tcp("192.0.2.7", 4711);
    assertEquals(await sent({ source }), "192.0.2.7:4711 by 127.0.0.1: a\n");
    assertEquals(await sent({ version: 1, source }), "192.0.2.7:4711 by 127.0.0.1: a\n");
    assertEquals(await sent({ version: 1, source: tcp("2001:db8::7", 4711) }), "2001:db8::7:4711 by 127.0.0.1: a\n");
    assertEquals(await sent({ source: { transport: "unix", path: "/x" } }), "127.0.0.1 by nobody: a\n");
    assertEquals(await sent({ command: "local" }), "127.0.0.1 by nobody: a\n");
    assertEquals(await sent({ version: 1, command: "local" }), "127.0.0.1 by nobody: a\n");
    assertEquals(await sent(true), "127.0.0.1 by 127.0.0.1: a\n");
  });

  it("refuses what can't be sent", async () => {
    await using w = await world();
    const { adapter, clock } = w;
    const bad: readonly (readonly [unknown, string])[] = [
      [{ version: 3 }, "proxyProtocol.version"],
      [{ command: "remote" }, "proxyProtocol.command"],
      [{ source: tcp("localhost", 1) }, "proxyProtocol.source"],
      [{ source: tcp("192.0.2.7", 65_536) }, "proxyProtocol.source.port"],
      [{ destination: "192.0.2.7" }, "proxyProtocol.destination"],
      [{ destination: { transport: "unix", path: "x".repeat(109) } }, "more than 108 bytes"],
      [{ version: 1, tlvs: [{ type: 5, value: new Uint8Array(1) }] }, "needs version 2"],
      [{ version: 1, checksum: true }, "needs version 2"],
      [{ tlvs: [{ type: 256, value: new Uint8Array(1) }] }, "proxyProtocol.tlvs.type"],
      [{ tlvs: [{ type: 5, value: new Uint8Array(5000) }] }, "at the most, got 5003"],
      [{ tlvs: {} }, "proxyProtocol.tlvs must be a list"],
      [{ sauce: 1 }, "did you mean source"],
    ];
    for (const [proxyProtocol, says] of bad) {
      const options = { port: 1, adapter, clock, proxyProtocol: proxyProtocol as ProxySendOptions };
      await assertRejects(() => connect(options), OptionError, says);
    }
  });
});
