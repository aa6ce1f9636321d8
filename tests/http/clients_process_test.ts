import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertMatch, assertStringIncludes } from "@std/assert";
import { type HttpDrained, httpDrained } from "../support/http_drained.ts";
import { runTool, skipWithout } from "../support/http_tools.ts";
import { root } from "../support/processes.ts";
import { firstDifference, pattern } from "../support/rig.ts";

/** By its path: Bun puts a stand-in in the place of the package. */
const undici: typeof import("undici") = createRequire(import.meta.url)(`${root}node_modules/undici/index.js`);

/** What `/request` tells. */
interface Seen {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const numberOf = (seen: Seen) => Number(seen.id.split("-")[1]);
const connectionOf = (seen: Seen) => seen.id.split("-")[0];

let server: HttpDrained;

/** One server for a group of tests; it must end well. */
function withServer(app: "routes" | "hono" = "routes"): void {
  before(async () => {
    server = await httpDrained({ http: { idleGrace: 100, maxBodyBytes: 3_000_000 }, run: { grace: 4000 }, app });
  });
  after(async () => {
    await server.stop();
    await server[Symbol.asyncDispose]();
  });
}

describe("fetch, as this runtime has it", () => {
  withServer();

  it("gets and posts on connections that are used again", async () => {
    const seen: Seen[] = [];
    for (let i = 0; i < 10; i++) seen.push(await (await fetch(`${server.origin}/request?i=${i}`)).json());
    assertEquals(seen.map(({ url }) => url), seen.map((_, i) => `${server.origin}/request?i=${i}`));
    assertGreater(Math.max(...seen.map(numberOf)), 1);
    const body = pattern(200_000);
    const echo = await fetch(`${server.origin}/echo`, { method: "POST", body: body as Uint8Array<ArrayBuffer> });
    assertEquals(echo.headers.get("content-length"), "200000");
    assertEquals(firstDifference(new Uint8Array(await echo.arrayBuffer()), body), -1);
  });

  it("gets a streamed answer, a HEAD without a body, a 404, and 60 answers at once", async () => {
    const stream = await fetch(`${server.origin}/stream?n=20&ms=2`);
    assertEquals(stream.headers.get("content-length"), null);
    assertEquals(await stream.text(), Array.from({ length: 20 }, (_, i) => `${i}\n`).join(""));
    const head = await fetch(`${server.origin}/big?bytes=100000`, { method: "HEAD" });
    assertEquals([head.status, head.headers.get("content-length"), await head.text()], [200, "100000", ""]);
    assertEquals((await fetch(`${server.origin}/nowhere`)).status, 404);
    const texts = await Promise.all(
      Array.from({ length: 60 }, async (_, i) => await (await fetch(`${server.origin}/slow?ms=${i % 7}`)).text()),
    );
    assertEquals(texts, texts.map((_, i) => `slept ${i % 7}`));
  });

  it("uploads a stream, and has it echoed as a stream", async () => {
    let i = 0;
    const source = () =>
      new ReadableStream<Uint8Array>({
        pull: (controller) => i++ < 50 ? controller.enqueue(pattern(10_000)) : controller.close(),
      });
    const upload = await fetch(`${server.origin}/upload`, { method: "POST", body: source(), duplex: "half" } as never);
    assertEquals(await upload.text(), "500000 bytes");
    i = 0;
    const piped = await fetch(`${server.origin}/pipe`, { method: "POST", body: source(), duplex: "half" } as never);
    assertEquals((await piped.arrayBuffer()).byteLength, 500_000);
  });

  it("goes on after a body that the handler did not read", async () => {
    for (let i = 0; i < 5; i++) {
      const answer = await fetch(`${server.origin}/unread`, { method: "POST", body: "x".repeat(100_000) });
      assertEquals(await answer.text(), "not read");
    }
  });

  it("may give up waiting, and the server goes on", async () => {
    const abort = AbortSignal.timeout(50);
    const error = await fetch(`${server.origin}/slow?ms=400`, { signal: abort }).catch((error) => error);
    assertEquals(error.name, "TimeoutError");
    assertEquals(await (await fetch(`${server.origin}/`)).text(), "hello world");
  });
});

describe("undici with pipelining", () => {
  withServer();

  it("gets 300 answers on one connection, in their order", async () => {
    const client = new undici.Client(server.origin, { pipelining: 10 });
    const ask = async (i: number) => {
      const { body } = await client.request({ method: "GET", path: `/request?i=${i}` });
      return await body.json() as Seen;
    };
    const seen = await Promise.all(Array.from({ length: 300 }, (_, i) => ask(i)));
    assertEquals(seen.map(({ url }) => url), seen.map((_, i) => `${server.origin}/request?i=${i}`));
    assertEquals(new Set(seen.map(connectionOf)).size, 1);
    assertEquals(seen.map(numberOf), seen.map((_, i) => numberOf(seen[0]) + i));
    await client.close();
  });

  it("gets each answer to its own request when some are slow, streamed, or have a body", async () => {
    const pool = new undici.Pool(server.origin, { connections: 4, pipelining: 10 });
    const paths = ["/slow?ms=10", "/", "/stream?n=3&ms=1", "/echo", "/nowhere"];
    const texts = ["slept 10", "hello world", "0\n1\n2\n", "a body", "no such path"];
    const ask = async (i: number) => {
      const path = paths[i % paths.length];
      const put = path === "/echo" ? { method: "PUT", body: "a body" } as const : { method: "GET" } as const;
      return await (await pool.request({ path, ...put })).body.text();
    };
    const got = await Promise.all(Array.from({ length: 400 }, (_, i) => ask(i)));
    assertEquals(got, got.map((_, i) => texts[i % texts.length]));
    await pool.close();
  });
});

describe("curl", { skip: skipWithout("curl") }, () => {
  withServer();
  const curl = (args: readonly string[], input?: string) => runTool("curl", ["-sS", ...args], input);

  it("uses one connection for two URLs", async () => {
    const urls = [`${server.origin}/`, `${server.origin}/request`, `${server.origin}/stream?n=2&ms=1`];
    const output = urls.flatMap((url) => [url, "-o", "/dev/null"]);
    const { stdout } = await curl(["-w", "%{num_connects} %{http_code}\n", ...output]);
    assertEquals(stdout, "1 200\n0 200\n0 200\n");
  });

  it("waits for 100 Continue before a large body, and is spared sending one that is too large", async () => {
    const upload = ["-v", "-H", "Expect: 100-continue", "--expect100-timeout", "10", "--data-binary", "@-"];
    const fits = await curl([...upload, `${server.origin}/upload`], "x".repeat(2_000_000));
    assertEquals(fits.stdout, "2000000 bytes");
    assertMatch(fits.stderr, /< HTTP\/1\.1 100 /);
    const tooLarge = await curl([...upload, `${server.origin}/upload`, "-w", "%{http_code}"], "x".repeat(3_500_000));
    assertMatch(tooLarge.stdout, /413$/);
    assert(!/< HTTP\/1\.1 100 /.test(tooLarge.stderr), tooLarge.stderr.slice(0, 2000));
  });

  it("uploads without knowing the length", async () => {
    const { stdout, stderr } = await curl(
      ["-v", "-X", "POST", "-T", "-", `${server.origin}/upload`],
      "y".repeat(700_001),
    );
    assertStringIncludes(stderr, "> Transfer-Encoding: chunked");
    assertEquals(stdout, "700001 bytes");
    const header = ["-H", "Transfer-Encoding: chunked", "--data-binary", "@-"];
    assertEquals((await curl([...header, `${server.origin}/echo`], "in chunks")).stdout, "in chunks");
  });

  it("speaks HTTP/1.0, and has its answers ended by the connection's end", async () => {
    const plain = await curl(["--http1.0", "-i", `${server.origin}/`]);
    assertMatch(plain.stdout, /^HTTP\/1\.[01] 200 [^]*\r\n\r\nhello world$/);
    const stream = await curl(["--http1.0", "-i", `${server.origin}/stream?n=4&ms=5`]);
    assertMatch(stream.stdout, /\r\n\r\n0\n1\n2\n3\n$/);
    assert(!/transfer-encoding/i.test(stream.stdout), stream.stdout);
  });

  it("asks for heads only", async () => {
    const { stdout } = await curl(["-I", `${server.origin}/big?bytes=12345`, `${server.origin}/stream?n=3&ms=1`]);
    assertMatch(stdout, /^HTTP\/1\.1 200 [^]*content-length: 12345\r\n[^]*HTTP\/1\.1 200 /i);
  });
});

describe("wrk", { skip: skipWithout("wrk") }, () => {
  withServer();

  it("runs for a second with 32 connections and sees no error", async () => {
    const { stdout } = await runTool("wrk", ["-t1", "-c32", "-d1s", `${server.origin}/`]);
    assert(!/Socket errors|Non-2xx/.test(stdout), stdout);
    assertGreater(Number(/(\d+) requests in/.exec(stdout)?.[1]), 1000, stdout);
  });
});

describe("a Hono app, mounted as it is", () => {
  withServer("hono");

  it("has its routes, parameters, JSON, forms, redirects, streams, middleware and errors", async () => {
    const at = (path: string, init?: RequestInit) => fetch(`${server.origin}${path}`, init);
    const hello = await at("/");
    assertEquals([await hello.text(), hello.headers.get("x-app")], ["hello from hono", "hono"]);
    assertEquals(await (await at("/user/ann?q=a%20b")).json(), { name: "ann", query: "a b" });
    const json = await at("/json", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ list: [1, 2, 3], text: "ä€" }),
    });
    assertEquals([json.status, await json.json()], [201, { got: { list: [1, 2, 3], text: "ä€" } }]);
    const form = new FormData();
    form.set("name", "ann");
    form.set("note", "two\r\nlines");
    assertEquals(await (await at("/form", { method: "POST", body: form })).json(), {
      name: "ann",
      note: "two\r\nlines",
    });
    assertEquals(await (await at("/stream")).text(), "line 0\nline 1\nline 2\nline 3\nline 4\n");
    const redirect = await at("/redirect", { redirect: "manual" });
    assertEquals([redirect.status, redirect.headers.get("location")], [302, "/"]);
    await redirect.body?.cancel();
    const thrown = await at("/throws");
    assertEquals([thrown.status, await thrown.text()], [500, "caught: asked to"]);
    const missing = await at("/nowhere");
    assertEquals([missing.status, await missing.text()], [404, "404 Not Found"]);
  });
});
