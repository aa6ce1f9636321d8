/**
 * Handlers for the probes of an orchestrator: is it alive, and should it get traffic.
 *
 * @module
 */
import { type Clock, systemClock } from "../../clock.ts";
import { background, withTimeout } from "../../context/mod.ts";
import { OptionError } from "../../errors.ts";
import { checkNames, type Names } from "../../names.ts";
import { duration } from "../../validate.ts";
import { forProbes } from "../../probes.ts";
import { reply } from "../answer/reply.ts";

/** What readiness is about; every `Server` is one. */
export interface HealthServer {
  /** Its name. */
  readonly name: string;
  /** False from the first moment of a drain. */
  readonly ready: boolean;
}

/** One condition: it holds unless the function returns false, throws, or takes longer than the timeout. */
export type HealthCheck = (signal: AbortSignal) => unknown;

/** Options of `livez`, `readyz` and `healthHandler`. */
export interface HealthOptions {
  /** Servers that all must be ready. @default the server that runs the handler */
  readonly servers?: readonly HealthServer[];
  /** More conditions, by name; they are tried side by side at every probe. @default none */
  readonly checks?: Readonly<Record<string, HealthCheck>>;
  /** Time for the checks in ms; their signal aborts at its end. @default 1000 */
  readonly timeout?: number;
  /** Time, for tests. @default the machine's */
  readonly clock?: Clock;
}

const NAMES: Names<HealthOptions> = { servers: true, checks: true, timeout: true, clock: true };

/** What the handlers ask of a request. */
export interface HealthRequest {
  /** Only GET and HEAD are answered. */
  readonly method: string;
  /** `healthHandler` looks at its path. */
  readonly url: string;
}

/** What the handlers ask of a context, unless `servers` is given. */
export interface HealthContext {
  /** The server that runs the handler. */
  readonly server?: HealthServer;
}

/** Answers a probe; an `HttpHandler` that asks for less, so that other routers can call it too. */
export type HealthHandler = (request: HealthRequest, ctx?: HealthContext) => Promise<Response>;

const DEFAULT_TIMEOUT = 1_000;

/**
 * Liveness: 200 while the process answers and the checks hold, else 503. A drain doesn't matter: a server that
 * finishes its work must not be killed for it.
 *
 * @throws {OptionError} An option can't be used.
 */
export function livez(options: HealthOptions = {}): HealthHandler {
  checkNames("livez()", options, NAMES);
  const failing = checker(options);
  return forProbes(async (request) => wrongMethod(request) ?? answer(await failing()));
}

/**
 * Readiness: 200 while every server is ready and the checks hold, else 503; so from the first moment of a drain on,
 * when the checks aren't even tried.
 *
 * @throws {OptionError} An option can't be used.
 * @example
 * ```ts
 * const ready = readyz({ checks: { database: (signal) => pool.query("select 1", { signal }) } });
 * serveHttp({ port: 8080 }, (request, ctx) =>
 *   request.url.endsWith("/readyz") ? ready(request, ctx) : app.fetch(request));
 * ```
 */
export function readyz(options: HealthOptions = {}): HealthHandler {
  checkNames("readyz()", options, NAMES);
  const failing = checker(options);
  return forProbes(async (request, ctx) => {
    const refusal = wrongMethod(request);
    if (refusal !== null) return refusal;
    const stopping = serversOf(options, ctx).filter((server) => !server.ready);
    return answer(stopping.length > 0 ? stopping.map(({ name }) => `${name} not ready`) : await failing());
  });
}

/**
 * `/livez` and `/readyz` for a port of their own; 404 elsewhere. The checks count for readiness alone: restarting
 * this process mends no database. `run()` stops the server of that port after all others, so that probes are answered
 * to the end.
 *
 * @throws {OptionError} An option can't be used.
 */
export function healthHandler(options: HealthOptions = {}): HealthHandler {
  checkNames("healthHandler()", options, NAMES);
  const { checks: _, ...rest } = options;
  const handlers = new Map([["/livez", livez(rest)], ["/readyz", readyz(options)]]);
  return forProbes(async (request, ctx) => {
    const handler = handlers.get(new URL(request.url).pathname);
    return handler === undefined ? plain(404, "not found\n") : await handler(request, ctx);
  });
}

function serversOf(options: HealthOptions, ctx: HealthContext | undefined): readonly HealthServer[] {
  if (options.servers !== undefined) return options.servers;
  if (ctx?.server !== undefined) return [ctx.server];
  throw new OptionError("servers", "servers is undefined, give them where the handler's context has no server");
}

/** Makes the function that tries all checks and says which don't hold. */
function checker(options: HealthOptions): () => Promise<string[]> {
  const timeout = duration("timeout", options.timeout, DEFAULT_TIMEOUT);
  const checks = Object.entries(options.checks ?? {});
  for (const [name, check] of checks) {
    if (typeof check === "function") continue;
    throw new OptionError("checks", `checks.${name} must be a function, got ${typeof check}`);
  }
  if (checks.length === 0) return () => Promise.resolve([]);
  const root = background(options.clock ?? systemClock);
  return async () => {
    const [limit, cancel] = withTimeout(root, timeout);
    try {
      const outcomes = await Promise.all(checks.map(([name, check]) => tryCheck(name, check, limit.signal)));
      return outcomes.filter((outcome) => outcome !== null);
    } finally {
      cancel();
    }
  };
}

/** Null if the check holds. What it throws stays here: an error's text is not for whoever may probe. */
async function tryCheck(name: string, check: HealthCheck, signal: AbortSignal): Promise<string | null> {
  const late = new Promise<string>((resolve) => {
    if (signal.aborted) resolve(`${name} timed out`);
    else signal.addEventListener("abort", () => resolve(`${name} timed out`), { once: true });
  });
  return await Promise.race([runCheck(name, check, signal), late]);
}

async function runCheck(name: string, check: HealthCheck, signal: AbortSignal): Promise<string | null> {
  try {
    return await check(signal) === false ? `${name} failed` : null;
  } catch {
    return `${name} failed`;
  }
}

function wrongMethod(request: HealthRequest): Response | null {
  if (request.method === "GET" || request.method === "HEAD") return null;
  return plain(405, "method not allowed\n", { allow: "GET, HEAD" });
}

function answer(failing: readonly string[]): Response {
  return failing.length === 0 ? plain(200, "ok\n") : plain(503, failing.map((line) => `${line}\n`).join(""));
}

function plain(status: number, body: string, headers: Record<string, string> = {}): Response {
  return reply(body, {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", ...headers },
  });
}
