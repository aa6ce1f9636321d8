import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { adapter } from "../../adapters/bun/mod.ts";
import { BunSocket, HANDLERS, IdleOwner, type NativeSocket } from "../../adapters/bun/socket.ts";
import { OptionError } from "../../src/errors.ts";
import type { Address } from "../../src/endpoint.ts";
import { conformance } from "./conformance/mod.ts";
import { bytes, pattern, Recorder, Rig } from "../support/rig.ts";

/** What is used of Bun here. */
declare const Bun: {
  listen(options: object): { readonly port: number; stop(): void };
};

const onBun = "Bun" in globalThis;

if (onBun) conformance("bun", () => Promise.resolve(adapter), { tls: true, unix: true, ipv6: true, kernel: true });

/** Runs `body` with a rig that ends everything it opened. */
async function withRig(body: (rig: Rig) => Promise<void>): Promise<void> {
  const rig = new Rig(adapter);
  try {
    await body(rig);
  } finally {
    await rig.close();
  }
}

describe("bun adapter: its own rules", { skip: onBun ? false : "needs Bun" }, () => {
  it("a reset of a paused socket keeps its bytes for resume(), then tells ECONNRESET", () =>
    withRig(async (rig) => {
      const { client, server, s } = await rig.pair();
      server.pause();
      s.silent = true;
      client.write(bytes("last words"));
      await rig.barrier();
      client.destroy();
      await rig.barrier();
      s.silent = false;
      server.resume();
      await s.event("gone");
      assertEquals([s.text(), s.log], ["last words", ["data", "gone"]]);
      assertEquals((s.error as { code?: string }).code, "ECONNRESET");
    }));

  it("a chunk is a plain Uint8Array, whose slice() copies", () =>
    withRig(async (rig) => {
      const { client, s } = await rig.pair();
      client.write(bytes("x"));
      await s.received(1);
      assertEquals(s.chunks[0].constructor, Uint8Array);
    }));

  it("a reset after the peer's FIN is ECONNRESET as well", () =>
    withRig(async (rig) => {
      const { client, s } = await rig.pair();
      client.shutdown();
      await s.event("end");
      client.destroy();
      await s.event("gone");
      assertEquals((s.error as { code?: string }).code, "ECONNRESET");
    }));

  it("pause() inside data holds what Bun delivers all the same", () =>
    withRig(async (rig) => {
      const { client, server, s } = await rig.pair();
      server.shutdown();
      s.onData = () => server.pause();
      client.write(pattern(100_000));
      client.shutdown();
      await s.until("data", () => s.length > 0);
      await rig.barrier();
      assertEquals(s.has("end"), false);
      s.onData = undefined;
      server.resume();
      await s.event("gone");
      assertEquals([s.length, s.log, s.error], [100_000, ["data", "end", "gone"], undefined]);
    }));

  it("detach() with bytes unsent flushes them first, then tells drained and gone", () =>
    withRig(async (rig) => {
      const { client, server, c, s } = await rig.pair("server");
      const sent = pattern(8 * 1024 * 1024);
      server.write(sent);
      server.detach();
      await rig.barrier();
      assertEquals([server.unsent > 0, s.log], [true, []]);
      rig.start(client, c);
      await Promise.all([c.event("end"), s.event("gone")]);
      assertEquals([c.length, s.log, s.error], [sent.length, ["drained", "gone"], undefined]);
    }));

  it("a socket outlives the timeout that Bun has for every accepted one after two minutes", async () => {
    const recorder = new Recorder();
    let accepted: NativeSocket | undefined;
    class Door extends IdleOwner {
      override opened(raw: NativeSocket): void {
        accepted = raw;
        new BunSocket(raw, { transport: "tcp", hostname: "127.0.0.1", port: 0 }, 0).start(recorder);
      }
    }
    const door = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: HANDLERS, data: new Door() });
    await withRig(async (rig) => {
      const client = await rig.connect({ transport: "tcp", hostname: "127.0.0.1", port: door.port });
      rig.start(client);
      client.write(bytes("here"));
      await recorder.received(4);
      HANDLERS.timeout(accepted!);
      client.write(bytes(", and still here"));
      await recorder.received(20);
      client.shutdown();
      accepted!.end();
      await recorder.event("gone");
    });
    door.stop();
  });

  it("reusePort lets two listeners share a port", () =>
    withRig(async (rig) => {
      const first = await rig.listen({ reusePort: true });
      const { address } = first.listener;
      await rig.listen({ address, reusePort: true });
    }));

  it("a Unix socket's file that nobody listens on is replaced", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-"));
    const at = (name: string): Address => ({ transport: "unix", path: join(folder, name) });
    try {
      await withRig(async (rig) => {
        const gone = await rig.listen({ address: at("a.sock") });
        renameSync(join(folder, "a.sock"), join(folder, "b.sock"));
        await gone.listener.close();
        const door = await rig.listen({ address: at("b.sock") });
        door.open();
        await rig.pair("both", door);
      });
      assertEquals(existsSync(join(folder, "b.sock")), false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("a connection that waits for start() or resume() is reset by close()", () =>
    withRig(async (rig) => {
      const door = await rig.listen();
      const client = rig.start(await rig.connect(door.listener.address));
      await rig.barrier();
      await door.listener.close();
      await client.event("gone");
      await assertRejects(() => rig.connect(door.listener.address));
    }));

  it("onSignal() names the signal that it refuses", async () => {
    const error = await assertRejects(async () => await adapter.onSignal("SIGSTOP", () => {}), OptionError);
    assertEquals(error.message, `Signal "SIGSTOP" can't be caught`);
  });
});
