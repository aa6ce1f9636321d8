/** The snippets for nginx and HAProxy of HTTP's manual, in front of a server with the defaults. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assertEquals, assertLess, assertRejects } from "@std/assert";
import { silentLogger } from "../../mod.ts";
import { livez, readyz, reply, serveHttp } from "../../src/http/mod.ts";
import { connectWebSocket, HandshakeError, upgradeWebSocket } from "../../src/websocket/mod.ts";
import { proxyFrom } from "../support/http_proxies.ts";
import { skipWithout } from "../support/http_tools.ts";
import { root } from "../support/processes.ts";

const manual = readFileSync(join(root, "src/http/README.md"), "utf8");

for (const name of ["nginx", "haproxy"] as const) {
  describe(`the snippet for ${name}`, { skip: skipWithout(name) }, () => {
    it("passes WebSockets of its own pages and of no others, and requests on connections that stay", async () => {
      const snippet = new RegExp("^```" + name + "\\n([\\s\\S]*?)^```$", "m").exec(manual)![1];
      const [live, ready] = [livez(), readyz()];
      await using server = await serveHttp({ port: 0, hostname: "127.0.0.1", logger: silentLogger }, (req, ctx) => {
        if (ctx.target === "/livez") return live(req, ctx);
        if (ctx.target === "/readyz") return ready(req, ctx);
        if (ctx.target === "/conn") return reply(`${ctx.conn.id}`);
        return upgradeWebSocket(req, async (ws) => {
          for await (const message of ws) await ws.send(`${message} back`);
        });
      });
      const { address } = server;
      await using proxy = await proxyFrom(name, snippet, address.transport === "tcp" ? address.port : 0);
      const url = `${proxy.origin.replace("http", "ws")}/ws`;
      const ws = await connectWebSocket(url, { origin: proxy.origin });
      await ws.send("there and");
      assertEquals((await ws.next()).value, "there and back");
      assertEquals((await ws.close()).code, 1000);
      const foreign = { origin: "http://evil.example" };
      const error = await assertRejects(() => connectWebSocket(url, foreign), HandshakeError);
      assertEquals(error.status, 403);
      const conns = new Set<string>();
      for (let i = 0; i < 20; i++) conns.add(await (await fetch(`${proxy.origin}/conn`)).text());
      // Which connection of its own a proxy takes is its choice; that it uses them again is what counts.
      assertLess(conns.size, 10);
    });
  });
}
