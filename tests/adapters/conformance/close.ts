/**
 * Ends: FIN, reset, and the order of the last events.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Features, Rule } from "./mod.ts";
import { bytes, concat, firstDifference, type Pair, pattern, Recorder, type Rig } from "../../support/rig.ts";

const MIB = 1024 * 1024;

/** The server destroys what it can't have sent, as nobody has read; then the client reads on to its end. */
async function destroyUnsent(rig: Rig, { client, server, c, s }: Pair): Promise<void> {
  server.write(new Uint8Array(20 * MIB));
  server.shutdown();
  server.destroy();
  await rig.barrier();
  rig.start(client, c);
  await Promise.all([c.event("gone"), s.event("gone")]);
}

export function closeRules(rule: Rule, features: Features): void {
  rule("after our FIN we still read, after the peer's FIN we still write to the end", async (rig) => {
    const { client, server, c, s } = await rig.pair();
    const answer = pattern(8 * MIB);
    s.onEnd = () => {
      server.write(answer);
      server.shutdown();
    };
    client.write(bytes("question"));
    client.shutdown();
    await Promise.all([c.event("gone"), s.event("gone")]);
    assertEquals(s.text(), "question");
    assertEquals(firstDifference(concat(c.chunks), answer), -1);
    assert(c.has("end"));
    assertEquals([c.error, s.error], [undefined, undefined]);
  });

  rule("a half-closed connection stays open until the other end closes too", async (rig) => {
    const { client, server, c, s } = await rig.pair();
    client.shutdown();
    await s.event("end");
    await rig.barrier();
    assertEquals(c.log, []);
    assertEquals(s.log, ["end"]);
    server.write(bytes("still here"));
    await c.received(10);
    server.shutdown();
    await Promise.all([c.event("gone"), s.event("gone")]);
    assertEquals([c.error, s.error], [undefined, undefined]);
  });

  rule("shutdown() flushes what was written first", async (rig) => {
    const { client, server, c } = await rig.pair("server");
    const sent = pattern(8 * MIB);
    server.write(sent);
    server.shutdown();
    await rig.barrier();
    rig.start(client, c);
    await c.event("end");
    assertEquals(firstDifference(concat(c.chunks), sent), -1);
  });

  rule("drained follows a false write even after shutdown()", async (rig) => {
    const { client, server, c, s } = await rig.pair("server");
    assertEquals(server.write(new Uint8Array(8 * MIB)), false);
    server.shutdown();
    rig.start(client, c);
    await c.event("end");
    await s.event("drained");
    assertEquals(s.log, ["drained"]);
    assertEquals(server.unsent, 0);
  });

  rule("shutdown() before start() reaches the peer", async (rig) => {
    const { server, c } = await rig.pair("client");
    server.write(bytes("bye"));
    server.shutdown();
    await c.event("end");
    assertEquals(c.text(), "bye");
  });

  rule("shutdown() twice, and from both ends at once, is harmless", async (rig) => {
    const { client, server, c, s } = await rig.pair();
    client.shutdown();
    server.shutdown();
    client.shutdown();
    server.shutdown();
    await Promise.all([c.event("gone"), s.event("gone")]);
    assertEquals(c.log, ["end", "gone"]);
    assertEquals(s.log, ["end", "gone"]);
    assertEquals([c.error, s.error], [undefined, undefined]);
  });

  rule("destroy() is a reset to a peer that is still open, and no error here", async (rig) => {
    const { client, server, c, s } = await rig.pair();
    client.write(bytes("x"));
    await s.received(1);
    server.destroy();
    await Promise.all([c.event("gone"), s.event("gone")]);
    assertEquals(s.error, undefined);
    assertEquals(c.log, ["gone"]);
    assertEquals((c.error as Error & { code?: string })?.code, "ECONNRESET");
  });

  rule("destroy() with unsent bytes is a reset, never a clean end", async (rig) => {
    const pair = await rig.pair("server");
    await destroyUnsent(rig, pair);
    assert(pair.c.error instanceof Error);
    assertEquals(pair.c.has("end"), false);
    assertEquals(pair.s.error, undefined);
  });

  rule("destroy() with unsent bytes is a reset even after the peer's FIN", async (rig) => {
    const pair = await rig.pair("server");
    pair.client.shutdown();
    await pair.s.event("end");
    await destroyUnsent(rig, pair);
    if (features.resetAfterFin === false) return;
    assert(pair.c.error instanceof Error);
    assertEquals(pair.c.has("end"), false);
  });

  rule("shutdown() and destroy() in one breath close, and leave nothing", async (rig) => {
    const { client, server, c, s } = await rig.pair();
    server.write(bytes("x"));
    server.shutdown();
    server.destroy();
    await s.event("gone");
    assertEquals(s.log, ["gone"]);
    assertEquals(s.error, undefined);
    client.shutdown();
    await c.event("gone");
  });

  rule("a reset together with bytes: the bytes, then gone(error), and no end", async (rig) => {
    const { client, server } = await rig.pair("client");
    client.write(bytes("last words"));
    await rig.barrier();
    client.destroy();
    await rig.barrier();
    const late = rig.start(server);
    await late.event("gone");
    assertEquals(late.has("end"), false);
    assert(late.error instanceof Error);
  });

  rule("destroy() with unread bytes is a reset", async (rig) => {
    const { client, server, c } = await rig.pair("client");
    client.write(bytes("never read"));
    await rig.barrier();
    server.destroy();
    await c.event("gone");
    assert(c.error instanceof Error);
  });

  rule("destroy() before start(): a later start() tells closed, and nothing else", async (rig) => {
    const { client, server } = await rig.pair("client");
    client.write(bytes("x"));
    server.destroy();
    await rig.barrier();
    const late = rig.start(server);
    await late.event("gone");
    assertEquals(late.log, ["gone"]);
  });

  rule("destroy() twice is harmless", async (rig) => {
    const { server, s } = await rig.pair();
    server.destroy();
    server.destroy();
    await s.event("gone");
    server.destroy();
    await rig.barrier();
    assertEquals(s.log, ["gone"]);
  });

  rule("destroy() inside data: nothing follows but closed", async (rig) => {
    const { client, server, s } = await rig.pair();
    s.onData = () => server.destroy();
    client.write(new Uint8Array(4 * MIB));
    client.shutdown();
    await s.event("gone");
    assertEquals(s.log, ["data", "gone"]);
    assertEquals(s.chunks.length, 1);
  });

  rule("destroy() inside end: nothing follows but closed", async (rig) => {
    const { client, server, s } = await rig.pair();
    s.onEnd = () => server.destroy();
    client.shutdown();
    await s.event("gone");
    assertEquals(s.log, ["end", "gone"]);
    assertEquals(s.error, undefined);
  });

  rule("destroy() inside drained: nothing follows but closed", async (rig) => {
    const { server, s, client, c } = await rig.pair("server");
    s.onDrained = () => server.destroy();
    server.write(new Uint8Array(8 * MIB));
    rig.start(client, c);
    await s.event("gone");
    assertEquals(s.log, ["drained", "gone"]);
  });

  rule("destroy() inside accepted: the peer sees an end or a reset", async (rig) => {
    const door = await rig.listen();
    const recorder = new Recorder();
    door.onAccepted = (socket) => {
      rig.start(socket, recorder);
      socket.destroy();
    };
    door.open();
    const client = await rig.connect(door.listener.address).catch(() => null);
    if (client !== null) await rig.start(client).event("gone");
    await recorder.until("accepted and closed", () => recorder.has("gone"));
    assertEquals(recorder.log, ["gone"]);
  });

  rule("the peer's reset is gone(error)", async (rig) => {
    const { client, c, s } = await rig.pair();
    client.destroy();
    await Promise.all([s.event("gone"), c.event("gone")]);
    assertEquals(s.log, ["gone"]);
    assert(s.error instanceof Error);
  });

  rule("a reset before start() is told at start(), as gone(error)", async (rig) => {
    const { client, server } = await rig.pair("client");
    client.destroy();
    await rig.barrier();
    const late = rig.start(server);
    await late.event("gone");
    assertEquals(late.log, ["gone"]);
    assert(late.error instanceof Error);
  });

  rule("a reset while bytes are unsent is gone(error), and unsent does not throw", async (rig) => {
    const { client, server, s } = await rig.pair("server");
    server.write(new Uint8Array(20 * MIB));
    await rig.barrier();
    client.destroy();
    await s.event("gone");
    assert(s.error instanceof Error);
    assert(server.unsent >= 0);
  });

  rule("write() after shutdown, destroy or closed does nothing and returns false", async (rig) => {
    const { client, server, c, s } = await rig.pair();
    const owed = server.write(bytes("all")) ? 0 : 1;
    server.shutdown();
    assertEquals(server.write(bytes("late")), false);
    await c.event("end");
    assertEquals(c.text(), "all");
    client.destroy();
    assertEquals(client.write(bytes("late")), false);
    await Promise.all([c.event("gone"), s.event("gone")]);
    for (const socket of [client, server]) {
      assertEquals(socket.write(bytes("late")), false);
      socket.shutdown();
      socket.pause();
      socket.resume();
    }
    await rig.barrier();
    assertEquals(s.log.filter((event) => event === "drained").length, owed);
  });

  rule("detach() after shutdown() closes here, and the peer gets everything and a clean end", async (rig) => {
    const { client, server, c, s } = await rig.pair("server");
    const sent = pattern(8 * MIB);
    server.write(sent);
    server.shutdown();
    server.detach();
    server.detach();
    await rig.barrier();
    rig.start(client, c);
    await Promise.all([c.event("end"), s.event("gone")]);
    assertEquals(s.error, undefined);
    assertEquals(firstDifference(concat(c.chunks), sent), -1);
    client.shutdown();
    await c.event("gone");
    assertEquals(c.error, undefined);
  });

  rule("detach() of a socket that has flushed closes without waiting for the peer", async (rig) => {
    const { server, c, s } = await rig.pair();
    server.shutdown();
    await c.event("end");
    server.detach();
    await s.event("gone");
    assertEquals(s.log, ["gone"]);
    assertEquals(s.error, undefined);
    assertEquals(server.write(bytes("late")), false);
  });

  rule("destroy() after detach() still cuts a peer that does not read", async (rig) => {
    const { client, server, c, s } = await rig.pair("server");
    server.write(new Uint8Array(20 * MIB));
    server.shutdown();
    server.detach();
    server.destroy();
    await s.event("gone");
    await rig.barrier();
    rig.start(client, c);
    await c.event("gone");
    assert(c.error instanceof Error);
    assertEquals(c.has("end"), false);
  });

  rule("gone() follows the two FINs without another call", async (rig) => {
    const { client, server, c, s } = await rig.pair();
    s.onEnd = () => server.shutdown();
    client.shutdown();
    await Promise.all([c.event("gone"), s.event("gone")]);
    assertEquals(c.log, ["end", "gone"]);
    assertEquals(s.log, ["end", "gone"]);
  });
}
