/**
 * TLS on both ends.
 *
 * @module
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { formatAddress } from "../../../src/address.ts";
import type { Address } from "../../../src/endpoint.ts";
import { ConnectError, ListenError } from "../../../src/errors.ts";
import type { RawSocket } from "../../../src/socket.ts";
import type { Features, Rule } from "./mod.ts";
import {
  bytes,
  concat,
  type Door,
  firstDifference,
  type Pair,
  pattern,
  Recorder,
  type Rig,
} from "../../support/rig.ts";
import { TEST_CERT, TEST_KEY } from "../../support/tls.ts";

const MIB = 1024 * 1024;
const TRUST = { ca: TEST_CERT, serverName: "localhost" };

async function tlsDoor(rig: Rig, alpnProtocols?: readonly string[]): Promise<Door> {
  const door = await rig.listen({ tls: { cert: TEST_CERT, key: TEST_KEY, alpnProtocols } });
  door.open();
  return door;
}

async function tlsPair(rig: Rig, server?: readonly string[], client?: readonly string[]): Promise<Pair> {
  const door = await tlsDoor(rig, server);
  const tls = { ...TRUST, alpnProtocols: client };
  const [near, far] = await Promise.all([rig.connect(door.listener.address, tls), door.next()]);
  const c = new Recorder();
  const s = new Recorder();
  rig.start(near, c);
  rig.start(far, s);
  return { client: near, server: far, c, s };
}

/** Reads a plain socket up to a mark, and pauses it: what came, and what came behind it. */
async function firstWords(socket: RawSocket, mark: string): Promise<[RawSocket, string, Uint8Array]> {
  const recorder = new Recorder();
  recorder.onData = () => recorder.text().includes(mark) && socket.pause();
  socket.start(recorder);
  await recorder.until("the first words", () => recorder.text().includes(mark));
  const all = concat(recorder.chunks, recorder.length);
  const end = all.indexOf(mark.charCodeAt(0)) + 1;
  return [socket, new TextDecoder().decode(all.subarray(0, end)), all.slice(end)];
}

export function tlsRules(rule: Rule, features: Features): void {
  rule("TLS echoes and ends cleanly both ways", async (rig) => {
    const { client, server, c, s } = await tlsPair(rig);
    s.onData = (chunk) => server.write(chunk);
    s.onEnd = () => server.shutdown();
    client.write(bytes("hello"));
    await c.received(5);
    client.shutdown();
    await Promise.all([c.event("gone"), s.event("gone")]);
    assertEquals(c.text(), "hello");
    assertEquals(c.log.filter((event) => event !== "drained"), ["data", "end", "gone"]);
    assertEquals([c.error, s.error], [undefined, undefined]);
    assertEquals([client.alpnProtocol, server.alpnProtocol], [null, null]);
  });

  rule("ALPN agrees on the server's most wanted protocol", async (rig) => {
    const { client, server } = await tlsPair(rig, ["h2", "http/1.1"], ["http/1.1", "x"]);
    assertEquals([client.alpnProtocol, server.alpnProtocol], ["http/1.1", "http/1.1"]);
  });

  rule("TLS keeps early bytes, backpressure and order", async (rig) => {
    const { client, server, c, s } = await tlsPair(rig);
    const sent = pattern(8 * MIB);
    client.pause();
    assertEquals(server.write(sent), false);
    await rig.barrier();
    assert(server.unsent > 0);
    client.resume();
    await c.received(sent.length);
    await s.event("drained");
    assertEquals(server.unsent, 0);
    assertEquals(firstDifference(concat(c.chunks), sent), -1);
  });

  rule("TLS: after the peer's end a large answer still arrives whole", async (rig) => {
    const { client, server, c, s } = await tlsPair(rig);
    const answer = pattern(4 * MIB);
    s.onEnd = () => {
      server.write(answer);
      server.shutdown();
    };
    client.shutdown();
    await Promise.all([c.event("gone"), s.event("gone")]);
    assertEquals(firstDifference(concat(c.chunks), answer), -1);
    assertEquals([c.error, s.error], [undefined, undefined]);
  });

  rule("TLS: nothing is emitted before start(), and early bytes are kept", async (rig) => {
    const door = await tlsDoor(rig);
    const [client, server] = await Promise.all([rig.connect(door.listener.address, TRUST), door.next()]);
    rig.start(client);
    client.write(bytes("early"));
    await rig.barrier();
    const late = rig.start(server);
    await late.received(5);
    assertEquals(late.text(), "early");
  });

  const breaks: [string, (pair: Pair) => void | Promise<void>][] = [
    ["at once", ({ server }) => server.destroy()],
    ["inside data", ({ client, server, s }) => {
      s.onData = () => server.destroy();
      client.write(bytes("x"));
    }],
    ["with bytes unsent", async ({ client, server, s }) => {
      s.onData = () => {
        server.write(new Uint8Array(8 * MIB));
        server.destroy();
      };
      client.write(bytes("x"));
      await s.event("gone");
    }],
    ["after shutdown()", ({ server }) => {
      server.write(bytes("x"));
      server.shutdown();
      server.destroy();
    }],
  ];
  for (const [when, destroy] of breaks) {
    rule(`TLS: destroy() ${when} is no error here, and the peer is told`, async (rig) => {
      const pair = await tlsPair(rig);
      const { client, c, s } = pair;
      await destroy(pair);
      await s.event("gone");
      assertEquals(s.error, undefined);
      await c.until("end or gone", () => c.has("end") || c.has("gone"));
      if (when === "after shutdown()" || features.tlsReset === false) return client.destroy();
      await c.event("gone");
      assertEquals(c.has("end"), false);
      assert(c.error instanceof Error);
    });
  }

  rule("TLS: destroy() inside accepted crashes nobody", async (rig) => {
    const door = await rig.listen({ tls: { cert: TEST_CERT, key: TEST_KEY } });
    const recorder = new Recorder();
    door.onAccepted = (socket) => {
      rig.start(socket, recorder);
      socket.destroy();
    };
    door.open();
    const client = await rig.connect(door.listener.address, TRUST).catch(() => null);
    await recorder.until("accepted and closed", () => recorder.has("gone"));
    client?.destroy();
    assertEquals(recorder.log, ["gone"]);
  });

  rule("a failed handshake reaches nobody, and the next client is served", async (rig) => {
    const door = await tlsDoor(rig);
    const plain = await rig.connect(door.listener.address);
    const p = rig.start(plain);
    plain.write(bytes("GET / HTTP/1.1\r\n\r\n"));
    await p.until("end or gone", () => p.has("end") || p.has("gone"));
    const gone = await rig.connect(door.listener.address);
    gone.destroy();
    const error = await assertRejects(() => rig.connect(door.listener.address, { serverName: "localhost" }));
    assert(error instanceof ConnectError);
    await rig.barrier();
    assertEquals(door.accepted.length, 0);
    const client = rig.start(await rig.connect(door.listener.address, TRUST));
    const server = await door.next();
    rig.start(server);
    server.write(bytes("served"));
    await client.received(6);
  });

  rule("close() lets handshakes go on, and they are handed over; dropHandshakes() ends them", async (rig) => {
    const door = await tlsDoor(rig);
    const plain = await rig.connect(door.listener.address);
    await rig.barrier();
    await door.listener.close();
    assertEquals(door.listener.handshakes?.(), 1);
    const silent = rig.start(plain);
    assertEquals(door.listener.dropHandshakes?.(), []);
    await silent.until("end or gone", () => silent.has("end") || silent.has("gone"));
    for (let i = 0; i < 100 && door.listener.handshakes?.() !== 0; i++) await rig.barrier();
    assertEquals([door.accepted.length, door.listener.handshakes?.()], [0, 0]);
  });

  rule("connect() refuses a certificate for another name", async (rig) => {
    const door = await tlsDoor(rig);
    const tls = { ca: TEST_CERT, serverName: "example.com" };
    const error = await assertRejects(() => rig.connect(door.listener.address, tls), ConnectError);
    assert(error.cause instanceof Error);
  });

  rule("connect() with insecure takes any certificate, and no other protocol", async (rig) => {
    const door = await tlsDoor(rig);
    for (const tls of [{ insecure: true }, { insecure: true, serverName: "example.com" }]) {
      const client = rig.start(await rig.connect(door.listener.address, tls));
      const server = await door.next();
      rig.start(server);
      server.write(bytes("hello"));
      await client.received(5);
      assertEquals(client.text(), "hello");
    }
    for (const tls of [{ insecure: false }, {}]) {
      await assertRejects(() => rig.connect(door.listener.address, tls), ConnectError);
    }
    const plain = await rig.listen();
    plain.open();
    const refused = assertRejects(() => rig.connect(plain.listener.address, { insecure: true }), ConnectError);
    (await plain.next()).destroy();
    await refused;
  });

  rule("a certificate or key that can't be read rejects with ListenError and opens nothing", async (rig) => {
    const door = await rig.listen();
    const { address } = door.listener;
    await door.listener.close();
    const bad = await assertRejects(
      () => rig.listen({ address, tls: { cert: "no certificate", key: TEST_KEY } }),
      ListenError,
    );
    assert(/certificate|cert/i.test(bad.message), bad.message);
    await assertRejects(() => rig.listen({ address, tls: { cert: TEST_CERT, key: "no key" } }), ListenError);
    await rig.listen({ address });
  });
}

/** TLS that begins behind something else. */
export function laterRules(rule: Rule): void {
  rule("secure() begins TLS behind what was said in plain text, as one of the handshakes", async (rig) => {
    const door = await rig.listen({ tls: { cert: TEST_CERT, key: TEST_KEY }, secureLater: true });
    door.open();
    const { address } = door.listener;
    const sent: string[] = [];
    const preface = (local: Address, remote: Address) => {
      sent.push(formatAddress(remote));
      return bytes(`I am ${formatAddress(local)};`);
    };
    const dialled = rig.adapter.connect({ address, tls: TRUST, preface });
    const [plain, said, unread] = await firstWords(await door.next(), ";");
    assertEquals([said, sent], [`I am ${formatAddress(plain.remote)};`, [formatAddress(address)]]);
    const secured = door.listener.secure!(plain, unread);
    assertEquals(door.listener.handshakes?.(), 1);
    const [client, server] = [await dialled, (await secured)!];
    assertEquals(door.listener.handshakes?.(), 0);
    const [c, s] = [rig.start(client), rig.start(server)];
    s.onData = (chunk) => server.write(chunk) || server.pause();
    s.onDrained = () => server.resume();
    s.onEnd = () => server.shutdown();
    const all = pattern(2 * MIB);
    client.write(all);
    await c.received(all.length);
    assertEquals(firstDifference(concat(c.chunks, c.length), all), -1);
    client.shutdown();
    await Promise.all([c.event("gone"), s.event("gone")]);
    assertEquals([c.error, s.error], [undefined, undefined]);
  });

  rule("secure() gives null for who is no TLS client, and behind dropHandshakes()", async (rig) => {
    const door = await rig.listen({ tls: { cert: TEST_CERT, key: TEST_KEY }, secureLater: true });
    door.open();
    const noise = await rig.connect(door.listener.address);
    noise.write(bytes("x;this is no handshake at all, and never will be one"));
    const [plain, , unread] = await firstWords(await door.next(), ";");
    const silent = rig.start(noise);
    assertEquals(await door.listener.secure!(plain, unread), null);
    await silent.until("end or gone", () => silent.has("end") || silent.has("gone"));
    const waiting = await rig.connect(door.listener.address);
    waiting.write(bytes("x;"));
    const told = rig.start(waiting);
    const [mute, , nothing] = await firstWords(await door.next(), ";");
    const secured = door.listener.secure!(mute, nothing);
    await rig.barrier();
    assertEquals(door.listener.dropHandshakes?.(), []);
    assertEquals([await secured, door.listener.handshakes?.()], [null, 0]);
    await told.until("end or gone", () => told.has("end") || told.has("gone"));
  });
}
