/** The routes of `http_server.ts`. */
import {
  eventStream,
  type HttpContext,
  type HttpHandler,
  livez,
  readyz,
  reply,
  type ServerSentEvent,
} from "../../src/http/mod.ts";

/** How often a handler began for each client that names itself, and the highest number among its requests. */
export const ranIds: Map<string, [count: number, highest: number]> = new Map();

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const encoder = new TextEncoder();

type Route = (request: Request, ctx: HttpContext, url: URL) => ReturnType<HttpHandler>;

const table: Readonly<Record<string, Route>> = {
  "/": () => reply("hello world"),
  "/echo": async (request) => reply(new Uint8Array(await request.arrayBuffer())),
  "/pipe": (request) => new Response(request.body),
  "/upload": async (request) => reply(`${await size(request)} bytes`),
  "/unread": () => reply("not read"),
  "/slow": async (_request, _ctx, url) => {
    await pause(number(url, "ms"));
    return reply(`slept ${number(url, "ms")}`);
  },
  "/stream": (_request, _ctx, url) => new Response(streamed(number(url, "n"), number(url, "ms"))),
  "/big": (_request, _ctx, url) => reply(numbers(number(url, "bytes"))),
  "/sse": (_request, ctx, url) => eventStream(ctx, (signal) => ticks(signal, number(url, "ms"))),
  "/request": (request, ctx) =>
    Response.json({
      id: ctx.requestId,
      method: request.method,
      url: request.url,
      headers: Object.fromEntries(request.headers),
    }),
  "/readyz": readyz(),
  "/livez": livez(),
};

/** Notes that it runs, then does what the path says. */
export const routes: HttpHandler = (request, ctx) => {
  note(request.headers.get("x-id"));
  const url = new URL(request.url);
  const route = table[url.pathname];
  return route === undefined ? reply("no such path", { status: 404 }) : route(request, ctx, url);
};

function note(id: string | null): void {
  if (id === null) return;
  const [name, number] = id.split(".");
  const [count, highest] = ranIds.get(name) ?? [0, -1];
  ranIds.set(name, [count + 1, Math.max(highest, Number(number))]);
}

function number(url: URL, name: string): number {
  return Number(url.searchParams.get(name) ?? 0);
}

async function size(request: Request): Promise<number> {
  let bytes = 0;
  for await (const chunk of request.body ?? []) bytes += chunk.length;
  return bytes;
}

/** Lines `0` to `n - 1`, each after a rest. */
function streamed(n: number, ms: number): ReadableStream<Uint8Array> {
  let i = 0;
  return new ReadableStream({
    async pull(controller) {
      if (i === n) return controller.close();
      await pause(ms);
      controller.enqueue(encoder.encode(`${i++}\n`));
    },
  });
}

/** Bytes in which every word differs from its neighbours; `pattern` of `support/rig.ts` makes the same. */
function numbers(bytes: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0; i < words.length; i++) words[i] = i;
  return new Uint8Array(words.buffer, 0, bytes);
}

async function* ticks(signal: AbortSignal, ms: number): AsyncGenerator<ServerSentEvent> {
  for (let i = 0; !signal.aborted; i++) {
    yield { data: `tick ${i}`, id: String(i) };
    await pause(ms);
  }
}
