/**
 * Clients: refused, aborted, many at once.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ConnectError } from "../../../src/errors.ts";
import type { Features, Rule } from "./mod.ts";
import { bytes, within } from "../../support/rig.ts";

export function connectRules(rule: Rule, features: Features): void {
  rule("connect() to a closed port rejects with ConnectError ECONNREFUSED and a cause", async (rig) => {
    const door = await rig.listen();
    const { address } = door.listener;
    await door.listener.close();
    const error = await assertRejects(() => within("connect", rig.adapter.connect({ address })), ConnectError);
    assertEquals(error.code, "ECONNREFUSED");
    assert(error.cause instanceof Error);
  });

  rule("connect() with an aborted signal rejects with its reason", async (rig) => {
    const door = await rig.listen();
    door.open();
    const reason = new Error("not wanted");
    const signal = AbortSignal.abort(reason);
    const outcome = rig.adapter.connect({ address: door.listener.address, signal });
    assertStrictEquals(await within("connect", outcome.then(() => null, (error) => error)), reason);
    await rig.barrier();
    assertEquals(door.accepted.length, 0);
  });

  rule("connect() aborted on its way rejects with the reason and leaves nothing", async (rig) => {
    const door = await rig.listen();
    door.open();
    const reason = new Error("changed my mind");
    const controller = new AbortController();
    const outcome = rig.adapter.connect({ address: door.listener.address, signal: controller.signal });
    controller.abort(reason);
    assertStrictEquals(await within("connect", outcome.then(() => null, (error) => error)), reason);
    await rig.barrier();
    for (const socket of door.accepted) await rig.start(socket).event("gone");
  });

  rule("aborting after connect() has fulfilled changes nothing", async (rig) => {
    const door = await rig.listen();
    door.open();
    const controller = new AbortController();
    const client = await rig.adapter.connect({ address: door.listener.address, signal: controller.signal });
    controller.abort(new Error("too late"));
    const c = rig.start(client);
    const server = await door.next();
    rig.start(server);
    server.write(bytes("x"));
    await c.received(1);
    client.destroy();
  });

  rule("many connections at once all work", async (rig) => {
    const door = await rig.listen();
    door.onAccepted = (socket) => {
      const recorder = rig.start(socket);
      recorder.onData = (chunk) => socket.write(chunk);
      recorder.onEnd = () => socket.shutdown();
    };
    door.open();
    const clients = await Promise.all(Array.from({ length: 200 }, async (_, i) => {
      const client = await rig.connect(door.listener.address);
      const recorder = rig.start(client);
      client.write(bytes(`client ${i}`));
      client.shutdown();
      await recorder.event("gone");
      return recorder;
    }));
    clients.forEach((recorder, i) => assertEquals(recorder.text(), `client ${i}`));
    assertEquals(door.accepted.length, 200);
  });

  if (features.ipv6) {
    rule("connect() takes a name for its host", async (rig) => {
      const door = await rig.listen();
      door.open();
      const { address } = door.listener;
      assert(address.transport === "tcp");
      const client = await rig.connect({ ...address, hostname: "localhost" });
      assert(client.remote.transport === "tcp");
      assertEquals(client.remote.port, address.port);
    });
  }
}
