/** Clients, a proxy of ours and servers that do what a script says, in memory and in virtual time. */
import { Dialer, silentLogger } from "../../mod.ts";
import {
  type HttpContext,
  type HttpHandler,
  type HttpOptions,
  type HttpServer,
  serveHttp,
} from "../../src/http/mod.ts";
import { proxy, type ProxyOptions, type UpstreamOptions } from "../../src/upstream/mod.ts";
import { Peer } from "./http_world.ts";
import { type Script, UpstreamWorld } from "./upstream_world.ts";

/** What a test's proxy is like. */
export interface ProxyWorldOptions {
  readonly proxy?: ProxyOptions;
  readonly upstream?: UpstreamOptions;
  readonly http?: Partial<HttpOptions>;
  /** In place of `proxy()` alone. */
  readonly handler?: (pass: HttpHandler) => HttpHandler;
}

/** A world with a proxy in front of its servers. */
export class ProxyWorld extends UpstreamWorld {
  front!: HttpServer;
  readonly peers: Peer[] = [];
  readonly #dialer: Dialer = new Dialer({ adapter: this.adapter, clock: this.clock, keepAlive: 0 });

  /** A raw client of the proxy. */
  async peer(from?: string): Promise<Peer> {
    this.adapter.clientHost = from ?? null;
    const { port } = this.front.address as { port: number };
    const conn = await this.until(this.#dialer.connect({ port }));
    this.adapter.clientHost = null;
    const peer = new Peer(conn, () => this.clock.now(), true);
    this.peers.push(peer);
    return peer;
  }

  /** A client that asks all of this at once, and what it has got after `ms`. */
  async asked(requests: string | readonly string[], ms = 20): Promise<Peer> {
    const peer = await this.peer();
    peer.ask(...(typeof requests === "string" ? [requests] : requests));
    await this.pass(ms);
    return peer;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.peers) peer.conn.abort();
    await this.pass(10);
    await this.until(this.front.close());
    await super[Symbol.asyncDispose]();
  }
}

/** A proxy in front of one server with a script. */
export async function proxyWorld(script: Script, options: ProxyWorldOptions = {}): Promise<ProxyWorld> {
  const w = new ProxyWorld();
  w.ask(await w.serve(script), options.upstream);
  const pass = (request: Request, ctx: HttpContext) => proxy(request, ctx, w.upstream, options.proxy);
  const { adapter, clock } = w;
  w.front = await serveHttp(
    { port: 0, hostname: "127.0.0.1", adapter, clock, logger: silentLogger, idleTimeout: 0, ...options.http },
    options.handler?.(pass) ?? pass,
  );
  return w;
}
