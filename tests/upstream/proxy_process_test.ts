import { describe, it } from "node:test";
import net from "node:net";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertGreater, assertRejects, assertStringIncludes } from "@std/assert";
import { ConnectError, silentLogger } from "../../mod.ts";
import { type HttpHandler, type HttpOptions, type HttpServer, reply, serveHttp } from "../../src/http/mod.ts";
import { proxy, type ProxyOptions, type Upstream, upstream, UpstreamError } from "../../src/upstream/mod.ts";
import { connectWebSocket, upgradeWebSocket } from "../../src/websocket/mod.ts";
import { nginx, startProxy } from "../support/http_proxies.ts";
import { skipWithout } from "../support/http_tools.ts";
import { pattern, within } from "../support/rig.ts";
import { TEST_CERT, TEST_KEY } from "../support/tls.ts";

const LARGE = 3_000_000;

/** What the servers behind the proxies answer. */
const app: HttpHandler = async (request, ctx) => {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/livez") return reply("ok");
  if (pathname === "/who") {
    return Response.json({ url: request.url, remote: ctx.remote, via: request.headers.get("via") });
  }
  if (pathname === "/sum") {
    const hash = createHash("sha256");
    for await (const part of request.body ?? []) hash.update(part);
    return reply(hash.digest("hex"), { headers: { "x-body": String(request.headers.get("content-length")) } });
  }
  if (pathname === "/large") return new Response(pattern(LARGE).slice() as Uint8Array<ArrayBuffer>);
  if (pathname === "/ws") {
    return upgradeWebSocket(request, async (ws) => {
      for await (const message of ws) await ws.send(typeof message === "string" ? `echo: ${message}` : message);
    });
  }
  if (pathname === "/slow") await new Promise((resolve) => setTimeout(resolve, Number(searchParams.get("ms"))));
  return pathname === "/" || pathname === "/slow" ? reply("hello") : reply("nothing here", { status: 404 });
};

function serve(handler: HttpHandler, options: HttpOptions = {}): Promise<HttpServer> {
  return serveHttp({ port: 0, hostname: "127.0.0.1", logger: silentLogger, ...options }, handler);
}

function originOf(server: HttpServer): string {
  return `http://127.0.0.1:${(server.address as { port: number }).port}`;
}

/** A proxy of ours in front of an origin. */
class Front implements AsyncDisposable {
  readonly server: HttpServer;
  readonly upstream: Upstream;

  private constructor(server: HttpServer, to: Upstream) {
    this.server = server;
    this.upstream = to;
  }

  static async start(origin: string, options?: ProxyOptions, http: HttpOptions = {}): Promise<Front> {
    const to = upstream(origin, { logger: silentLogger });
    return new Front(await serve((request, ctx) => proxy(request, ctx, to, options), http), to);
  }

  get origin(): string {
    return originOf(this.server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
    await this.upstream.drain(AbortSignal.timeout(1000));
  }
}

/** Requests of all kinds through a way to the app. */
async function traffic(origin: string, times: number): Promise<void> {
  const body = pattern(200_000).slice();
  const sum = createHash("sha256").update(body).digest("hex");
  const large = createHash("sha256").update(pattern(LARGE)).digest("hex");
  const chunks = (): ReadableStream<Uint8Array> =>
    new ReadableStream({
      start(controller) {
        for (let at = 0; at < body.length; at += 30_000) controller.enqueue(body.slice(at, at + 30_000));
        controller.close();
      },
    });
  const kinds: (() => Promise<void>)[] = [
    async () => assertEquals(await (await fetch(`${origin}/`)).text(), "hello"),
    async () => {
      const response = await fetch(`${origin}/sum`, { method: "POST", body });
      assertEquals([await response.text(), response.headers.get("x-body")], [sum, "200000"]);
    },
    async () => {
      const init: RequestInit & { duplex: "half" } = { method: "POST", body: chunks(), duplex: "half" };
      assertEquals(await (await fetch(`${origin}/sum`, init)).text(), sum);
    },
    async () => assertEquals((await fetch(`${origin}/nowhere`)).status, 404),
    async () => {
      const head = await fetch(`${origin}/large`, { method: "HEAD" });
      assertEquals([head.headers.get("content-length"), (await head.arrayBuffer()).byteLength], [`${LARGE}`, 0]);
    },
    async () => {
      const bytes = new Uint8Array(await (await fetch(`${origin}/large`)).arrayBuffer());
      assertEquals(createHash("sha256").update(bytes).digest("hex"), large);
    },
    async () => assertEquals(await (await fetch(`${origin}/slow?ms=20`)).text(), "hello"),
  ];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < times; i = next++) await kinds[i % kinds.length]();
  };
  await within("the traffic", Promise.all(Array.from({ length: 8 }, worker)));
}

/** A WebSocket through a way to the app: texts, bytes and an end. */
async function talk(origin: string): Promise<void> {
  const ws = await connectWebSocket(`${origin.replace("http", "ws")}/ws`);
  await ws.send("one");
  await ws.send(pattern(100_000).slice());
  const got: unknown[] = [];
  for await (const message of ws) {
    got.push(typeof message === "string" ? message : message.length);
    if (got.length === 2) break;
  }
  assertEquals(got, ["echo: one", 100_000]);
  await within("the goodbye", ws.close(1000));
}

describe("proxy() on real sockets", () => {
  it("passes all kinds of requests on, on few connections, and drains clean", async () => {
    await using behind = await serve(app);
    await using front = await Front.start(originOf(behind));
    await traffic(front.origin, 140);
    await talk(front.origin);
    const { calls, retries, failures, addresses: [{ pool }] } = front.upstream.stats;
    assertEquals([calls, retries, Object.values(failures).some((count) => count > 0)], [141, 0, false]);
    assert(pool.connects <= 20, `${pool.connects}`);
    const report = await front.server.shutdown({ grace: 5000 });
    assertEquals(report.clean, true);
  });

  it("tells the app whom it serves, and the app believes a proxy that it trusts", async () => {
    await using behind = await serve(app, { trustProxy: ["loopback"] });
    await using front = await Front.start(originOf(behind), { forwarded: "forwarded" }, { trustProxy: ["loopback"] });
    const headers = { forwarded: `for=192.0.2.7;proto=https;host=shop.example, for=198.51.100.9` };
    const told = await (await fetch(`${front.origin}/who`, { headers })).json();
    assertEquals([told.remote.hostname, told.via], ["198.51.100.9", "1.1 sluice"]);
  });

  it("reaches an app by TLS, whose certificate counts, and by a Unix socket", async () => {
    await using secure = await serve(app, { tls: { cert: TEST_CERT, key: TEST_KEY } });
    const { port } = secure.address as { port: number };
    const good = upstream(`https://localhost:${port}`, { logger: silentLogger, tls: { ca: TEST_CERT } });
    assertEquals(await (await good.fetch("/")).text(), "hello");
    assertEquals(await (await good.fetch("/slow?ms=1")).text(), "hello");
    assertEquals(good.stats.addresses[0].pool.connects, 1);
    await good.drain();
    const strict = upstream(`https://localhost:${port}`, { logger: silentLogger });
    const error = await assertRejects(() => strict.fetch("/"), UpstreamError);
    assert(error.failure === "connect" && error.cause instanceof ConnectError, `${error}`);
    await strict.drain();
    const dir = mkdtempSync(join(tmpdir(), "sluice-upstream-"));
    const path = join(dir, "s");
    try {
      await using unix = await serveHttp({ path, logger: silentLogger }, app);
      assert(unix.ready);
      const there = upstream({ url: "http://app.local", socketPath: path }, { logger: silentLogger });
      assertEquals((await (await there.fetch("/who")).json()).url, "http://app.local/who");
      await there.drain();
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it("loses no GET to an app that closes what was idle just when it is asked again", async () => {
    // Closes each connection at some moment after an answer: sooner or later just when the next request comes.
    let conns = 0;
    const server = net.createServer({ noDelay: true }, (socket) => {
      conns++;
      socket.on("error", () => {});
      socket.on("data", () => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        setTimeout(() => conns % 2 === 0 ? socket.destroy() : socket.end(), Math.random() * 4);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      await using front = await Front.start(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}`);
      const worker = async (): Promise<void> => {
        for (let i = 0; i < 60; i++) {
          const response = await fetch(front.origin);
          assertEquals([response.status, await response.text()], [200, "ok"]);
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
        }
      };
      await within("the requests", Promise.all([worker(), worker(), worker(), worker()]));
      assertGreater(conns, 40);
    } finally {
      server.close();
    }
  });

  it("cancels the call when its client resets, and resets the client when the app dies in the middle", async () => {
    const sockets: net.Socket[] = [];
    const server = net.createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      await using front = await Front.start(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}`);
      const client = async (act: (client: net.Socket) => void): Promise<[text: string, error: boolean]> => {
        const { port } = front.server.address as { port: number };
        const socket = net.connect(port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
        let text = "";
        let isBroken = false;
        socket.on("error", () => isBroken = true);
        socket.on("data", (chunk) => {
          text += chunk;
          if (text.endsWith("half")) act(socket);
        });
        await within("the client's end", new Promise<void>((resolve) => socket.on("close", () => resolve())));
        return [text, isBroken];
      };
      const closed = () => new Promise<void>((resolve) => sockets.at(-1)!.on("close", () => resolve()));
      let gone = Promise.resolve();
      await client((socket) => {
        gone = closed();
        socket.resetAndDestroy();
      });
      await within("the call's end", gone);
      const [text, isBroken] = await client(() => sockets.at(-1)!.end());
      assertStringIncludes(text, "half");
      assertEquals(isBroken, true);
    } finally {
      server.close();
      for (const socket of sockets) socket.destroy();
    }
  });
});

describe("proxy() and nginx", { skip: skipWithout("nginx") }, () => {
  it("in front of it serves all kinds of requests", async () => {
    await using behind = await serve(app);
    await using front = await Front.start(originOf(behind), undefined, { trustProxy: ["loopback"] });
    await using outer = await nginx([Number(new URL(front.origin).port)]);
    await traffic(outer.origin, 70);
    const told = await (await fetch(`${outer.origin}/who`)).json();
    assertEquals(told.via, "1.1 sluice");
  });

  it("behind it is asked by it on connections that are kept, and joined for WebSockets", async () => {
    await using behind = await serve(app);
    const { port } = behind.address as { port: number };
    const config = (at: number, dir: string): string => `
${(globalThis as { process?: { getuid?(): number } }).process?.getuid?.() === 0 ? "user root root;" : ""}
daemon off; worker_processes 1; pid ${dir}/nginx.pid; error_log stderr warn;
events { worker_connections 256; }
http {
  access_log off; client_max_body_size 8m; keepalive_timeout 2;
  client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy; fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
  server {
    listen 127.0.0.1:${at};
    location / {
      proxy_pass http://127.0.0.1:${port}; proxy_http_version 1.1; proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;
    }
  }
}`;
    const { writeFileSync } = await import("node:fs");
    await using inner = await startProxy("nginx", (at, file, dir) => {
      writeFileSync(file, config(at, dir));
      return ["-p", dir, "-e", "stderr", "-c", file];
    });
    await using front = await Front.start(inner.origin);
    await traffic(front.origin, 70);
    await talk(front.origin);
    assert(front.upstream.stats.addresses[0].pool.connects < 40);
  });
});
