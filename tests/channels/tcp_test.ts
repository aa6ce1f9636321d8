import { describe, it } from "node:test";
import { assertEquals, assertLess } from "@std/assert";
import { type AcceptOptions, CLOSE_CODES } from "../../src/channels/mod.ts";
import { channelsWorld, type TcpTalker } from "../support/channels_world.ts";

const OPEN: AcceptOptions = { authorize: () => true, onMessage: () => {}, onCall: ({ data }) => data };

/** Bytes behind their length. */
function behindLength(...bytes: number[]): Uint8Array {
  const all = new Uint8Array(4 + bytes.length);
  new DataView(all.buffer).setUint32(0, bytes.length);
  all.set(bytes, 4);
  return all;
}

function raw(client: TcpTalker, bytes: Uint8Array): void {
  client.conn.write(bytes).catch(() => {});
}

describe("a client on TCP", () => {
  it("has the same conversation", async () => {
    await using w = await channelsWorld({ instance: "i1" }, OPEN);
    const client = await w.dialTcp();
    assertEquals((await client.hello({ subs: [["a", null, { member: "x" }], ["$no"]] })).slice(2), [
      false,
      client.of("welcome")[0][3],
      "i1",
      65_536,
    ]);
    await client.next("live");
    await client.next("members");
    client.say(["pub", 1, "a", Uint8Array.of(1, 2), { h: "é" }], ["msg", 2, null, "x"], [
      "call",
      1,
      ["m", 0],
      Uint8Array.of(3),
    ]);
    await client.next("ok", 2);
    await client.next("m");
    assertEquals(client.of("m"), [["m", "a", 2, Uint8Array.of(1, 2), { h: "é" }]]);
    assertEquals((await client.next("answer"))[3], Uint8Array.of(3));
    assertEquals((await client.next("refused"))[2], "bad-channel");
    await w.channels.sendTo(client.of("welcome")[0][3] as string, "d");
    const [, id] = await client.next("d");
    client.say(["ack", [id]], ["unsub", ["a"]]);
    await client.next("unsubbed");
    client.cut();
    await w.pass(10);
    const again = await w.dialTcp();
    assertEquals((await again.hello({ ticket: client.ticket, subs: [["a", { a: client.position("a") }]] }))[2], true);
    await again.next("live");
    await w.quiet();
    assertEquals([again.of("d"), again.of("gap")], [[], []]);
  });

  it("a session may change its way", async () => {
    await using w = await channelsWorld({}, OPEN);
    const ws = await w.client({ subs: [["a"]] });
    await w.channels.publish("a", 1);
    await ws.next("m");
    const tcp = await w.dialTcp();
    await tcp.hello({ ticket: ws.ticket, subs: [["a", { a: ws.position("a") }]] });
    await tcp.next("live");
    assertEquals(await ws.ended(), CLOSE_CODES.fenced);
    const back = await w.client({ ticket: ws.ticket, subs: [["a", { a: tcp.position("a") }]] });
    await back.next("live");
    assertEquals(await tcp.ended(), CLOSE_CODES.fenced);
  });

  for (
    const [name, bytes] of [
      ["an empty frame", behindLength()],
      ["a kind that is none", behindLength(2, 91, 93)],
      ["text that is none", behindLength(0, 0xff)],
      ["no JSON", behindLength(0, 123)],
      ["bytes without a head", behindLength(1)],
      ["a head beyond the end", behindLength(1, 0, 9, 91)],
    ] as const
  ) {
    it(`${name} ends the connection with words`, async () => {
      await using w = await channelsWorld({}, OPEN);
      for (const isOpen of [false, true]) {
        const client = await w.dialTcp();
        if (isOpen) await client.hello();
        raw(client, bytes);
        assertEquals([await client.ended(), client.of("error")[0][1]], [CLOSE_CODES.protocol, "bad-frame"]);
      }
    });
  }

  it("a frame beyond reason, or half of one, costs that connection alone", async () => {
    await using w = await channelsWorld({ limits: { maxMessageBytes: 100 }, session: { expiry: 10 } }, OPEN);
    const other = await w.dialTcp();
    await other.hello({ subs: [["a"]] });
    const large = await w.dialTcp();
    await large.hello();
    raw(large, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0));
    await large.ended();
    const half = await w.dialTcp();
    await half.hello();
    raw(half, Uint8Array.of(0, 0, 0, 9, 0, 91));
    half.cut();
    await w.pass(50);
    await w.channels.publish("a", 1);
    await other.next("m");
    assertEquals(w.channels.size, 1);
  });

  it("that does not read its answers is heard again when it does", async () => {
    await using w = await channelsWorld({}, OPEN);
    const client = await w.dialTcp();
    await client.hello();
    client.socket.stall(true);
    const name = "x".repeat(16_000);
    for (let i = 1; i <= 200; i++) client.say(["unsub", [name]]);
    await w.quiet();
    assertLess(client.socket.peer.unsent, 600_000);
    client.socket.stall(false);
    await w.within(5000, () => client.of("unsubbed").length === 200);
  });

  it("that reads slowly is read for from the log", async () => {
    await using w = await channelsWorld();
    const client = await w.dialTcp();
    await client.hello({ subs: [["a"]] });
    await client.next("live");
    client.socket.stall(true);
    for (let i = 1; i <= 100; i++) await w.channels.publish("a", `${i} ${"x".repeat(16_000)}`);
    await w.quiet();
    assertLess(client.socket.peer.unsent, 400_000);
    client.socket.stall(false);
    await w.within(5000, () => client.of("m").length === 100);
    assertEquals(client.offsets("a"), Array.from({ length: 100 }, (_, i) => i + 1));
  });
});
