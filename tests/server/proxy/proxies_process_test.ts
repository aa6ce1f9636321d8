/** HAProxy and nginx's stream module in front of servers: what they say of their clients is what the servers see. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type Address,
  connect,
  type ConnectOptions,
  type Handler,
  lines,
  type ProxyHeader,
  serve,
  type ServeOptions,
  type Server,
  silentLogger,
} from "../../../mod.ts";
import { formatAddress } from "../../../src/address.ts";
import { readyz, serveHttp } from "../../../src/http/mod.ts";
import { connectWebSocket, upgradeWebSocket } from "../../../src/websocket/mod.ts";
import { until } from "../../support/apps.ts";
import { freePort, type Proxy } from "../../support/http_proxies.ts";
import { runTool, skipWithout, toolPath } from "../../support/http_tools.ts";
import { type Forwarding, haproxyFor, nginxFor, skipWithoutStream } from "../../support/proxy_protocol.ts";
import { TEST_CERT, TEST_KEY } from "../../support/tls.ts";

/** What a server tells of a connection. */
interface Told {
  readonly remote: Address;
  readonly via: Address | null;
  readonly alpnProtocol: string | null;
  readonly version: number | undefined;
  readonly destination: Address | null | undefined;
  readonly alpn: string | null | undefined;
  readonly authority: string | null | undefined;
  readonly uniqueId: string | null;
  readonly ssl: ProxyHeader["ssl"] | undefined;
  readonly types: readonly number[] | undefined;
}

const tell: Handler = async (conn) => {
  const { remote, via, alpnProtocol, proxy } = conn;
  const id = proxy?.uniqueId ?? null;
  const told: Told = {
    remote,
    via,
    alpnProtocol,
    version: proxy?.version,
    destination: proxy?.destination,
    alpn: proxy?.alpn,
    authority: proxy?.authority,
    uniqueId: id && new TextDecoder().decode(id),
    ssl: proxy?.ssl,
    types: proxy?.tlvs.map(({ type }) => type),
  };
  for await (const _ of lines(conn)) await conn.write(`${JSON.stringify(told)}\n`);
};

function proxied(options: ServeOptions = {}): Promise<Server> {
  const place = options.path === undefined ? { port: 0, hostname: "127.0.0.1" } : {};
  return serve({ ...place, logger: silentLogger, proxyProtocol: { from: ["loopback", "unix"] }, ...options }, tell);
}

function placeOf({ address }: Pick<Server, "address">): number | string {
  return address.transport === "tcp" ? address.port : address.path;
}

/** What a server behind a proxy tells, and the client that asked. */
async function asked(options: ConnectOptions): Promise<{ told: Told; client: Address }> {
  const conn = await connect({ hostname: "127.0.0.1", ...options });
  await conn.write("who\n");
  let text = "";
  while (!text.includes("\n")) text += new TextDecoder().decode((await conn.read())!);
  const client = conn.local;
  await conn.close();
  return { told: JSON.parse(text), client };
}

function ports(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, freePort));
}

async function behindHaproxy(ways: readonly Forwarding[], use: (ports: number[], proxy: Proxy) => Promise<void>) {
  const at = await ports(ways.length);
  await using proxy = await haproxyFor(ways, at);
  await use(at, proxy);
}

const SECURE: ServeOptions = { tls: { cert: TEST_CERT, key: TEST_KEY, alpnProtocols: ["who"] } };
const CLIENT_TLS: ConnectOptions = { tls: { insecure: true, alpnProtocols: ["who"], serverName: "localhost" } };

describe("HAProxy in front", { skip: skipWithout("haproxy") }, () => {
  it("names its client by send-proxy and send-proxy-v2, and where it had connected to", async () => {
    await using server = await proxied();
    const to = placeOf(server);
    await behindHaproxy([{ to, words: "send-proxy" }, { to, words: "send-proxy-v2" }], async (at) => {
      for (const [i, port] of at.entries()) {
        const { told, client } = await asked({ port });
        assertEquals([told.version, told.remote, told.destination], [i + 1, client, {
          transport: "tcp",
          hostname: "127.0.0.1",
          port,
        }]);
        assertEquals([told.via?.transport, (told.via as { hostname?: string }).hostname], ["tcp", "127.0.0.1"]);
      }
    });
  });

  it("tells of its client's TLS by send-proxy-v2-ssl-cn, with a checksum", async () => {
    await using server = await proxied();
    const options = "proxy-v2-options ssl,cert-cn,cert-key,cert-sig,ssl-cipher,authority,unique-id,crc32c";
    const to = placeOf(server);
    const ways = [
      { to, words: "send-proxy-v2-ssl", secure: true },
      { to, words: `send-proxy-v2 ${options}`, secure: true },
      { to, words: "send-proxy-v2-ssl" },
    ];
    await behindHaproxy(ways, async ([plain, full, none]) => {
      const { told, client } = await asked({ port: plain, ...CLIENT_TLS });
      assertEquals([told.remote, told.alpn, told.ssl?.secure, told.ssl?.verified], [client, "who", true, false]);
      assertMatch(told.ssl!.version!, /^TLSv1\.[23]$/);
      const { told: more } = await asked({ port: full, ...CLIENT_TLS });
      assertEquals([more.authority, more.ssl?.commonName, more.ssl?.certOnConn], ["localhost", null, false]);
      assertMatch(more.ssl!.cipher!, /AES|CHACHA/);
      assertMatch(more.ssl!.keyAlgorithm!, /^EC/);
      assertMatch(more.uniqueId!, /^conn-/);
      assert(more.types!.includes(3), `${more.types}`);
      const { told: bare } = await asked({ port: none });
      assertEquals([bare.version, bare.ssl?.secure ?? false], [2, false]);
    });
  });

  it("names its client before TLS that it only passes on, and on Unix sockets", async () => {
    const dir = mkdtempSync(join(tmpdir(), "sluice-behind-"));
    try {
      await using secure = await proxied(SECURE);
      await using unix = await proxied({ path: join(dir, "plain") });
      await using both = await proxied({ path: join(dir, "secure"), ...SECURE });
      const ways = [
        { to: placeOf(secure), words: "send-proxy" },
        { to: placeOf(secure), words: "send-proxy-v2" },
        { to: placeOf(unix), words: "send-proxy-v2" },
        { to: placeOf(both), words: "send-proxy-v2" },
      ];
      await behindHaproxy(ways, async (at) => {
        for (const [i, port] of at.entries()) {
          const isSecure = i !== 2;
          const { told, client } = await asked({ port, ...(isSecure ? CLIENT_TLS : {}) });
          assertEquals([told.remote, told.alpnProtocol], [client, isSecure ? "who" : null]);
          assertEquals(told.via?.transport, i < 2 ? "tcp" : "unix");
        }
      });
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it("finds servers healthy by checks of its own, which are no peer's errors", async () => {
    const seen = new Set<string>();
    const ready = readyz();
    await using tcp = await proxied();
    await using http = await serveHttp({
      port: 0,
      hostname: "127.0.0.1",
      logger: silentLogger,
      proxyProtocol: { from: ["loopback"] },
    }, (req, ctx) => {
      const { via, proxy } = ctx.conn;
      if (ctx.target === "/readyz") seen.add(`${proxy?.version} ${proxy?.command} ${via === null ? "itself" : "for"}`);
      return ready(req, ctx);
    });
    const check = ["option httpchk GET /readyz", "http-check expect status 200"];
    const ways = [
      { to: placeOf(tcp), words: "send-proxy check" },
      { to: placeOf(tcp), words: "send-proxy-v2 check" },
      { to: placeOf(http), words: "send-proxy check", lines: check },
      { to: placeOf(http), words: "send-proxy-v2 check", lines: check },
    ];
    await behindHaproxy(ways, async (at, proxy) => {
      const counted = () => tcp.stats.accepted >= 20 && http.http.requests >= 20;
      await until(() => `${tcp.stats.accepted} ${http.http.requests}\n${proxy.program.stderr}`, counted);
      assertEquals([tcp.stats.peerErrors, tcp.stats.handlerErrors, http.stats.peerErrors], [0, 0, 0]);
      assertEquals(http.http.statuses["2xx"], http.http.requests);
      for (const port of at.slice(0, 2)) assertEquals((await asked({ port })).told.version, at.indexOf(port) + 1);
      // Version 2 has a word for what is the proxy's own.
      assert(seen.has("2 local itself"), [...seen].join());
      assert(!/is DOWN/.test(proxy.program.stderr), proxy.program.stderr);
    });
  });

  it("passes requests and WebSockets, whose context tells the client", async () => {
    await using server = await serveHttp({
      port: 0,
      hostname: "127.0.0.1",
      logger: silentLogger,
      proxyProtocol: { from: ["loopback"] },
    }, (req, ctx) => {
      if (req.headers.has("upgrade")) {
        return upgradeWebSocket(req, async (ws) => {
          for await (const message of ws) await ws.send(`${message} ${formatAddress(ctx.remote)}`);
        });
      }
      return new Response(`${formatAddress(ctx.remote)} ${new URL(req.url).protocol}`);
    });
    const to = placeOf(server);
    const ways = [{ to, words: "send-proxy-v2" }, { to, words: "send-proxy-v2-ssl", secure: true }];
    await behindHaproxy(ways, async ([plain, secure]) => {
      assertMatch(await (await fetch(`http://127.0.0.1:${plain}/`)).text(), /^127\.0\.0\.1:\d+ http:$/);
      if (toolPath("curl") !== null) {
        const { stdout } = await runTool("curl", ["-sk", "--noproxy", "*", `https://127.0.0.1:${secure}/`]);
        assertMatch(stdout, /^127\.0\.0\.1:\d+ https:$/);
      }
      const ws = await connectWebSocket(`ws://127.0.0.1:${plain}/`);
      await ws.send("me");
      assertMatch(String((await ws.next()).value), /^me 127\.0\.0\.1:\d+$/);
      assertEquals((await ws.close()).code, 1000);
    });
  });

  it("without its word gets nothing from a server that waits for it", async () => {
    await using server = await proxied();
    await behindHaproxy([{ to: placeOf(server), words: "" }], async ([port]) => {
      const conn = await connect({ port });
      await conn.write("who\n");
      assertEquals(await conn.read().catch(() => null), null);
      conn.abort();
      await until(() => "a refusal", () => server.stats.peerErrors === 1);
    });
  });
});

describe("nginx's stream module in front", { skip: skipWithout("nginx") || skipWithoutStream() }, () => {
  it("names its client: plain, before TLS, and on a Unix socket", async () => {
    const dir = mkdtempSync(join(tmpdir(), "sluice-behind-"));
    try {
      await using plain = await proxied();
      await using secure = await proxied(SECURE);
      await using unix = await proxied({ path: join(dir, "plain") });
      const at = await ports(3);
      await using _ = await nginxFor([plain, secure, unix].map(placeOf), at);
      for (const [i, port] of at.entries()) {
        const { told, client } = await asked({ port, ...(i === 1 ? CLIENT_TLS : {}) });
        assertEquals([told.version, told.remote, told.alpnProtocol], [1, client, i === 1 ? "who" : null]);
        assertEquals(told.via?.transport, i === 2 ? "unix" : "tcp");
      }
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
});
