/**
 * A chat with rooms over WebSockets. Who comes back says which message was the last one seen, and gets what came since.
 *
 *     PORT=8080 ROOMS=lobby,garden node --import tsx tests/apps/chat.ts
 *
 * Then open http://localhost:8080/ in two windows. `HISTORY` is a file that outlives the process: a message that one
 * process has taken in its last moment is replayed by the next one to whoever was already told goodbye.
 *
 * @module
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import process from "node:process";
import { run } from "../../mod.ts";
import { type HttpHandler, readyz, reply, serveHttp } from "../../src/http/mod.ts";
import { Hub, upgradeWebSocket, type WebSocketConn, type WebSocketOptions } from "../../src/websocket/mod.ts";

/** One thing that was said; `seq` counts from 1 within its room. */
interface Said {
  readonly seq: number;
  readonly from: string;
  readonly text: string;
}

const { ROOMS = "lobby,garden", HISTORY = "" } = process.env;
/** How many messages of a room are kept, and how long one may be, in characters. */
const KEPT = 200;
const LONGEST = 500;
/** Own close code: somebody of that name is in the room. */
const NAME_TAKEN = 4009;

const hub = new Hub();
const page = reply(await readFile(new URL("./chat.html", import.meta.url)), {
  headers: { "content-type": "text/html; charset=utf-8" },
});

/** Members and history of a room; what it publishes goes to all members in the same order. */
class Room {
  readonly name: string;
  readonly members: Set<string> = new Set();
  history: Said[] = [];

  constructor(name: string) {
    this.name = name;
  }

  say(from: string, text: string): void {
    const said = { seq: (this.history.at(-1)?.seq ?? 0) + 1, from, text };
    this.history.push(said);
    if (this.history.length > KEPT) this.history.shift();
    hub.publish(this.name, JSON.stringify(said));
  }

  join(name: string, ws: WebSocketConn, since: number): Promise<void> {
    this.members.add(name);
    hub.publish(this.name, JSON.stringify({ joined: name }));
    // Both in one turn: nothing can be said between the history and what follows it.
    hub.subscribe(ws, this.name);
    const missed = this.history.filter(({ seq }) => seq > since);
    return ws.send(JSON.stringify({ room: this.name, members: [...this.members], missed }));
  }

  leave(name: string): void {
    this.members.delete(name);
    hub.publish(this.name, JSON.stringify({ left: name }));
  }
}

const rooms: Map<string, Room> = new Map(ROOMS.split(",").map((name) => [name, new Room(name)]));
const ready = readyz();
const options: WebSocketOptions = {
  maxMessageBytes: 4096,
  // Whoever is too slow is closed, not skipped: it comes back and asks for what it has missed.
  slowConsumer: "close",
  lastMessage: () => JSON.stringify({ bye: "we are back in a moment" }),
};

const handler: HttpHandler = (request, ctx) => {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/") return page;
  if (pathname === "/readyz") return ready(request, ctx);
  if (pathname === "/rooms") {
    return Response.json(Object.fromEntries([...rooms].map(([, { name, members }]) => [name, members.size])));
  }
  const room = rooms.get(pathname.replace(/^\/rooms\//, ""));
  if (room === undefined) return reply("There is no such room\n", { status: 404 });
  const name = searchParams.get("name") ?? "";
  const since = Number(searchParams.get("since") ?? 0);
  if (!/^\w{1,32}$/.test(name)) return reply("A name has 1 to 32 letters and digits\n", { status: 400 });
  if (!Number.isSafeInteger(since)) return reply("since must be a message's number\n", { status: 400 });
  return upgradeWebSocket(request, (ws) => talk(ws, room, name, since), options);
};

/** One member's stay in a room. */
async function talk(ws: WebSocketConn, room: Room, name: string, since: number): Promise<void> {
  if (room.members.has(name)) return void await ws.close(NAME_TAKEN, "somebody here has that name");
  try {
    await room.join(name, ws, since);
    for await (const message of ws) {
      const text = textOf(message);
      if (text === null) await ws.send(JSON.stringify({ error: `send {"say":"1 to ${LONGEST} characters"}` }));
      else room.say(name, text);
    }
  } finally {
    room.leave(name);
  }
}

/** What a message says; null if it is none of this chat's. */
function textOf(message: string | Uint8Array): string | null {
  if (typeof message !== "string") return null;
  try {
    const { say } = JSON.parse(message);
    return typeof say === "string" && say.length > 0 && say.length <= LONGEST ? say : null;
  } catch {
    return null;
  }
}

async function load(): Promise<void> {
  const text = await readFile(HISTORY, "utf8").catch((error) => {
    if (error.code === "ENOENT") return "{}";
    throw error;
  });
  for (const [name, history] of Object.entries<Said[]>(JSON.parse(text))) {
    const room = rooms.get(name);
    if (room !== undefined) room.history = history;
  }
}

async function save(): Promise<void> {
  const histories = Object.fromEntries([...rooms].map(([name, { history }]) => [name, history]));
  await writeFile(`${HISTORY}.part`, JSON.stringify(histories));
  await rename(`${HISTORY}.part`, HISTORY);
}

/** A port from the environment. @throws {RangeError} It is none. */
function portFrom(name: string, fallback: number): number {
  const text = process.env[name] ?? String(fallback);
  if (/^\d+$/.test(text) && Number(text) < 65_536) return Number(text);
  throw new RangeError(`${name} must be a port, 0 to 65535, got ${JSON.stringify(text)}`);
}

if (HISTORY !== "") await load();
const server = await serveHttp({ name: "chat", port: portFrom("PORT", 8080), maxConnections: 10_000 }, handler);
if (HISTORY !== "") server.onShutdown("save the history", save);
await run(server, { grace: 10_000, lameDuck: 300 });
