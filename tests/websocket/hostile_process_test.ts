import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { ATTACK_OFFER, HOLLOW_MESSAGE, MEGABYTE, WS_ATTACKS } from "../fixtures/websocket_attacks.ts";
import { MEMORY_BOUND, Siege, until } from "../support/http_hostile.ts";
import { pause } from "../support/http_loads.ts";
import { runtimeName } from "../support/processes.ts";
import { attackOnce, bytesOf, describeItem, Flooding, wsDrained, type WsOutcome } from "../support/ws_hostile.ts";
import { BINARY, CLOSE, closePayload, PING, TEXT } from "../support/ws_wire.ts";

const ws = { compression: true };
const text = (data: string) => ({ opcode: TEXT, payload: new TextEncoder().encode(data) });

describe("every attack of the table", () => {
  it("gets its Close, a clean end, and nothing else, in bounded memory, while others are served", async () => {
    await using server = await wsDrained({ ws });
    using siege = await Siege.begin(server);
    const wrong: (string | null)[] = [];
    for (const attack of WS_ATTACKS) {
      wrong.push(...await Promise.all(Array.from({ length: 4 }, () => attackOnce(server, attack))));
    }
    assertEquals(wrong.filter((line) => line !== null), []);
    await siege.lifted();
    // Endless messages are dropped as they come; Deno's garbage collector lets some of that gather.
    siege.assertMemory(MEMORY_BOUND);
    const { ran } = await siege.end() as WsOutcome;
    // Whoever is not listened to any more ends with what we said.
    const codes: Record<number, number> = {};
    for (const { close } of WS_ATTACKS) codes[close] = (codes[close] ?? 0) + 4;
    assertEquals([ran.began, ran.messages, ran.ended], [4 * WS_ATTACKS.length, 0, codes]);
  });

  it("costs a message of 900 KB in which there is nothing no more than its bytes", async () => {
    await using server = await wsDrained({ ws });
    using siege = await Siege.begin(server);
    const peers = await server.crowd(4, { offer: ATTACK_OFFER });
    for (const peer of peers) {
      peer.write(peer.bytes(HOLLOW_MESSAGE));
      peer.close(1000);
    }
    for (const peer of peers) {
      const items = [await peer.next(), await peer.next(), await peer.next()].map(describeItem);
      assertEquals(items, ["binary of 0 bytes", "Close 1000", "fin"]);
      peer.socket.end();
    }
    await siege.lifted();
    siege.assertMemory();
    await siege.end();
  });
});

describe("peers that go silent", () => {
  it("in half a frame, half a message or half a Close are dropped by the heartbeat", async () => {
    const heartbeat = { interval: 300, timeout: 200, misses: 0 };
    await using server = await wsDrained({ ws: { heartbeat } });
    using siege = await Siege.begin(server);
    const peers = await server.crowd(150);
    for (const [i, peer] of peers.entries()) {
      const whole = peer.bytes(i % 3 === 2 ? { opcode: CLOSE, payload: closePayload(1000) } : text("half of it"));
      peer.write(i % 3 === 1 ? peer.bytes({ ...text("half"), fin: false }) : whole.subarray(0, 4));
    }
    for (const peer of peers) {
      assertEquals([(await peer.next()).type, describeItem(await peer.next())], ["ping", "reset"]);
    }
    await siege.lifted();
    const { ran } = await siege.end() as WsOutcome;
    assertEquals(ran.ended, { 1006: 150 });
  });

  it("that sent their Close and nothing more are let go of after the linger", async () => {
    await using server = await wsDrained();
    using siege = await Siege.begin(server);
    const peers = await server.crowd(50);
    for (const peer of peers) peer.close(1000);
    for (const peer of peers) assertEquals([(await peer.next()).type, (await peer.next()).type], ["close", "end"]);
    // None of them sends its FIN.
    await siege.lifted();
    const { ran } = await siege.end() as WsOutcome;
    assertEquals(ran.ended, { 1000: 50 });
  });
});

describe("peers that don't read", () => {
  it("and flood with pings, texts or large messages are not read from, and dropped after writeTimeout", async () => {
    await using server = await wsDrained({ http: { writeTimeout: 5000 }, ws: { heartbeat: false } });
    using siege = await Siege.begin(server);
    const floods = [
      Array.from({ length: 4000 }, () => ({ opcode: PING, payload: new Uint8Array(125) })),
      Array.from({ length: 4000 }, () => text("a text to be echoed")),
      [{ opcode: BINARY, payload: new Uint8Array(MEGABYTE) }],
    ];
    const peers = await server.crowd(6);
    using flooding = new Flooding(peers.map((peer, i) => [peer, bytesOf(peer, floods[i % floods.length])]));
    await until("the floods to be stemmed", () => flooding.stemmedFor > 700);
    assertEquals(peers.filter((peer) => peer.isOver).length, 0, "dropped, not stemmed");
    const before = siege.served;
    await pause(500);
    assertGreater(siege.served - before, 10);
    // Of each, what it was sent and doesn't read, a message to be echoed, and one that comes.
    siege.assertMemory(peers.length * 4 * MEGABYTE);
    await siege.lifted();
    const { ran } = await siege.end() as WsOutcome;
    assertEquals(ran.ended, { 1006: peers.length });
  });
});

describe("peers that send much", () => {
  it("as 30,000 tiny messages in one write are echoed all of them in order", async () => {
    await using server = await wsDrained();
    using siege = await Siege.begin(server);
    const peer = await server.peer();
    const sent = Array.from({ length: 30_000 }, (_, i) => String(i));
    peer.write(bytesOf(peer, sent.map(text)));
    let wrong = 0;
    for (const message of sent) {
      const item = await peer.next();
      if (item.type !== "text" || new TextDecoder().decode(item.payload) !== message) wrong++;
    }
    assertEquals(wrong, 0);
    siege.assertMemory();
    peer.close(1000);
    assertEquals([(await peer.next()).type, (await peer.next()).type], ["close", "end"]);
    peer.socket.end();
    await siege.lifted();
    await siege.end();
  });

  it("byte by byte, 200 of them at once, are echoed", async () => {
    await using server = await wsDrained();
    using siege = await Siege.begin(server);
    const peers = await server.crowd(200);
    const bytes = peers.map((peer) => peer.bytes(text("drop by drop")));
    for (let at = 0; at < bytes[0].length; at++) {
      for (const [i, peer] of peers.entries()) peer.write(bytes[i].subarray(at, at + 1));
      await pause(5);
    }
    for (const peer of peers) assertEquals(describeItem(await peer.next()), "text of 12 bytes");
    for (const peer of peers) peer.close(1000);
    for (const peer of peers) assertEquals([(await peer.next()).type, (await peer.next()).type], ["close", "end"]);
    for (const peer of peers) peer.socket.end();
    await siege.lifted();
    siege.assertMemory();
    const { ran } = await siege.end() as WsOutcome;
    assertEquals([ran.messages, ran.ended], [200, { 1000: 200 }]);
  });

  it("after their Close are not run, and get the Close's answer", async () => {
    // A busy machine may need longer than the default to take 1.2 GB.
    await using server = await wsDrained({ http: { lingerTimeout: 30_000 } });
    using siege = await Siege.begin(server);
    const peers = await server.crowd(20);
    const each = 60 * MEGABYTE;
    const more = Buffer.alloc(each, peers[0].bytes({ opcode: BINARY, payload: new Uint8Array(65536) }));
    for (const peer of peers) {
      peer.write(bytesOf(peer, [text("before"), { opcode: CLOSE, payload: closePayload(1000) }]));
      peer.write(more);
    }
    for (const peer of peers) {
      const types = [(await peer.next()).type, (await peer.next()).type, (await peer.next()).type];
      assertEquals(types, ["text", "close", "end"]);
      peer.socket.end();
    }
    await siege.lifted();
    // Garbage collectors let dropped chunks gather, of a socket whose data nobody keeps as well: Deno's 400 MiB, and Node
    // 24's 175 MiB on a busy machine. Kept, it would be all of it.
    siege.assertMemory((peers.length * each) / (runtimeName() === "deno" ? 2 : 4));
    const { ran } = await siege.end() as WsOutcome;
    assertEquals([ran.messages, ran.ended], [20, { 1000: 20 }]);
  });
});

describe("peers that come and go", () => {
  it("500 resets in every state of a WebSocket leave nothing behind", async () => {
    await using server = await wsDrained({ ws });
    using siege = await Siege.begin(server);
    const acts = [
      [],
      [{ ...text("half"), fin: false }],
      [text("echoed")],
      [{ opcode: PING }],
      [{ opcode: CLOSE, payload: closePayload(1000) }],
      [{ opcode: BINARY, payload: new Uint8Array(MEGABYTE) }],
      Array.from({ length: 1000 }, () => text("many")),
    ];
    for (const [i, peer] of (await server.crowd(500)).entries()) {
      peer.write(bytesOf(peer, acts[i % acts.length]));
      if (Math.random() < 0.2) await pause(1);
      peer.socket.resetAndDestroy();
    }
    await siege.lifted();
    siege.assertMemory(MEMORY_BOUND);
    const { ran } = await siege.end() as WsOutcome;
    const ends = Object.entries(ran.ended).map(([code, number]) => [Number(code), number]);
    assertEquals([ran.began, ends.reduce((sum, [, number]) => sum + number, 0)], [500, 500]);
    assert(ends.every(([code]) => code === 1000 || code === 1006), JSON.stringify(ran.ended));
  });
});
