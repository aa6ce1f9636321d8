/**
 * A server of one kind that echoes, from one buffer for all, and whose handler throws, blocks, never returns, gives
 * something of the wrong type, or sends more than anybody takes if asked to, for a parent that makes its life hard. Takes one JSON argument, `ChaosSetup`. Prints its port, the report as JSON at the end, and what
 * it holds for each line `present` on standard input. Timers are counted by wrapping the runtime's before anything
 * else is loaded.
 *
 * @module
 */
import { pendingTimers, uncountedTimeout } from "../support/counted_timers.ts";
import process from "node:process";
import type { Conn, RunOptions, Server } from "../../mod.ts";
import { upgradeWebSocket, type WebSocketConn } from "../../src/websocket/mod.ts";
import { trackedBy } from "../support/tracked.ts";

/** What the parent asks for. */
export interface ChaosSetup {
  readonly kind: "tcp" | "http" | "ws";
  readonly run: Pick<RunOptions, "grace" | "patience">;
}

/** What the server holds. */
export interface ChaosPresent {
  readonly connections: number;
  /** `setTimeout` timers that wait. */
  readonly timers: number;
  /** Bytes of heap in use, after a collection. */
  readonly heap: number;
  readonly rss: number;
}

/** How long `block` keeps the event loop, in ms. */
const BLOCK = 200;

const { defaultAdapter, lines, run, serve, silentLogger } = await import("../../mod.ts");
const { serveHttp } = await import("../../src/http/mod.ts");

/** More than the kernel's buffers take, in pieces. */
const BIG_PIECES = 64;
const BIG_PIECE = new Uint8Array(256 * 1024);

const encoder = new TextEncoder();
/** All answers are made here, and it is overwritten as soon as one was handed over. */
const scratch = new Uint8Array(16 * 1024);

/** Hands `text` over in memory that is another's a moment later. */
function reusing<T>(text: string, take: (bytes: Uint8Array) => T): T {
  const { written } = encoder.encodeInto(text, scratch);
  const taken = take(scratch.subarray(0, written));
  scratch.fill(0x21);
  return taken;
}

/** What no handler may give. */
const WRONG: unknown[] = [5, null, {}, Symbol("wrong"), ["x"]];

function wrong<T>(): T {
  return WRONG[Math.floor(Math.random() * WRONG.length)] as T;
}

/** What is asked for by word, before it is answered. */
function obey(word: string): void | Promise<void> {
  if (word === "throw") throw new Error("asked to");
  if (word === "never") return new Promise(() => {});
  const until = performance.now() + (word === "block" ? BLOCK : 0);
  while (performance.now() < until);
}

async function answerLines(conn: Conn): Promise<void> {
  for await (const line of lines(conn)) {
    await obey(line);
    if (line === "wrong") await conn.write(wrong());
    if (line === "big") { for (let i = 0; i < BIG_PIECES; i++) await conn.write(BIG_PIECE); }
    await reusing(`echo: ${line}\n`, (bytes) => conn.write(bytes));
  }
}

async function answerRequest(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  await obey(pathname.slice(1));
  if (pathname === "/wrong") return wrong();
  if (pathname === "/big") return new Response(bigBody());
  return new Response(request.method === "POST" ? await request.arrayBuffer() : "hello world");
}

function bigBody(): ReadableStream<Uint8Array<ArrayBuffer>> {
  let left = BIG_PIECES;
  return new ReadableStream({
    pull: (controller) => left-- > 0 ? controller.enqueue(BIG_PIECE) : controller.close(),
  });
}

async function answerMessages(ws: WebSocketConn): Promise<void> {
  for await (const message of ws) {
    if (typeof message !== "string") {
      await ws.send(message);
      continue;
    }
    await obey(message);
    if (message === "wrong") await ws.send(wrong());
    if (message === "big") { for (let i = 0; i < BIG_PIECES; i++) await ws.send(BIG_PIECE); }
    await ws.send(message);
  }
}

function start({ kind }: ChaosSetup): Promise<Server> {
  const options = { hostname: "127.0.0.1", logger: silentLogger };
  if (kind === "tcp") return serve(options, answerLines);
  if (kind === "http") return serveHttp(options, answerRequest);
  return serveHttp(options, (request) => upgradeWebSocket(request, answerMessages));
}

async function present(server: Server): Promise<ChaosPresent> {
  const { Bun: bun, gc } = globalThis as { Bun?: { gc(force: boolean): void }; gc?: () => void };
  for (let i = 0; i < 3; i++) {
    if (bun === undefined) gc?.();
    else bun.gc(true);
    await new Promise((resolve) => uncountedTimeout(() => resolve(null), 10));
  }
  const { heapUsed, rss } = process.memoryUsage();
  const heap = bun === undefined ? heapUsed : (await import("bun:jsc" as string)).heapStats().heapSize;
  return { connections: trackedBy(server), timers: pendingTimers.size, heap, rss };
}

const setup: ChaosSetup = JSON.parse(process.argv[2]);
// Signals are heard before the port is printed; and before descriptors are short: Deno can't begin to hear then.
const adapter = await defaultAdapter();
const starting = start(setup);
const running = run(starting, {
  adapter,
  logger: silentLogger,
  ...setup.run,
  onReport: (report) => console.log(`report ${JSON.stringify(report)}`),
});
const server = await starting;
process.stdin.on("data", async () => console.log(`present ${JSON.stringify(await present(server))}`));
if (server.address.transport === "tcp") console.log(`port ${server.address.port}`);
await running;
