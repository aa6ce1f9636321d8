/**
 * Bytes, backpressure and flow control.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Rule } from "./mod.ts";
import { bytes, concat, firstDifference, pattern } from "../../support/rig.ts";

const MIB = 1024 * 1024;

export function dataRules(rule: Rule): void {
  rule("bytes arrive both ways", async (rig) => {
    const { client, server, c, s } = await rig.pair();
    s.onData = (chunk) => server.write(chunk);
    client.write(bytes("hello "));
    client.write(bytes("world"));
    await c.received(11);
    assertEquals(c.text(), "hello world");
  });

  rule("nothing is emitted before start(), and the peer's early bytes are kept", async (rig) => {
    const { client, server } = await rig.pair("client");
    client.write(bytes("early"));
    client.shutdown();
    await rig.barrier();
    const late = rig.start(server);
    await late.event("end");
    assertEquals(late.text(), "early");
    assertEquals(late.log, ["data", "end"]);
  });

  rule("start() emits nothing before it returns", async (rig) => {
    const { client, server } = await rig.pair("client");
    client.write(bytes("early"));
    await rig.barrier();
    const late = rig.start(server);
    assertEquals(late.log, []);
    await late.received(5);
  });

  rule("a write before start() leaves", async (rig) => {
    const { server, c } = await rig.pair("client");
    server.write(bytes("greeting"));
    await c.received(8);
    assertEquals(c.text(), "greeting");
  });

  rule("a big write to a reader that waits returns false, drains once, and arrives in order", async (rig) => {
    const { client, server, c, s } = await rig.pair("server");
    const sent = pattern(20 * MIB);
    let unsentWhenDrained = -1;
    s.onDrained = () => unsentWhenDrained = server.unsent;
    assertEquals(server.write(sent), false);
    await rig.barrier();
    assert(server.unsent > 0, "unsent is not 0");
    assert(server.unsent <= sent.length, "unsent is not more than was written");
    assertEquals(s.log, []);
    rig.start(client, c);
    await c.received(sent.length);
    await s.event("drained");
    await rig.barrier();
    assertEquals(s.log, ["drained"]);
    assertEquals(unsentWhenDrained, 0);
    assertEquals(server.unsent, 0);
    assertEquals(firstDifference(concat(c.chunks), sent), -1);
  });

  for (const [what, piece] of [["at once", 40 * MIB], ["in many pieces", 100_000]] as const) {
    rule(`unsent falls while a reader takes what was written ${what}`, async (rig) => {
      const { client, server, c } = await rig.pair();
      client.pause();
      for (let written = 0; written < 40 * MIB; written += piece) server.write(new Uint8Array(piece));
      await rig.barrier();
      const before = server.unsent;
      client.resume();
      await c.received(20 * MIB);
      client.pause();
      await rig.barrier();
      assert(server.unsent > 0 && server.unsent < before, `unsent was ${before}, and is ${server.unsent}`);
    });
  }

  rule("drained follows a false of a small write as well", async (rig) => {
    const { client, server, c, s } = await rig.pair("server");
    const piece = new Uint8Array(1024);
    let written = piece.length;
    while (server.write(piece) && written < 64 * MIB) written += piece.length;
    assert(server.unsent > 0, "the kernel took no more");
    rig.start(client, c);
    await s.event("drained");
    await c.received(written);
    assertEquals(server.unsent, 0);
  });

  rule("several writes while the peer waits arrive in order and drain once", async (rig) => {
    const { client, server, c, s } = await rig.pair("server");
    const sent = pattern(8 * MIB);
    let accepted = true;
    for (let at = 0; at < sent.length; at += MIB) accepted = server.write(sent.subarray(at, at + MIB)) && accepted;
    assertEquals(accepted, false);
    await rig.barrier();
    rig.start(client, c);
    await c.received(sent.length);
    await s.event("drained");
    await rig.barrier();
    assertEquals(s.log, ["drained"]);
    assertEquals(firstDifference(concat(c.chunks), sent), -1);
  });

  rule("write() is true exactly when nothing is unsent, and drained follows every false", async (rig) => {
    const { client, server, c, s } = await rig.pair();
    c.onData = (chunk) => client.write(chunk);
    let falses = 0;
    for (let round = 1; round <= 50; round++) {
      const drains = s.log.filter((event) => event === "drained").length;
      const full = server.write(bytes("ping"));
      assertEquals(full, server.unsent === 0);
      if (!full) {
        falses++;
        await s.until("drained", () => s.log.filter((event) => event === "drained").length > drains);
        assertEquals(server.unsent, 0);
      }
      await s.received(4 * round);
    }
    assertEquals(s.log.filter((event) => event === "drained").length, falses);
  });

  rule("the caller may reuse its bytes as soon as unsent is 0", async (rig) => {
    const { server, c, s } = await rig.pair();
    const scratch = new Uint8Array(1000);
    for (let round = 0; round < 50; round++) {
      scratch.fill(round);
      const drains = s.log.length;
      if (!server.write(scratch)) await s.until("drained", () => s.log.length > drains);
      scratch.fill(255);
    }
    await c.received(50_000);
    const expected = concat(Array.from({ length: 50 }, (_, round) => new Uint8Array(1000).fill(round)));
    assertEquals(firstDifference(concat(c.chunks), expected), -1);
  });

  rule("writeText(), where there is one, sends UTF-8 in order with bytes, and counts bytes", async (rig) => {
    const { client, server, c, s } = await rig.pair("server");
    if (server.writeText === undefined) return;
    const text = "żółw ".repeat(2_000_000);
    const length = bytes(text).length;
    server.write(bytes("a"));
    assertEquals(server.writeText("é"), 2);
    assertEquals(server.writeText(text), length);
    assert(server.unsent > 0 && server.unsent <= 3 + length, `${server.unsent} unsent`);
    server.write(bytes("z"));
    rig.start(client, c);
    await s.until("drained", () => s.log.includes("drained"));
    assertEquals(server.unsent, 0);
    await c.received(1 + 2 + length + 1);
    assertEquals(firstDifference(concat(c.chunks), bytes("aé" + text + "z")), -1);
  });

  rule("a write inside drained leaves as well", async (rig) => {
    const { client, server, c, s } = await rig.pair("server");
    s.onDrained = () => {
      s.onDrained = undefined;
      server.write(bytes("more"));
    };
    server.write(new Uint8Array(8 * MIB));
    rig.start(client, c);
    await c.received(8 * MIB + 4);
  });

  rule("an empty write is harmless", async (rig) => {
    const { server, c } = await rig.pair();
    assertEquals(server.write(new Uint8Array(0)), true);
    server.write(bytes("x"));
    await c.received(1);
    assertEquals(c.text(), "x");
  });

  rule("pause() stops data and lets the sender feel it, resume() brings the rest", async (rig) => {
    const { client, server, c } = await rig.pair();
    const sent = pattern(20 * MIB);
    client.pause();
    c.silent = true;
    server.write(sent);
    await rig.barrier();
    assert(server.unsent > 0, "the sender is held back");
    c.silent = false;
    client.resume();
    await c.received(sent.length);
    assertEquals(firstDifference(concat(c.chunks), sent), -1);
  });

  rule("pause() inside data stops the next chunk, again and again", async (rig) => {
    const { client, server, c } = await rig.pair();
    const sent = pattern(2 * MIB);
    let turns = 0;
    c.onData = () => {
      client.pause();
      c.silent = true;
      turns++;
      setTimeout(() => {
        c.silent = false;
        client.resume();
      }, 1);
    };
    server.write(sent);
    await c.received(sent.length);
    assert(turns > 1, "the data came in several chunks");
    assertEquals(firstDifference(concat(c.chunks), sent), -1);
    await rig.barrier();
    await new Promise((resolve) => setTimeout(resolve, 10));
  });

  rule("pause() holds the peer's FIN back as well", async (rig) => {
    const { client, server, c } = await rig.pair();
    client.pause();
    c.silent = true;
    server.write(bytes("last"));
    server.shutdown();
    await rig.barrier();
    c.silent = false;
    client.resume();
    await c.event("end");
    assertEquals(c.text(), "last");
  });

  rule("pause() before start() holds", async (rig) => {
    const { client, server, c } = await rig.pair("none");
    client.pause();
    rig.start(client, c);
    c.silent = true;
    server.write(bytes("held"));
    await rig.barrier();
    c.silent = false;
    client.resume();
    await c.received(4);
  });

  rule("pause() and resume() twice are harmless", async (rig) => {
    const { client, server, c } = await rig.pair();
    client.pause();
    client.pause();
    client.resume();
    client.resume();
    server.write(bytes("x"));
    await c.received(1);
  });

  rule("a chunk belongs to its receiver: it is not used again", async (rig) => {
    const { client, server, c, s } = await rig.pair();
    s.onData = (chunk) => server.write(chunk.slice());
    for (let round = 1; round <= 40; round++) {
      client.write(new Uint8Array(1000).fill(round));
      await c.received(1000 * round);
      // What was received in even rounds is overwritten here, what came in odd ones must stay.
      if (round % 2 === 0) { for (const chunk of c.chunks.slice(-1)) chunk.fill(0); }
    }
    const kept = concat(c.chunks);
    for (let round = 1; round <= 40; round += 2) {
      const part = kept.subarray((round - 1) * 1000, (round - 1) * 1000 + 1000);
      assert(part.every((byte) => byte === round), `round ${round} is as it came`);
    }
  });

  rule("setNoDelay() and setKeepAlive() disturb nothing, before and after the end", async (rig) => {
    const { client, server, c, s } = await rig.pair();
    server.setNoDelay(true);
    server.setNoDelay(false);
    server.setKeepAlive(true, 30_000);
    server.setKeepAlive(false, 0);
    server.write(bytes("x"));
    await c.received(1);
    server.destroy();
    await s.event("gone");
    server.setNoDelay(true);
    server.setKeepAlive(true, 30_000);
    client.destroy();
  });
}
