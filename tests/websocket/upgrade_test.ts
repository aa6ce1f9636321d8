/** The seam between a request and its WebSocket: when it is too late, when it fails, and whose timers it starts. */
import { AsyncLocalStorage } from "node:async_hooks";
import net from "node:net";
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { type Adapter, defaultAdapter, silentLogger } from "../../mod.ts";
import { type HttpHandler, type HttpOptions, reply, serveHttp } from "../../src/http/mod.ts";
import { upgradeWebSocket } from "../../src/websocket/mod.ts";
import { bytesOf, handshake } from "../support/ws_raw.ts";

/** Longest wait for what comes soon, in ms. */
const LIMIT = 60_000;

/** A server on real sockets, and a way to say something to it and hear its answer's status lines. */
async function open(options: Omit<HttpOptions, "port">, handler: HttpHandler) {
  const server = await serveHttp({ hostname: "127.0.0.1", logger: silentLogger, ...options, port: 0 }, handler);
  const port = Number(new URL(server.url).port);
  const sockets: net.Socket[] = [];
  const say = (text: string) => {
    const socket = net.connect(port, "127.0.0.1");
    const heard = { text: "", ended: false };
    sockets.push(socket);
    socket.on("data", (data) => heard.text += data).on("error", () => {}).on("close", () => heard.ended = true);
    socket.write(bytesOf(text));
    return heard;
  };
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await server.close();
  };
  return { server, say, [Symbol.asyncDispose]: close };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + LIMIT;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`${what}: not within ${LIMIT} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const statuses = (text: string): string[] => text.split("\r\n").filter((line) => line.startsWith("HTTP/"));

describe("upgradeWebSocket()", () => {
  it("in a drain is refused with 503, whatever the request, and asks nobody", async () => {
    let gate = (): void => {};
    const opened = new Promise<void>((resolve) => gate = resolve);
    let running = 0;
    let asked = 0;
    const protocols = (): string => `${++asked}`;
    const phases: string[] = [];
    const onDrainPhase = (phase: string): void => void phases.push(phase);
    await using w = await open({ grace: 5000, onDrainPhase }, async (request) => {
      running++;
      await opened;
      return upgradeWebSocket(request, () => Promise.resolve(), { protocols });
    });
    const plain = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const foreign = handshake("/", { origin: "https://elsewhere.example" });
    const heard = [plain, foreign, handshake("/", { "sec-websocket-protocol": "a" })].map(w.say);
    await until(() => running === 3, "three requests");
    const stopped = w.server.shutdown();
    await until(() => phases.includes("drain"), "the end of the lame duck");
    gate();
    await stopped;
    await until(() => heard.every(({ ended }) => ended), "three ends");
    for (const { text } of heard) assertEquals(statuses(text), ["HTTP/1.1 503 Service Unavailable"]);
    assertEquals([w.server.http.refused.draining, asked], [3, 0]);
  });

  it("that can't be begun is a failure of the handler, with nothing before its 500", async () => {
    const own = await defaultAdapter();
    const adapter: Adapter = new Proxy(own, {
      get(target, name) {
        if (name === "deflater") return fail;
        const value = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    await using w = await open(
      { adapter },
      (request) => upgradeWebSocket(request, () => Promise.resolve(), { compression: true }),
    );
    const heard = w.say(handshake("/", { "sec-websocket-extensions": "permessage-deflate" }));
    await until(() => heard.text.includes("\r\n\r\n"), "an answer");
    assertEquals(statuses(heard.text), ["HTTP/1.1 500 Internal Server Error"]);
  });

  it("starts its heartbeat in nobody's async context: another request's end is not seen in it", async () => {
    const store = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const quiet = { idleTimeout: 0, readTimeout: 0, writeTimeout: 0 };
    await using w = await open({ ...quiet, handlerTimeout: 400 }, (request, ctx) => {
      const heartbeat = { interval: 100, timeout: 5000, misses: 1 };
      if (request.url.endsWith("/ws")) {
        return store.run("alice", () => upgradeWebSocket(request, (ws) => ws.forEach(() => {}), { heartbeat }));
      }
      return new Promise((resolve) => {
        ctx.signal.addEventListener("abort", () => {
          seen.push(store.getStore());
          resolve(reply("late"));
        });
      });
    });
    const ws = w.say(handshake("/ws"));
    await until(() => ws.text.includes("101"), "a WebSocket");
    w.say("GET /other HTTP/1.1\r\nHost: x\r\n\r\n");
    await until(() => seen.length > 0, "the end of the handler's time");
    assertEquals(seen, [undefined]);
  });
});

function fail(): never {
  throw new Error("no memory for a compressor");
}
