import { after, before, describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { connect, serve, silentLogger } from "../../../mod.ts";
import { type HttpHandler, reply, serveHttp } from "../../../src/http/mod.ts";
import { connectWebSocket, upgradeWebSocket } from "../../../src/websocket/mod.ts";
import { leakCheck } from "../../support/leaks.ts";
import { within } from "../../support/rig.ts";

const QUICK = { port: 0, hostname: "127.0.0.1", logger: silentLogger, idleGrace: 50, quiet: 50 };
const VALUES = [1, 2, 3, 4, 5, 6];

/** On both sides of each border: copied together, copied alone, given to the kernel, more than it takes at once. */
const SIZES = [1, 5000, 16_383, 16_384, 200_000, 3_000_000];

/** Fills one buffer again and again, each time when what took it says that it is done. */
async function refill(size: number, take: (bytes: Uint8Array<ArrayBuffer>) => Promise<unknown>): Promise<void> {
  const bytes = new Uint8Array(size);
  for (const value of VALUES) await take(bytes.fill(value));
  bytes.fill(255);
}

/** Runs of equal bytes, as `value*length`. */
async function runs(chunks: AsyncIterable<Uint8Array>): Promise<string[]> {
  const found: [number, number][] = [];
  for await (const chunk of chunks) {
    for (const byte of chunk) {
      const last = found.at(-1);
      if (last?.[0] === byte) last[1]++;
      else found.push([byte, 1]);
    }
  }
  return found.map(([value, length]) => `${value}*${length}`);
}

function expected(size: number): string[] {
  return VALUES.map((value) => `${value}*${size}`);
}

function portOf(server: { readonly address: unknown }): number {
  return (server.address as { port: number }).port;
}

describe("A buffer that is used again when its write has fulfilled", () => {
  const leaks = leakCheck();
  before(leaks.before);
  after(leaks.after);

  for (const size of SIZES) {
    it(`reaches the peer of a connection as it was: ${size} bytes`, async () => {
      const server = await serve(QUICK, (conn) => refill(size, (bytes) => conn.write(bytes)));
      const conn = await connect({ port: portOf(server), hostname: "127.0.0.1" });
      assertEquals(await within("the bytes", runs(conn), 20_000), expected(size));
      await conn.close();
      await server.shutdown();
    });

    it(`reaches the peer through conn.writable as it was: ${size} bytes`, async () => {
      const server = await serve(QUICK, async (conn) => {
        const writer = conn.writable.getWriter();
        await refill(size, (bytes) => writer.write(bytes));
      });
      const conn = await connect({ port: portOf(server), hostname: "127.0.0.1" });
      assertEquals(await within("the bytes", runs(conn), 20_000), expected(size));
      await conn.close();
      await server.shutdown();
    });

    // A peer that is sent more than maxBufferedAmount is another test's.
    if (size < 1_000_000) {
      it(`reaches a WebSocket's peer as it was, from either side: ${size} bytes`, async () => {
        const options = { compression: false, maxMessageBytes: 4_000_000 };
        const back: string[] = [];
        const server = await serveHttp(QUICK, (request) =>
          upgradeWebSocket(request, async (ws) => {
            await refill(size, (bytes) => ws.send(bytes));
            for await (const message of ws) back.push(...await runs(one(message as Uint8Array)));
          }, options));
        const ws = await connectWebSocket(`ws://127.0.0.1:${portOf(server)}/`, options);
        const got: string[] = [];
        for await (const message of ws) {
          got.push(...await runs(one(message as Uint8Array)));
          if (got.length === VALUES.length) break;
        }
        assertEquals(got, expected(size));
        const other = await connectWebSocket(`ws://127.0.0.1:${portOf(server)}/`, options);
        const drained = other.forEach(() => {});
        await refill(size, (bytes) => other.send(bytes));
        await within("the messages", other.close(), 20_000);
        await drained;
        await ws.closed;
        assertEquals(back, expected(size));
        await server.shutdown();
      });
    }

    it(`reaches the client of a stream as it was: ${size} bytes`, async () => {
      const stream = (): HttpHandler => () => {
        const bytes = new Uint8Array(size);
        let next = 0;
        return new Response(
          new ReadableStream({
            pull(controller) {
              if (next === VALUES.length) controller.close();
              else controller.enqueue(bytes.fill(VALUES[next++]));
            },
          }, { highWaterMark: 0 }),
        );
      };
      const server = await serveHttp(QUICK, stream());
      const response = await fetch(`http://127.0.0.1:${portOf(server)}/`, { headers: { connection: "close" } });
      assertEquals(
        await within("the body", runs(one(new Uint8Array(await response.arrayBuffer()))), 20_000),
        expected(size),
      );
      await server.shutdown();
    });
  }

  it("is left to its maker by reply()", async () => {
    const bytes = new Uint8Array(5000);
    const server = await serveHttp(QUICK, () => {
      const answer = reply(bytes.fill(7));
      bytes.fill(255);
      return answer;
    });
    const response = await fetch(`http://127.0.0.1:${portOf(server)}/`, { headers: { connection: "close" } });
    assertEquals(await runs(one(new Uint8Array(await response.arrayBuffer()))), ["7*5000"]);
    await server.shutdown();
  });
});

async function* one(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield await bytes;
}
