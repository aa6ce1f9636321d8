/**
 * What the HTTP server of `sluice demo` answers.
 *
 * @module
 */
import type { Server } from "../../../mod.ts";
import { type HttpContext, type HttpHandler, livez, readyz, reply } from "../../http/mod.ts";
import { upgradeWebSocket, type WebSocketConn, type WebSocketOptions } from "../../websocket/mod.ts";
import { CLIENT_MODULE } from "./client_module.ts";
import { demoPage, PAGE_POLICY } from "./page.ts";
import { type Room, roomRules } from "./room.ts";
import { CLIENT_PATH, ROOM_PAGE, ROOM_POLICY, SOCKET_PATH } from "./room_page.ts";
import { formatAddress } from "../print.ts";

type Route = (request: Request, ctx: HttpContext, url: URL) => ReturnType<HttpHandler>;

/** The methods of a path; HEAD is a GET whose body the server keeps. */
type Methods = Readonly<{ GET: Route; POST?: Route }>;

/** A parameter of a query: a whole number. */
interface Parameter {
  readonly name: string;
  readonly fallback: number;
  readonly max: number;
}

const SLOW_MS: Parameter = { name: "ms", fallback: 1000, max: 60_000 };
const STREAM_MS: Parameter = { name: "ms", fallback: 500, max: 60_000 };
/** Few enough to be sent at once when a drain begins. */
const STREAM_N: Parameter = { name: "n", fallback: 10, max: 10_000 };
/** As much of a path as a message names. */
const MAX_SHOWN = 80;

const TEXT = "text/plain; charset=utf-8";
const SCRIPT = "text/javascript; charset=utf-8";
/** What is sent back is what somebody sent: no browser may guess that it is a page. */
const NO_SNIFFING = { "x-content-type-options": "nosniff" } as const;

/** One object for all: what it says is checked once. */
const WEB_SOCKET: WebSocketOptions = { compression: true };

const encoder = new TextEncoder();

/** The routes; `servers` are those that `/readyz` follows and `/` shows, and may grow. */
export function demoRoutes(servers: readonly Server[], room: Room): HttpHandler {
  const began = performance.now();
  const [live, ready] = [livez(), readyz({ servers })];
  const rules = roomRules(room);
  const talk = (request: Request): Response => room.channels.accept(request, rules);
  const routes = new Map<string, Methods>([
    ["/", { GET: (_request, ctx, url) => page(servers, ctx, url, performance.now() - began) }],
    ["/echo", { GET: (_request, _ctx, url) => plain(200, howToEcho(url)), POST: echo }],
    ["/ws", { GET: (request) => upgradeWebSocket(request, echoMessages, WEB_SOCKET) }],
    ["/channels", { GET: (request) => request.headers.has("upgrade") ? talk(request) : html(ROOM_PAGE, ROOM_POLICY) }],
    [CLIENT_PATH, { GET: () => reply(CLIENT_MODULE, { headers: { ...NO_SNIFFING, "content-type": SCRIPT } }) }],
    [SOCKET_PATH, { GET: talk }],
    ["/slow", { GET: slow }],
    ["/stream", { GET: stream }],
    ["/headers", { GET: headers }],
    ["/readyz", { GET: (request, ctx) => ready(request, ctx) }],
    ["/livez", { GET: (request, ctx) => live(request, ctx) }],
  ]);
  return (request, ctx) => {
    if (!URL.canParse(request.url)) return plain(400, `There is no such address: ${shown(request.url)}\n`);
    const url = new URL(request.url);
    const methods = routes.get(url.pathname);
    if (methods === undefined) return notFound(url.pathname, [...routes.keys()]);
    const route = methods[(request.method === "HEAD" ? "GET" : request.method) as keyof Methods];
    return route === undefined ? notAllowed(request.method, url.pathname, methods) : route(request, ctx, url);
  };
}

function page(servers: readonly Server[], ctx: HttpContext, url: URL, uptime: number): Response {
  const requests = ctx.server.http.requests;
  return html(demoPage({ servers, requests, origin: url.origin, uptime }), PAGE_POLICY);
}

function html(text: string, policy: string): Response {
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": policy,
    "cache-control": "no-store",
  };
  return reply(text, { headers });
}

/** The body flows back as it comes. */
function echo(request: Request): Response {
  const type = request.headers.get("content-type") ?? "application/octet-stream";
  return new Response(request.body, { headers: { "content-type": type, ...NO_SNIFFING } });
}

/** The next message waits until there is room for its echo. */
function echoMessages(ws: WebSocketConn): Promise<void> {
  return ws.forEach((message) => ws.send(message));
}

function howToEcho({ origin }: URL): string {
  return `POST something, and it comes back with its content type:\n  curl ${origin}/echo -d hello\n`;
}

async function slow(_request: Request, ctx: HttpContext, url: URL): Promise<Response> {
  const ms = readParameter(url, SLOW_MS);
  if (typeof ms === "string") return plain(400, ms);
  const began = performance.now();
  await pause(ms, [ctx.signal]);
  if (!ctx.signal.aborted) return plain(200, `waited ${ms} ms\n`);
  return plain(503, `told to stop after ${Math.round(performance.now() - began)} of ${ms} ms\n`);
}

function stream(_request: Request, ctx: HttpContext, url: URL): Response {
  const n = readParameter(url, STREAM_N);
  const ms = readParameter(url, STREAM_MS);
  if (typeof n === "string") return plain(400, n);
  if (typeof ms === "string") return plain(400, ms);
  return new Response(lines(n, ms, [ctx.draining, ctx.signal]), { headers: { "content-type": TEXT } });
}

/** Lines with a rest between them. From the first moment of a drain on, the others follow without one. */
function lines(n: number, ms: number, hurry: readonly AbortSignal[]): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    async pull(controller) {
      if (sent > 0 && sent < n) await pause(ms, hurry);
      if (sent < n) controller.enqueue(encoder.encode(`line ${++sent} of ${n}\n`));
      else controller.close();
    },
  }, { highWaterMark: 0 });
}

function headers(request: Request, ctx: HttpContext): Response {
  const { method, url } = request;
  const { requestId, traceparent } = ctx;
  const seen = {
    method,
    url,
    remote: formatAddress(ctx.remote),
    requestId,
    traceparent,
    headers: Object.fromEntries(request.headers),
  };
  return reply(`${JSON.stringify(seen, null, 2)}\n`, { headers: { "content-type": "application/json" } });
}

function notFound(path: string, known: readonly string[]): Response {
  return plain(404, `There is no ${shown(path)} here. There are: ${known.join(" ")}\n`);
}

function notAllowed(method: string, path: string, methods: Methods): Response {
  const allow = Object.keys(methods).flatMap((name) => name === "GET" ? ["GET", "HEAD"] : [name]).join(", ");
  return plain(405, `${path} takes ${allow}, not ${shown(method)}\n`, { allow });
}

/** The parameter's value, or what is wrong with it. */
function readParameter(url: URL, { name, fallback, max }: Parameter): number | string {
  const text = url.searchParams.get(name);
  if (text === null) return fallback;
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= max) return value;
  return `${name} must be a whole number from 0 to ${max}, got ${shown(text)}\n`;
}

function shown(text: string): string {
  return JSON.stringify(text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text);
}

function plain(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Response {
  return reply(text, { status, headers: { "content-type": TEXT, ...NO_SNIFFING, ...headers } });
}

/** Waits, until one of the signals at the longest. */
function pause(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  if (ms === 0 || signals.some((signal) => signal.aborted)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    for (const signal of signals) signal.addEventListener("abort", done, { once: true });
  });
}
