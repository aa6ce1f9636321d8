/**
 * Serves the default export of a module, as a worker of `sluice run`: a function, or an object with `fetch`.
 *
 * @module
 */
import process from "node:process";
import { pathToFileURL } from "node:url";
import { run } from "../../../mod.ts";
import { type HttpApp, type HttpHandler, type HttpOptions, type HttpServer, serveHttp } from "../../http/mod.ts";
import { type ModulePlace, SERVE_VARIABLE } from "./program.ts";
import { StartError } from "../usage_errors.ts";

/** Where it is served if nobody says so, as `PORT` in the environment or by option. */
const DEFAULT_PORT = 8000;

/**
 * Loads a module, and serves what it exports as default; one that serves by itself is left alone.
 *
 * @throws {StartError} What it exports can't be served.
 */
export async function serveModule(file: string): Promise<void> {
  const place = JSON.parse(process.env[SERVE_VARIABLE] ?? "{}") as ModulePlace;
  const { default: exported } = await import(pathToFileURL(file).href) as { readonly default?: unknown };
  if (exported === undefined) return;
  if (!isHandler(exported)) {
    throw new StartError(
      `The default export of ${file} is no handler`,
      "Export a function (request) => Response, or an object with fetch",
    );
  }
  const { grace, counted } = place;
  const server = await serveHttp({ ...placeOf(place), ...(grace === undefined ? {} : { grace }) }, exported);
  if (counted === true) await count(server);
  await run(server);
}

/** Its program can't do so: it has no server. */
async function count(server: HttpServer): Promise<void> {
  const [{ Metrics }, { watchResources }] = await Promise.all([
    import("../../metrics/mod.ts"),
    import("../../watch/mod.ts"),
  ]);
  // Nobody has asked for warnings.
  const limits = {
    descriptors: false,
    heap: false,
    rss: false,
    lag: false,
    handlers: false,
    connections: false,
  } as const;
  new Metrics({ servers: [server], watch: watchResources({ servers: [server], limits }) });
}

function isHandler(exported: unknown): exported is HttpHandler | HttpApp {
  return typeof exported === "function" || typeof (exported as Partial<HttpApp> | null)?.fetch === "function";
}

function placeOf({ port, host, path, certFile, keyFile }: ModulePlace): HttpOptions {
  const tls = certFile === undefined || keyFile === undefined ? {} : { tls: { certFile, keyFile } };
  if (path !== undefined) return { path, ...tls };
  const place = port ?? Number(process.env.PORT ?? DEFAULT_PORT);
  return { port: place, ...(host === undefined ? {} : { hostname: host }), ...tls };
}
