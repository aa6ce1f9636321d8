/**
 * An API that asks an upstream, and stays well when that is slow, failing or down.
 *
 *     UPSTREAM=http://127.0.0.1:9000 PORT=8080 node --import tsx tests/apps/upstream_api.ts
 *     curl http://localhost:8080/prices/tea
 *
 * `GET /prices/<item>` asks the upstream once for all who ask at the same time, tries a failure once again, keeps what
 * it got for a second, and gives what is older, and says so, while the upstream has nothing better. `POST /orders` is
 * passed on once and never again, since nobody knows what became of one that failed.
 *
 * @module
 */
import process from "node:process";
import { background, DeadlineExceeded, run, SingleFlight, withTimeout } from "../../mod.ts";
import { type HttpContext, type HttpHandler, type HttpResult, readyz, serveHttp } from "../../src/http/mod.ts";
import { proxy, type ProxyOptions, upstream, UpstreamError } from "../../src/upstream/mod.ts";

/** An answer of the upstream that is kept. */
interface Kept {
  readonly price: unknown;
  readonly at: number;
}

/** What a client is told in place of an answer of the upstream. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const UPSTREAM = urlFrom("UPSTREAM", "http://127.0.0.1:9000");
/** How long the upstream may take to begin an answer, in ms. */
const TIMEOUT = numberFrom("TIMEOUT", 2000, 5000);
/** Ages in ms: below `FRESH` nobody is asked, above `STALE` nothing is given. */
const FRESH = numberFrom("FRESH", 1000, 3_600_000);
const STALE = 60_000;
const MAX_KEPT = 10_000;

const kept: Map<string, Kept> = new Map();
const flights: SingleFlight<string, Kept> = new SingleFlight();
/** It gets sixteen requests at once, and each answer has to begin in time. */
const shop = upstream(UPSTREAM.origin, { max: 16, acquireTimeout: TIMEOUT, headTimeout: TIMEOUT });
const ready = readyz();

/** The price of an item: a fresh one, or the last one known while the upstream has none. A client that leaves waits no more. */
async function price(item: string, ctx: HttpContext): Promise<Response> {
  const known = kept.get(item);
  if (known !== undefined && Date.now() - known.at < FRESH) return Response.json(known.price);
  try {
    return Response.json((await flights.do(item, () => askTwice(item), ctx)).price);
  } catch (error) {
    const age = known === undefined ? Infinity : Date.now() - known.at;
    if (!(error instanceof Refusal) || error.status === 404 || age > STALE) throw error;
    return Response.json(known!.price, { headers: { "age": `${Math.floor(age / 1000)}`, "x-stale": error.message } });
  }
}

/** A failure may be chance; but who was slow once is not asked again. */
async function askTwice(item: string): Promise<Kept> {
  try {
    return await ask(item);
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 502) throw error;
    return await ask(item);
  }
}

/** Asks the upstream. It is for all who wait, so it doesn't end with the client who came first. */
async function ask(item: string): Promise<Kept> {
  const [limit, cancel] = withTimeout(background(), TIMEOUT);
  try {
    return keep(item, await priceIn(await shop.fetch(`/prices/${item}`, { context: limit })));
  } catch (error) {
    throw refusalOf(error, limit.cause());
  } finally {
    cancel();
  }
}

async function priceIn(response: Response): Promise<unknown> {
  if (response.ok) return await response.json();
  await response.body?.cancel();
  throw response.status === 404 ? new Refusal(404, "no such item") : new Error(`status ${response.status}`);
}

function keep(item: string, price: unknown): Kept {
  const entry = { price, at: Date.now() };
  kept.delete(item);
  kept.set(item, entry);
  if (kept.size > MAX_KEPT) kept.delete(kept.keys().next().value!);
  return entry;
}

/** What went wrong, as a client is told; `cause` is why the call was ended by us. */
function refusalOf(error: unknown, cause: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const isLate = error instanceof UpstreamError && error.failure === "timeout";
  return isLate || cause instanceof DeadlineExceeded
    ? new Refusal(504, "the upstream is too slow")
    : new Refusal(502, "the upstream fails");
}

/** How orders are passed on; a client is told of a failure as of any other. */
const ORDERS: ProxyOptions = {
  onError: (error) => {
    throw refusalOf(error, undefined);
  },
};

/**
 * Passes an order on as it comes, and the answer back as it streams. `TIMEOUT` is for the beginning of the answer; the
 * rest may take as long as the client waits.
 */
function order(request: Request, ctx: HttpContext): Promise<HttpResult> {
  return proxy(request, ctx, shop, ORDERS);
}

const handler: HttpHandler = async (request, ctx) => {
  const { pathname } = new URL(request.url);
  const item = /^\/prices\/([\w-]{1,64})$/.exec(pathname)?.[1];
  try {
    if (pathname === "/readyz") return await ready(request, ctx);
    if (item !== undefined && request.method === "GET") return await price(item, ctx);
    if (pathname === "/orders" && request.method === "POST") return await order(request, ctx);
    throw new Refusal(404, "not found");
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return Response.json({ error: error.message }, { status: error.status });
  }
};

/** A number from the environment. @throws {RangeError} It is none, or too large. */
function numberFrom(name: string, fallback: number, most: number): number {
  const text = process.env[name] ?? String(fallback);
  if (/^\d+$/.test(text) && Number(text) <= most) return Number(text);
  throw new RangeError(`${name} must be a number from 0 to ${most}, got ${JSON.stringify(text)}`);
}

/** A URL from the environment. @throws {RangeError} It is none. */
function urlFrom(name: string, fallback: string): URL {
  const text = process.env[name] ?? fallback;
  if (/^https?:/.test(text) && URL.canParse(text)) return new URL(text);
  throw new RangeError(`${name} must be a URL of http or https, got ${JSON.stringify(text)}`);
}

const limits = { maxConcurrentRequests: 1000, maxBodyBytes: 1024 * 1024 };
const server = await serveHttp({ name: "prices", port: numberFrom("PORT", 8080, 65_535), ...limits }, handler);
// When all who use it have left.
server.onShutdown("shop", async (signal) => void await shop.drain(signal));
await run(server, { grace: 10_000, lameDuck: 300 });
