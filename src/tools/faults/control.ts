/**
 * The HTTP side of a fault proxy: reads and changes it while it runs.
 *
 * @module
 */
import { OptionError } from "@sluice/sluice";
import { type HttpHandler, reply } from "@sluice/sluice/http";
import { checkFaults } from "./fault_checks.ts";
import type { FaultProxy } from "./faults_api.ts";

const ROUTES: Readonly<Record<string, readonly string[]>> = {
  "/faults": ["GET", "PUT"],
  "/partition": ["POST"],
  "/stats": ["GET"],
};

/**
 * A handler for `serveHttp`: GET and PUT /faults, POST /partition?ms=, GET /stats. What can't be used is answered with
 * 400 and a text that names it; pages of other origins, and names that others can give out, with 403.
 *
 * @example
 * ```ts
 * await serveHttp({ port: 8474, hostname: "127.0.0.1" }, faultControl(proxy));
 * ```
 */
export function faultControl(proxy: FaultProxy): HttpHandler {
  return async (request) => {
    const url = new URL(request.url);
    const foreign = foreignTo(url, request.headers.get("origin"));
    if (foreign !== null) return refusal(403, foreign);
    const methods = ROUTES[url.pathname];
    if (methods === undefined) return refusal(404, `No ${url.pathname} here, there are ${names()}`);
    if (!methods.includes(request.method)) {
      const allow = methods.join(", ");
      return refusal(405, `${url.pathname} takes ${allow}, not ${request.method}`, { allow });
    }
    try {
      return await answer(proxy, request, url);
    } catch (error) {
      if (error instanceof OptionError) return refusal(400, error.message);
      throw error;
    }
  };
}

/**
 * Who is not to be here: a page of another origin, or one whose name was made to point here (DNS rebinding). Addresses,
 * `localhost` and names without a dot, which no stranger can give out, are right. Null if nothing is wrong.
 */
function foreignTo({ host, hostname }: URL, origin: string | null): string | null {
  if (!/^\[|^[\d.]+$|^[^.]+$|\.localhost$/.test(hostname)) {
    return `No ${hostname} here: use the address, localhost or a name without a dot`;
  }
  if (origin === null || (URL.canParse(origin) && new URL(origin).host === host)) return null;
  return `Pages of ${origin} may not change faults here`;
}

async function answer(proxy: FaultProxy, request: Request, url: URL): Promise<Response> {
  if (url.pathname === "/stats") return json(proxy.stats());
  if (url.pathname === "/partition") proxy.partition(durationOf(url.searchParams.get("ms")));
  else if (request.method === "PUT") proxy.set(checkFaults(parse(await request.text())));
  return json(stateOf(proxy));
}

/** A number that is not there is no 0. */
function durationOf(text: string | null): number {
  if (text !== null && text.trim() !== "" && !Number.isNaN(Number(text))) return Number(text);
  throw new OptionError(
    "ms",
    `ms must be a number of milliseconds as in /partition?ms=500, got ${JSON.stringify(text)}`,
  );
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    const start = body.length > 80 ? `${body.slice(0, 80)}…` : body;
    throw new OptionError("faults", `The body must be a JSON list of faults, got ${JSON.stringify(start)}`);
  }
}

function stateOf({ seed, faults }: FaultProxy): unknown {
  return { seed, faults };
}

function json(value: unknown): Response {
  return reply(`${JSON.stringify(value)}\n`, { headers: { "content-type": "application/json" } });
}

function refusal(status: number, message: string, headers: Record<string, string> = {}): Response {
  return reply(`${message}\n`, { status, headers });
}

function names(): string {
  return Object.entries(ROUTES).flatMap(([path, methods]) => methods.map((method) => `${method} ${path}`)).join(", ");
}
