/** What is true only below the streams: where they are used, and whose memory is whose. */
import process from "node:process";
import { setImmediate as turn } from "node:timers/promises";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { assert, assertEquals, assertNotStrictEquals } from "@std/assert";
import { findDenoHandles } from "../../../adapters/deno/handles.ts";
import { findNative } from "../../../adapters/node/handles/native.ts";
import { type Handles, HandleSocket } from "../../../adapters/node/handles/socket.ts";
import { NodeAdapter, type NodeAdapterOptions } from "../../../adapters/node/mod.ts";
import { runtimeName } from "../../support/processes.ts";
import { bytes, concat, firstDifference, pattern, Recorder, Rig } from "../../support/rig.ts";

const MIB = 1024 * 1024;
const SIZES = [1, 63, 64, 65, 150, 4096, 65_535, 65_536, 65_537, 300_000];
/** What the shared buffer is filled with: none of it may be seen. */
const POISON = 0xee;

const onDeno = runtimeName() === "deno";
/** The adapter that has handles on this runtime. */
const Runtimes: typeof NodeAdapter = onDeno ? (await import("../../../adapters/deno/mod.ts")).DenoAdapter : NodeAdapter;

/** Shows what its sockets share. */
class OpenAdapter extends Runtimes {
  get shared(): Handles | null {
    return this.handles;
  }
}

async function withRig(body: (rig: Rig, handles: Handles) => Promise<void>): Promise<void> {
  const adapter = new OpenAdapter();
  const rig = new Rig(adapter);
  try {
    await body(rig, adapter.shared!);
  } finally {
    await rig.close();
  }
}

/** Bytes without a `POISON`, that differ by `seed`. */
function clean(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + seed * 31 + (i >> 8)) % POISON);
}

/** Has garbage collected at once, and what was freed used again. */
async function collect(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  for (let i = 0; i < 5; i++) {
    gc();
    await turn();
    new Uint8Array(8 * MIB).fill(POISON);
  }
}

const skip = runtimeName() === "bun" ? "there are no handles on Bun" : false;

describe("sockets below the streams", { skip }, () => {
  it("are what plain sockets are made of, at both ends, and streams are what was asked for", async () => {
    const kinds = async (options?: NodeAdapterOptions) => {
      const rig = new Rig(new Runtimes(options));
      try {
        const { client, server } = await rig.pair();
        return [client, server].map((socket) => socket instanceof HandleSocket);
      } finally {
        await rig.close();
      }
    };
    assertEquals(await kinds(), [true, true]);
    assertEquals(await kinds({ sockets: "handles" }), [true, true]);
    assertEquals(await kinds({ sockets: "streams" }), [false, false]);
  });

  it("read into one buffer, of which nobody sees anything but his own bytes", () =>
    withRig(async (rig, handles) => {
      const pairs = await Promise.all(Array.from({ length: 8 }, () => rig.pair()));
      const poison = () => void handles.buffer.fill(POISON);
      const sent = pairs.map(() => [] as Uint8Array[]);
      for (const { c, s, server } of pairs) {
        s.onData = (chunk) => {
          poison();
          server.write(chunk);
        };
        c.onData = poison;
      }
      for (const [round, size] of SIZES.entries()) {
        for (const [i, { client }] of pairs.entries()) {
          const piece = clean(size, round * pairs.length + i);
          sent[i].push(piece);
          client.write(piece);
        }
        await turn();
        poison();
      }
      for (const [i, { c, s }] of pairs.entries()) {
        const expected = concat(sent[i]);
        await c.received(expected.length);
        assertEquals(firstDifference(concat(s.chunks), expected), -1, `what the server of pair ${i} got`);
        assertEquals(firstDifference(concat(c.chunks), expected), -1, `what the client of pair ${i} got`);
      }
    }));

  it("give chunks with memory of their own, which can be given away without harm to others", () =>
    withRig(async (rig, handles) => {
      const { client, s } = await rig.pair();
      for (const [i, text] of ["first", "second", "third"].entries()) {
        client.write(bytes(text));
        await s.until(text, () => s.chunks.length > i);
      }
      const [first, second, third] = s.chunks as Uint8Array<ArrayBuffer>[];
      for (const chunk of s.chunks) {
        assertNotStrictEquals(chunk.buffer, handles.buffer.buffer);
        assertEquals(chunk.buffer.byteLength, chunk.length);
      }
      structuredClone(first, { transfer: [first.buffer] });
      new ReadableStream({ type: "bytes", start: (controller) => controller.enqueue(second) });
      assertEquals([first.length, second.length], [0, 0]);
      assertEquals(new TextDecoder().decode(third), "third");
    }));

  it("read much into buffers that are given away, and never into them again", () =>
    withRig(async (rig, handles) => {
      const { client, server, s } = await rig.pair();
      const kept: Uint8Array[] = [];
      const copies: Uint8Array[] = [];
      s.onData = (chunk) => {
        copies.push(chunk.slice());
        const whole = new Uint8Array(chunk.buffer);
        assertNotStrictEquals(whole.buffer, handles.buffer.buffer);
        kept.push(whole.fill(POISON));
        // Many reads of one turn, and now and then one that waits.
        if (kept.length % 50 === 0) {
          server.pause();
          setTimeout(() => server.resume(), 1);
        }
      };
      const sent = clean(24 * MIB, 1);
      client.write(sent);
      await s.received(sent.length);
      client.write(sent.subarray(0, 100));
      await s.received(sent.length + 100);
      assertEquals(firstDifference(concat(copies), concat([sent, sent.subarray(0, 100)])), -1);
      assert(copies.some((copy) => copy.length === handles.buffer.length), "some reads filled the buffer");
      assert(kept.every((whole) => whole.every((byte) => byte === POISON)), "what was given away stays as it is");
    }));

  it("keep bytes alive while they are being sent, though nobody else does", () =>
    withRig(async (rig) => {
      const { client, server, c } = await rig.pair("server");
      const sent = pattern(24 * MIB);
      server.write(sent.slice(0, 8 * MIB));
      server.write(sent.slice(8 * MIB, 9 * MIB));
      server.writeMany!([sent.slice(9 * MIB, 10 * MIB), sent.slice(10 * MIB)]);
      await collect();
      rig.start(client, c);
      await c.received(sent.length);
      assertEquals(firstDifference(concat(c.chunks), sent), -1);
    }));

  it("live on while they are idle, though nobody knows them but the runtime", () =>
    withRig(async (rig) => {
      const door = await rig.listen();
      // Nothing keeps a reference to the sockets that echo.
      door.listener.start({
        accepted: (socket) => {
          const write = (chunk: Uint8Array) => void socket.write(chunk);
          socket.start({ data: write, end: () => socket.shutdown(), drained: () => {}, gone: () => {} });
        },
        failed: () => {},
      });
      const clients = await Promise.all(Array.from({ length: 20 }, () => rig.connect(door.listener.address)));
      const recorders = clients.map((client) => rig.start(client));
      await rig.barrier();
      await collect();
      for (const client of clients) client.write(bytes("still here"));
      for (const recorder of recorders) await recorder.received(10);
      for (const client of clients) client.shutdown();
      for (const recorder of recorders) await recorder.event("gone");
      assertEquals(recorders.map((recorder) => recorder.error), recorders.map(() => undefined));
    }));

  it("an array of pieces may be used again as soon as it was written", () =>
    withRig(async (rig) => {
      const { client, server, c } = await rig.pair("server");
      const pieces = [pattern(4 * MIB), new Uint8Array(0), bytes("end")];
      assertEquals(server.writeMany!(pieces), false);
      pieces.length = 0;
      assertEquals(server.writeMany!([bytes(", and "), bytes("the end")]), false);
      rig.start(client, c);
      await c.received(4 * MIB + 3 + 13);
      assertEquals(new TextDecoder().decode(concat(c.chunks).subarray(4 * MIB)), "end, and the end");
    }));

  it("unsent stays what the kernel did not get, after the end", () =>
    withRig(async (rig) => {
      const { server, s } = await rig.pair("server");
      server.write(new Uint8Array(20 * MIB));
      server.write(bytes("behind it"));
      const before = server.unsent;
      assert(before > 9 && before <= 20 * MIB + 9, `${before} unsent`);
      server.destroy();
      assertEquals(server.unsent, before);
      await s.event("gone");
      assertEquals(server.unsent, before);
    }));

  it("destroy() while libuv shuts down resets when that is over", () =>
    withRig(async (rig) => {
      const { client, server, c, s } = await rig.pair();
      server.shutdown();
      server.destroy();
      assertEquals(server.write(bytes("late")), false);
      await Promise.all([s.event("gone"), c.event("end")]);
      assertEquals([s.log, s.error], [["gone"], undefined]);
      await rig.barrier();
      // Of a socket that is only closed the first write would still be taken.
      assertEquals(client.write(bytes("x")), false);
      await c.event("gone");
      assert(c.error instanceof Error);
    }));

  it("start() after the end of a socket that nobody had started tells its error", () =>
    withRig(async (rig) => {
      const { client, server } = await rig.pair("client");
      client.destroy();
      await rig.barrier();
      // The second one meets the reset.
      while (server.write(bytes("x"))) await turn();
      await rig.barrier();
      const recorder = rig.start(server, new Recorder());
      await recorder.event("gone");
      assertEquals((recorder.error as { syscall?: string }).syscall, "write");
    }));
});

describe("handles", () => {
  it("are found on the tested versions of Node and Deno, and nowhere else", () => {
    assertEquals(findNative() !== null, runtimeName() === "node");
    assertEquals(new OpenAdapter().shared !== null, runtimeName() !== "bun");
    assertEquals(findDenoHandles("2.8.0") ?? findDenoHandles("3.9.0"), null);
  });

  const onNode = runtimeName() === "node" ? false : "what is asked is different elsewhere";

  it("are left alone where asking for them would warn", { skip: onNode }, () => {
    process.env.NODE_PENDING_DEPRECATION = "1";
    try {
      assertEquals(findNative(), null);
    } finally {
      delete process.env.NODE_PENDING_DEPRECATION;
    }
  });

  it("are left alone where a member is missing, or nobody may ask", { skip: onNode }, () => {
    const { TCP } = findNative()!;
    const reset = Object.getOwnPropertyDescriptor(TCP.prototype, "reset")!;
    Reflect.deleteProperty(TCP.prototype, "reset");
    assertEquals(findNative(), null);
    Object.defineProperty(TCP.prototype, "reset", reset);
    const open = process as { binding?: unknown };
    const { binding } = open;
    open.binding = () => {
      throw new Error("not permitted");
    };
    assertEquals(findNative(), null);
    open.binding = undefined;
    assertEquals(findNative(), null);
    open.binding = binding;
    assert(findNative() !== null);
  });
});
