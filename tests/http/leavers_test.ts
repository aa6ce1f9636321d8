/** Clients that close while a stream is their answer: it is let go, its place is free, and no drain waits for it. */
import net from "node:net";
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { eventStream, type HttpHandler, reply, serveHttp } from "../../src/http/mod.ts";
import { silentLogger } from "../../mod.ts";
import { bodyOf, httpWorld, request } from "../support/http_world.ts";

const encoder = new TextEncoder();

/** A stream that says one thing and then nothing, and what became of it. */
function quiet(first: string): { stream: ReadableStream<Uint8Array>; cancelled: unknown[] } {
  const cancelled: unknown[] = [];
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(first)),
    cancel: (reason) => void cancelled.push(reason),
  });
  return { stream, cancelled };
}

describe("a client that closes its side", () => {
  it("ends the stream that it was answered with, frees its place, and is not cut by a drain", async () => {
    const sources: ReturnType<typeof quiet>[] = [];
    const handler: HttpHandler = (_request, ctx) => {
      const source = quiet(`event of ${ctx.requestId}`);
      sources.push(source);
      return new Response(source.stream);
    };
    await using w = await httpWorld(handler, { maxConcurrentRequests: 2, maxQueuedRequests: 0 });
    for (let round = 1; round <= 3; round++) {
      const peers = [await w.ask(request("/")), await w.ask(request("/"))];
      assertEquals([w.server.http.active, (await w.ask(request("/"))).statuses], [2, [503]]);
      for (const { conn } of peers) conn.closeWrite();
      await w.pass(10);
      assertEquals(
        sources.map(({ cancelled }) => (cancelled[0] as Error)?.name),
        Array(2 * round).fill("ConnClosedError"),
      );
      assertEquals([w.server.http.active, w.server.http.aborted], [0, 2 * round]);
      // Without its last chunk no answer looks whole.
      assertEquals(peers.map(({ end, answers }) => [end, answers.length]), [["fin", 0], ["fin", 0]]);
    }
    const { clean, cut } = await w.until(w.server.shutdown());
    assertEquals([clean, cut], [true, []]);
  });

  it("ends one that begins only then, and one of events", async () => {
    let returned = 0;
    const late = quiet("late");
    const handlers: Record<string, HttpHandler> = {
      "/late": async () => {
        await w.sleep(100);
        return new Response(late.stream);
      },
      "/events": (_request, ctx) =>
        eventStream(ctx, async function* (signal) {
          try {
            yield { data: "one" };
            await new Promise((resolve) => signal.addEventListener("abort", resolve));
          } finally {
            returned++;
          }
        }, { clock: w.clock }),
    };
    await using w = await httpWorld((req, ctx) => handlers[ctx.target](req, ctx));
    const peers = [await w.ask(request("/late")), await w.ask(request("/events"))];
    for (const { conn } of peers) conn.closeWrite();
    await w.pass(200);
    assertEquals([late.cancelled.length, returned, w.server.http.active], [1, 1, 0]);
    assertEquals(peers.map(({ end }) => end), ["fin", "fin"]);
  });

  it("gets the rest of an answer whose length was said, and of one that is in memory", async () => {
    const part = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      await w.sleep(50);
      controller.enqueue(encoder.encode("abcde"));
    };
    const handlers: Record<string, HttpHandler> = {
      "/sized": () => {
        let parts = 0;
        const pull = (c: ReadableStreamDefaultController<Uint8Array>) => parts++ < 4 ? part(c) : c.close();
        return new Response(new ReadableStream({ pull }), { headers: { "content-length": "20" } });
      },
      "/memory": async () => {
        await w.sleep(200);
        return new Response("in memory");
      },
      "/reply": async () => {
        await w.sleep(200);
        return reply("a reply");
      },
    };
    await using w = await httpWorld((req, ctx) => handlers[ctx.target](req, ctx));
    const peers = [await w.ask(request("/sized")), await w.ask(request("/memory")), await w.ask(request("/reply"))];
    for (const { conn } of peers) conn.closeWrite();
    await w.pass(500);
    assertEquals(peers.map(({ answers }) => answers.map(bodyOf)), [["abcde".repeat(4)], ["in memory"], ["a reply"]]);
    assertEquals(peers.map(({ end }) => end), ["fin", "fin", "fin"]);
  });

  it("of HTTP/1.0, to which a FIN would be the end of the body, sees a reset", async () => {
    const { stream, cancelled } = quiet("part");
    await using w = await httpWorld(() => new Response(stream));
    const peer = await w.ask(request("/", { version: "1.0" }));
    peer.conn.closeWrite();
    await w.pass(10);
    assertEquals([cancelled.length, peer.end, peer.text.endsWith("part")], [1, "reset", true]);
  });

  it("leaves no socket behind on the network either, whoever made the stream", async () => {
    let cancelled = 0;
    const server = await serveHttp({ port: 0, hostname: "127.0.0.1", logger: silentLogger, grace: 3000 }, () => {
      const stream = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(encoder.encode("data: one\n\n")),
        cancel: () => void cancelled++,
      });
      return new Response(stream, { headers: { "content-type": "text/event-stream" } });
    });
    const { address } = server;
    const port = address.transport === "tcp" ? address.port : 0;
    const ended = Array.from({ length: 50 }, () =>
      new Promise<void>((resolve) => {
        const socket = net.connect(port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        socket.once("data", () => socket.end());
        socket.on("error", () => {});
        socket.on("close", () => resolve());
      }));
    await Promise.all(ended);
    const report = await server.shutdown();
    assertEquals([cancelled, report.clean, report.cut.length], [50, true, 0]);
  });
});
