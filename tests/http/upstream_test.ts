/** Answers that come from somewhere else: an upstream's, one that was used, one that only looks like a Response. */
import http from "node:http";
import { describe, it } from "node:test";
import zlib from "node:zlib";
import { assertEquals, assertMatch } from "@std/assert";
import { jsonLogger } from "../../mod.ts";
import { type HttpHandler, reply, serveHttp } from "../../src/http/mod.ts";
import { bodyOf, httpWorld, request } from "../support/http_world.ts";
import { AnswerReader } from "../support/http_answers.ts";
import net from "node:net";

const TEXT = "hello ".repeat(1000);

const CODECS: Record<string, (text: string) => Uint8Array> = {
  gzip: zlib.gzipSync,
  deflate: zlib.deflateSync,
  br: zlib.brotliCompressSync,
  "gzip, br": (text) => zlib.brotliCompressSync(zlib.gzipSync(text)),
};

/** Sends the text as its path says: encoded by that name, in a length of bytes, or slowly. */
function upstream(): Promise<http.Server> {
  const server = http.createServer((req, res) => {
    const name = decodeURIComponent(req.url!.slice(1));
    if (name === "slow") {
      res.write("one ");
      setTimeout(() => res.end("two"), 300);
    } else if (CODECS[name] === undefined) res.end("x".repeat(Number(name)));
    else {
      const bytes = CODECS[name](TEXT);
      res.writeHead(200, { "content-encoding": name, "content-length": bytes.length, "x-kept": "yes" }).end(bytes);
    }
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

/** The answer's bytes as they came: nobody decodes them. */
function rawGet(port: number, target: string): Promise<{ head: string; body: Uint8Array }> {
  return new Promise((resolve, reject) => {
    const reader = new AnswerReader();
    reader.methods.push("GET");
    const socket = net.connect(port, "127.0.0.1", () => {
      socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    });
    const chunks: Uint8Array[] = [];
    socket.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("end", () => {
      const [answer] = reader.feed(new Uint8Array(chunks.flatMap((chunk) => [...chunk])));
      resolve({ head: new TextDecoder().decode(chunks[0]).split("\r\n\r\n")[0], body: answer.body });
      socket.destroy();
    });
  });
}

describe("return fetch(upstream)", () => {
  const targets: [string, string][] = [
    ...[0, 5, 100_000, 3_000_000].map((size): [string, string] => [`${size}`, "x".repeat(size)]),
    ["slow", "one two"],
    ...Object.keys(CODECS).map((name): [string, string] => [name, TEXT]),
  ];
  const ways: Record<string, (url: string) => Promise<Response>> = {
    "as it is": (url) => fetch(url),
    "as a clone": async (url) => (await fetch(url)).clone(),
  };
  for (const [way, ask] of Object.entries(ways)) {
    it(`gives the client what the upstream sent, ${way}`, async () => {
      const source = await upstream();
      const { port } = source.address() as { port: number };
      const relay: HttpHandler = (_request, ctx) => ask(`http://127.0.0.1:${port}${ctx.target}`);
      await using server = await serveHttp({ port: 0, hostname: "127.0.0.1", idleGrace: 50 }, relay);
      const here = server.address.transport === "tcp" ? server.address.port : 0;
      for (const [name, text] of targets) {
        const { head, body } = await rawGet(here, `/${encodeURIComponent(name)}`);
        const coding = /content-encoding: (.*)/.exec(head)?.[1];
        // Where the runtime does not decode, the client gets what it can decode by itself.
        const got = coding === undefined ? body : coding === name ? body : new Uint8Array();
        const expected = coding === undefined ? new TextEncoder().encode(text) : CODECS[name](TEXT);
        assertEquals([head.slice(0, 15), got.length], ["HTTP/1.1 200 OK", expected.length], name);
        assertEquals(got, new Uint8Array(expected), name);
        if (CODECS[name] !== undefined) assertMatch(head, /x-kept: yes/);
        if (name === "gzip" || name === "br") assertEquals(coding, undefined);
      }
      source.closeAllConnections();
      await new Promise((resolve) => source.close(resolve));
    });
  }
});

describe("a Response", () => {
  it("that was used, is locked, or was sent before is refused on every runtime, with a log that says why", async () => {
    const lines: string[] = [];
    const shared = new Response("shared");
    const flowing = new Response(new ReadableStream({ start: (c) => c.close() }));
    const makers: Record<string, () => Response | Promise<Response>> = {
      "/shared": () => shared,
      "/flowing": () => flowing,
      "/read": async () => {
        const response = new Response("read");
        await response.text();
        return response;
      },
      "/locked": () => {
        const response = new Response("locked");
        response.body!.getReader();
        return response;
      },
      "/locked-stream": () => {
        const response = new Response(new ReadableStream());
        response.body!.getReader();
        return response;
      },
    };
    for (const probe of [true, false]) {
      lines.length = 0;
      await using w = await httpWorld((_request, ctx) => makers[ctx.target](), {
        probe,
        logger: jsonLogger({ write: (line) => lines.push(line) }),
      });
      if (probe) {
        await w.ask([request("/shared"), request("/flowing")]);
        assertEquals(w.peers[0].statuses, [200, 200]);
      }
      for (const target of Object.keys(makers)) {
        const peer = await w.ask(request(target));
        assertEquals(peer.statuses, [500], `${target}, ${probe}`);
        assertMatch(lines.pop()!, /The Response(?:'s body is locked| was used already)/, target);
      }
    }
  });

  it("without a body, and a reply(), may answer any number of requests", async () => {
    const [none, text] = [new Response(null, { status: 204 }), reply("again")];
    await using w = await httpWorld((_request, ctx) => ctx.target === "/none" ? none : text);
    const peer = await w.ask([request("/none"), request("/none"), request("/text"), request("/text")]);
    assertEquals([peer.statuses, peer.answers.map(bodyOf)], [[204, 204, 200, 200], ["", "", "again", "again"]]);
  });

  it("that only looks like one has its fields and its status checked before anything is written", async () => {
    const fields = (name: string, value: string) => ({
      forEach: (fn: (v: string, n: string) => void) => fn(value, name),
    });
    const wrong: Record<string, unknown> = {
      "/name": { status: 200, headers: fields("x y", "1"), statusText: "", body: null },
      "/value": { status: 200, headers: fields("x", "1\r\nset-cookie: evil=1"), statusText: "", body: null },
      "/smuggled": { status: 200, headers: new Map([["x", "a\r\n\r\nHTTP/1.1 200 OK"]]), statusText: "", body: null },
      "/phrase": { status: 200, headers: new Headers(), statusText: "OK\r\nx: y", body: null },
      "/fraction": { status: 200.5, headers: new Headers(), statusText: "", body: null },
      "/text": { status: "200", headers: new Headers(), statusText: "", body: null },
      "/low": { status: 199, headers: new Headers(), statusText: "", body: null },
    };
    const right = { status: 201, headers: fields("X-Upper", "fine"), statusText: "Made", body: null };
    await using w = await httpWorld((_request, ctx) => (wrong[ctx.target] ?? right) as Response);
    for (const target of Object.keys(wrong)) {
      const peer = await w.ask([request(target), request("/right")]);
      assertEquals(peer.statuses, [500, 201], target);
      assertEquals([peer.text.includes("evil"), peer.answers[1].headers.get("x-upper")], [false, "fine"], target);
    }
  });
});
