import { Buffer } from "node:buffer";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect, type ConnectOptions, OptionError, silentLogger } from "../../mod.ts";
import { type HttpHandler, type HttpOptions, serveHttp } from "../../src/http/mod.ts";
import { request } from "../support/http_world.ts";
import { leakCheck } from "../support/leaks.ts";
import { TEST_CERT, TEST_KEY } from "../support/tls.ts";
import { within } from "../support/rig.ts";

const TLS = { cert: TEST_CERT, key: TEST_KEY };

/** One request over a real socket; the server drains when it is answered. Gives the answer, the ALPN protocol and the report. */
async function once(options: HttpOptions, to: ConnectOptions, handler: HttpHandler, text = request("/a?b")) {
  const server = await serveHttp({ logger: silentLogger, idleGrace: 50, quiet: 50, ...options }, handler);
  const { address } = server;
  const conn = await connect({
    ...(address.transport === "tcp" ? { port: address.port } : { path: address.path }),
    ...to,
  });
  conn.write(text);
  let answer = "";
  let report = null;
  const decoder = new TextDecoder();
  for await (const chunk of conn) {
    answer += decoder.decode(chunk);
    if (report === null && answer.includes("<end>")) report = server.shutdown();
  }
  const { alpnProtocol } = conn;
  await conn.close();
  return { answer, alpnProtocol, report: await report! };
}

const showUrl: HttpHandler = (req, ctx) => new Response(`${req.url} ${ctx.remote.transport} <end>`);

describe("HTTP on real sockets", () => {
  const leaks = leakCheck();
  const folder = mkdtempSync(join(tmpdir(), "sluice-http-"));
  before(leaks.before);
  after(leaks.after);
  after(() => rmSync(folder, { recursive: true }));

  it("over TLS takes certificate and key as bytes of any kind, as files are read", async () => {
    const bytes = new TextEncoder().encode(TEST_CERT);
    for (const cert of [bytes, new DataView(bytes.buffer), bytes.buffer, Buffer.from(TEST_CERT)]) {
      const tls = { cert: cert as Uint8Array, key: Buffer.from(TEST_KEY) };
      const to = { tls: { ca: TEST_CERT, serverName: "localhost" } };
      const { answer } = await within(
        "an answer over TLS",
        once({ port: 0, hostname: "127.0.0.1", tls }, to, showUrl),
        10_000,
      );
      assertMatch(answer, /^HTTP\/1\.1 200 /);
    }
    for (const wrong of [new Uint8Array(8), 5, ["-----BEGIN "]]) {
      const tls = { cert: TEST_CERT, key: wrong as unknown as string };
      const error = await assertRejects(() => serveHttp({ tls, logger: silentLogger }, showUrl), OptionError);
      assertEquals(error.option, "tls.key");
    }
  });

  it("over TLS agrees on http/1.1, has https in its URLs, and drains cleanly", async () => {
    const to = { tls: { ca: TEST_CERT, serverName: "localhost", alpnProtocols: ["h2", "http/1.1"] } };
    const { answer, alpnProtocol, report } = await within(
      "an answer over TLS",
      once({ port: 0, hostname: "127.0.0.1", tls: TLS }, to, showUrl),
      10_000,
    );
    assertMatch(answer, /^HTTP\/1\.1 200 OK\r\n/);
    assert(answer.endsWith("https://test/a?b tcp <end>"), answer);
    assertEquals([alpnProtocol, report.clean], ["http/1.1", true]);
  });

  it("over TLS serves a client that offers no ALPN", async () => {
    const to = { tls: { ca: TEST_CERT, serverName: "localhost" } };
    const { answer } = await within(
      "an answer over TLS",
      once({ port: 0, hostname: "127.0.0.1", tls: TLS }, to, showUrl),
      10_000,
    );
    assert(answer.endsWith("https://test/a?b tcp <end>"), answer);
  });

  it("on a Unix socket", async () => {
    const { answer, report } = await within(
      "an answer",
      once({ path: join(folder, "http.sock") }, {}, showUrl),
      10_000,
    );
    assert(answer.endsWith("http://test/a?b unix <end>"), answer);
    assertEquals(report.clean, true);
  });

  const bodies: Record<string, () => BodyInit> = {
    "text": () => "hällo",
    "bytes": () => new TextEncoder().encode("hällo"),
    "a Blob": () => new Blob(["hällo"], { type: "text/x" }),
    "a stream": () => new Blob(["hällo"]).stream(),
    "a form's fields": () => new URLSearchParams({ a: "hällo" }),
    "a file's stream, slowly": () => {
      let left = 3;
      return new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 5));
          if (left-- === 0) controller.close();
          else controller.enqueue(new TextEncoder().encode("h"));
        },
      });
    },
  };
  for (const [name, make] of Object.entries(bodies)) {
    it(`answers with a Response made of ${name}, as its own text() would be`, async () => {
      const want = await new Response(make()).text();
      const handler: HttpHandler = (req) => new Response(req.url.endsWith("/end") ? "<end>" : make());
      const { answer } = await within(
        "an answer",
        once({ port: 0, hostname: "127.0.0.1" }, {}, handler, request("/") + request("/end")),
        10_000,
      );
      const first = answer.slice(answer.indexOf("\r\n\r\n") + 4, answer.lastIndexOf("HTTP/1.1 200"));
      const body = answer.includes("transfer-encoding: chunked") ? unchunked(first) : first;
      assertEquals(body, want);
    });
  }
});

function unchunked(text: string): string {
  return text.split("\r\n").filter((_, i) => i % 2 === 1).join("");
}
