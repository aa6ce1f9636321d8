/** The paths of `websocket_server.ts`. */
import { readdirSync, readlinkSync } from "node:fs";
import process from "node:process";
import { type HttpHandler, reply } from "../../src/http/mod.ts";
import {
  upgradeWebSocket,
  type WebSocketClose,
  type WebSocketConn,
  type WebSocketHandler,
  type WebSocketMessage,
  type WebSocketOptions,
} from "../../src/websocket/mod.ts";

/** What handlers took. */
export interface Taken {
  /** Messages by the name that the client gave its WebSocket: `?id=name`. */
  readonly named: Readonly<Record<string, number>>;
  readonly messages: number;
  /** WebSockets begun. */
  readonly opened: number;
  /** Of those that ended, how many by the code that was seen. */
  readonly codes: Readonly<Record<string, number>>;
}

/** What `/stats` tells. */
export interface Present {
  /** WebSockets that have not ended. */
  readonly open: number;
  /** Messages taken so far. */
  readonly messages: number;
  /** Bytes in use by the process, and on its heap. */
  readonly rss: number;
  readonly heap: number;
  /** Sockets that the process holds, listening ones included. */
  readonly sockets: number;
}

/** A named WebSocket that has ended, as the line `closed` tells it. */
export interface Ended extends Omit<WebSocketClose, "error"> {
  readonly id: string;
  /** Name and message of the error. */
  readonly error: string | null;
  readonly dropped: number;
}

const named: Map<string, number> = new Map();
const codes: Record<string, number> = {};
let [messages, opened, ended] = [0, 0, 0];

/** Everything so far. */
export function taken(): Taken {
  return { named: Object.fromEntries(named), messages, opened, codes };
}

type Route = (url: URL, ws: WebSocketConn, note: (message: WebSocketMessage) => void) => ReturnType<WebSocketHandler>;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const number = (url: URL, name: string, fallback = 0) => Number(url.searchParams.get(name) ?? fallback);

const table: Readonly<Record<string, Route>> = {
  "/echo": async (_url, ws, note) => {
    for await (const message of ws) {
      note(message);
      await ws.send(message);
    }
  },
  "/each": (_url, ws, note) =>
    ws.forEach((message) => {
      note(message);
      return ws.send(message);
    }),
  "/slow": async (url, ws, note) => {
    for await (const message of ws) {
      note(message);
      await pause(number(url, "ms"));
      await ws.send(message);
    }
  },
  "/feed": (url, ws, note) => {
    feed(ws, number(url, "bytes", 64), number(url, "every", 10));
    return ws.forEach(note);
  },
  "/fill": (url, ws, note) => {
    fill(ws, number(url, "bytes"), number(url, "size", 65_536));
    return ws.forEach(note);
  },
  "/sink": (_url, ws, note) => {
    let count = 0;
    return ws.forEach((message) => {
      if (message === "count?") return ws.send(String(count));
      note(message);
      count++;
    });
  },
  "/silent": (_url, ws, note) => ws.forEach(note),
  "/close": async (url, ws) => void await ws.close(number(url, "code", 1000), url.searchParams.get("reason") ?? ""),
  "/ping": async (_url, ws, note) => {
    await ws.send(String(await ws.ping("from the server")));
    await ws.forEach(note);
  },
};

/** Numbered messages until the WebSocket closes: the number, and blanks up to `bytes`. */
async function feed(ws: WebSocketConn, bytes: number, every: number): Promise<void> {
  for (let i = 0; ws.state === "open"; i++) {
    await ws.send(`${i}`.padEnd(bytes)).catch(() => {});
    await pause(every);
  }
}

/** So many bytes at once, in messages that begin with their number. */
function fill(ws: WebSocketConn, bytes: number, size: number): void {
  for (let i = 0; i * size < bytes; i++) {
    const message = new Uint8Array(Math.min(size, bytes - i * size)).fill(i);
    ws.send(message).catch(() => {});
  }
}

/** WebSockets at the paths of the table, `/stats` for those who measure. */
export function webSocketRoutes(options: WebSocketOptions): HttpHandler {
  return (request) => {
    const url = new URL(request.url);
    if (url.pathname === "/stats") {
      if (url.searchParams.has("gc")) collect();
      return reply(JSON.stringify(present()));
    }
    const route = table[url.pathname];
    if (route === undefined) return reply("no such path", { status: 404 });
    return upgradeWebSocket(request, (ws) => serve(route, url, ws), options);
  };
}

function serve(route: Route, url: URL, ws: WebSocketConn): ReturnType<WebSocketHandler> {
  const id = url.searchParams.get("id");
  opened++;
  if (id !== null) named.set(id, named.get(id) ?? 0);
  void noteEnd(id, ws);
  return route(url, ws, () => {
    messages++;
    if (id !== null) named.set(id, named.get(id)! + 1);
  });
}

async function noteEnd(id: string | null, ws: WebSocketConn): Promise<void> {
  const { code, reason, wasClean, error } = await ws.closed;
  ended++;
  codes[code] = (codes[code] ?? 0) + 1;
  if (id === null) return;
  const words = error === undefined ? null : `${error.name}: ${error.message}`;
  const told: Ended = { id, code, reason, wasClean, error: words, dropped: ws.dropped };
  console.log(`closed ${JSON.stringify(told)}`);
}

function present(): Present {
  const { rss, heapUsed: heap } = process.memoryUsage();
  return { open: opened - ended, messages, rss, heap, sockets: socketCount() };
}

/** Collects garbage, if the runtime was told that a program may. */
function collect(): void {
  const { Bun: bun, gc } = globalThis as { Bun?: { gc(force: boolean): void }; gc?: () => void };
  if (bun === undefined) gc?.();
  else bun.gc(true);
}

function socketCount(): number {
  return readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
    } catch {
      // The descriptor of the listing itself is gone.
      return false;
    }
  }).length;
}
