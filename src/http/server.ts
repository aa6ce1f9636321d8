/**
 * The HTTP server: the core's server, with HTTP on every connection.
 *
 * @module
 */
import type { Connection } from "../server/conn/connection.ts";
import { checkNames } from "../names.ts";
import { checkObserver, hears, Observers } from "../observers.ts";
import { isForProbes } from "../probes.ts";
import { openListener } from "../server/accept/listener.ts";
import type { ConfigureOptions } from "../server/serve_options.ts";
import type { BusyConn } from "../server/drain/report.ts";
import { TcpServer } from "../server/server.ts";
import { callable, checkServer } from "../validate.ts";
import { accessLogFrom } from "./extras/access_log.ts";
import { SERVER_EVENTS } from "../server/server_observer.ts";
import { HTTP_EVENTS, type HttpObserver, REQUEST_EVENTS } from "./http_observer.ts";
import { HttpConn } from "./conn/http_conn.ts";
import {
  coreOptions,
  HTTP_CONFIGURE_NAMES,
  HTTP_NAMES,
  type HttpLimits,
  httpLimits,
  tlsOptions,
} from "./http_options.ts";
import { ProxyTrust } from "./request/proxy.ts";
import { overloadAnswer } from "./conn/refusals.ts";
import { HttpService } from "./conn/service.ts";
import type { HttpApp, HttpHandler, HttpLimitOptions, HttpOptions, HttpServer, HttpStats } from "./http_api.ts";

/** A handler of CONNECT that can't open a tunnel by an answer with a length: that would be the proxy's undoing. */
function tunnelHandler(onConnect: HttpApp["fetch"] | undefined): HttpApp["fetch"] | null {
  if (callable("onConnect", onConnect) === undefined) return null;
  return async (request, ctx) => {
    const result = await onConnect!(request, ctx, ctx);
    const status = (result as { status?: number } | undefined)?.status ?? 0;
    if (status < 200 || status > 299) return result;
    throw new TypeError(`onConnect must take the connection with hijack(), or refuse; it answered with ${status}`);
  };
}

/** A function as it is; an app by its `fetch`, which may look at `this`. */
function handlerOf(given: HttpHandler | HttpApp): HttpApp["fetch"] {
  if (typeof given === "function" || typeof given?.fetch !== "function") return given as HttpHandler;
  return (request, env, execution) => given.fetch(request, env, execution);
}

class Http1Server extends TcpServer implements HttpServer {
  readonly #service: HttpService;
  readonly #observers: Observers<HttpObserver>;

  constructor(options: HttpOptions, limits: HttpLimits, handler: HttpApp["fetch"]) {
    const ownWord = (): string => overloadAnswer(this.#service.date(), this.#service.limits.retryAfter);
    super(coreOptions(options, ownWord), (conn) => conn.consume(new HttpConn(conn as Connection, this.#service)));
    this.#observers = new Observers((error) => this.observerFailed(error));
    const accessLog = accessLogFrom(options.accessLog, this.clock, this.log);
    if (accessLog !== null) this.#observers.add(accessLog);
    this.#service = new HttpService({
      server: this,
      handler,
      onConnect: tunnelHandler(options.onConnect),
      limits,
      clock: this.clock,
      trust: new ProxyTrust(options.trustProxy),
      observers: this.#observers,
      secure: options.tls !== undefined,
    });
  }

  get http(): HttpStats {
    return this.#service.stats;
  }

  protected override get scheme(): string {
    return this.#service.secure ? "https" : "http";
  }

  override get forProbes(): boolean {
    return isForProbes(this.#service.handler);
  }

  override busy(): BusyConn[] {
    return [...super.busy(), ...this.#service.outliving(this.clock.now())];
  }

  override observe(observer: HttpObserver): () => void {
    checkObserver(observer, HTTP_EVENTS);
    // Of requests nothing is made for who doesn't hear of them.
    const ends = [
      hears(observer, REQUEST_EVENTS) ? this.#observers.add(observer) : null,
      hears(observer, SERVER_EVENTS) ? super.observe(observer) : null,
    ];
    return () => {
      for (const end of ends) end?.();
    };
  }

  /** For whoever holds its socket, and has others serve it as well. */
  level(connections: number): void {
    this.#service.level(connections);
  }

  override configure(options: ConfigureOptions & HttpLimitOptions): void {
    checkNames("configure()", options, HTTP_CONFIGURE_NAMES);
    const limits = httpLimits(options, this.#service.limits);
    super.reconfigure({ ...options, readTimeout: 0 });
    this.#service.configure(limits);
  }
}

/**
 * Makes an HTTP server that listens nowhere yet; give it listeners with `serve()`.
 *
 * @throws {OptionError} An option can't be used.
 */
export function createHttpServer(options: HttpOptions, handler: HttpHandler | HttpApp): HttpServer {
  return make("createHttpServer()", options, handlerOf(handler));
}

function make(what: string, options: HttpOptions, handler: HttpApp["fetch"]): HttpServer {
  checkServer(what, options, HTTP_NAMES, handler, "a function, or an app that has fetch()");
  return new Http1Server({ name: "http", ...options }, httpLimits(options), handler);
}

/**
 * Listens, and answers every request with `handler` (Go: `http.ListenAndServe`). A fetch-style app mounts unchanged,
 * as `app.fetch` or as `app`.
 *
 * @param options Where to listen, limits, admission and drain; durations in ms.
 * @throws {OptionError} An option can't be used; nothing was opened.
 * @throws {ListenError} The port is in use, a permission is missing, a certificate is broken.
 * @example
 * ```ts
 * const server = await serveHttp({ port: 8080 }, () => new Response("hello world"));
 * await run(server, { grace: 10_000 });
 * ```
 */
export async function serveHttp(options: HttpOptions, handler: HttpHandler | HttpApp): Promise<HttpServer> {
  const server = make("serveHttp()", options, handlerOf(handler));
  server.serve(await openListener({ ...options, tls: tlsOptions(options) }));
  return server;
}
