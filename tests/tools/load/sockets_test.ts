/** Load clients on the sockets of the runtime: plain, TLS and Unix. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { lines, type ListenOptions, serve, silentLogger } from "../../../mod.ts";
import { upgradeWebSocket } from "../../../src/websocket/mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import { ClientError, makeConnector } from "../../../src/tools/load/clients/client.ts";
import { parseTarget } from "../../../src/tools/load/target.ts";
import type { LoadKind } from "../../../src/tools/load/load_api.ts";
import { LoadPlayer } from "../../support/load_world.ts";
import { within } from "../../support/rig.ts";
import { TEST_CERT, TEST_KEY } from "../../support/tls.ts";

interface Opened {
  readonly address: unknown;
  close(): void;
}

function open(kind: LoadKind, options: ListenOptions): Promise<Opened> {
  const all = { ...options, logger: silentLogger };
  if (kind === "tcp") {
    return serve(all, async (conn) => {
      for await (const line of lines(conn)) await conn.write(`echo: ${line}\n`);
    });
  }
  return serveHttp(all, async (request) => {
    if (kind === "ws") return upgradeWebSocket(request, (ws) => ws.forEach((message) => ws.send(message)));
    return new Response(await request.text());
  });
}

/** Two rounds of requests, all of whose answers are right. */
async function exchange(url: string, tlsInsecure = true): Promise<string[]> {
  const target = parseTarget(url, { tlsInsecure });
  const connector = makeConnector(target, {
    pipeline: 2,
    size: { min: 1, max: 50_000 },
    method: "POST",
    headers: [],
    body: null,
    check: "echo",
    timeout: 5000,
    seed: 1,
  });
  const player = new LoadPlayer();
  player.client = await connector.open(player);
  const answered = new Promise<void>((resolve) => {
    player.onAnswer = (token) => {
      if (token < 2) player.send();
      if (token === 3) resolve();
    };
  });
  player.send(2);
  await within(`four answers of ${url}`, answered);
  await player.client.close();
  connector.close();
  return player.told().map((line) => line.replace(/, .*/, "")).filter((line) => line !== "idle");
}

describe("a load client on real sockets", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-load-"));
  const servers: Opened[] = [];
  const urls: string[] = [];
  const secure = (servers: string[]) => servers.filter((url) => /^(https|wss):/.test(url));

  before(async () => {
    const tls = { cert: TEST_CERT, key: TEST_KEY };
    const at = async (kind: LoadKind, options: ListenOptions) => {
      const server = await open(kind, options);
      servers.push(server);
      return (server.address as { port: number }).port;
    };
    const hostname = "127.0.0.1";
    urls.push(`tcp://${hostname}:${await at("tcp", { hostname })}`);
    for (const kind of ["http", "ws"] as const) {
      urls.push(`${kind}://${hostname}:${await at(kind, { hostname })}/`);
      urls.push(`${kind === "ws" ? "wss" : "https"}://${hostname}:${await at(kind, { hostname, tls })}/`);
    }
    for (const kind of ["tcp", "http", "ws"] as const) {
      const path = join(folder, `${kind}.sock`);
      await at(kind, { path });
      urls.push(`unix:${path}${kind === "tcp" ? "" : `:${kind}:/`}`);
    }
  });
  after(() => {
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("has its answers by every way", async () => {
    assertEquals(urls.length, 8);
    const all = ["answered 0", "answered 1", "answered 2", "answered 3", "closed as expected"];
    for (const url of urls) assertEquals([url, await exchange(url)], [url, all]);
  });

  it("refuses a certificate that nobody vouches for, unless it is told not to mind", async () => {
    assertEquals(secure(urls).length, 2);
    for (const url of secure(urls)) {
      const error = await assertRejects(() => exchange(url, false), ClientError);
      assertEquals(error.fault, "refused");
    }
  });
});
