/** The command `sluice demo`: its routes, and two servers that one signal drains, on the runtime that runs this. */
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createServer, type Server as NetServer } from "node:net";
import { connect, type DrainReport, type Framed, lines } from "../../mod.ts";
import { connectWebSocket } from "../../src/websocket/client/connect.ts";
import { askOnce, CLI, type Demo, startDemo } from "../support/demo.ts";
import { bodyText, HttpClient, httpRequest, type RequestParts } from "../support/http_client.ts";
import { startProgram, within } from "../support/processes.ts";

type LineClient = Framed<string, Uint8Array | string>;

/** Longest wait for an answer or an end, in ms. */
const LIMIT = 60_000;

describe("sluice demo", () => {
  let demo: Demo;
  before(async () => demo = await startDemo());
  after(async () => {
    await demo.program.kill();
  });

  const ask = (target: string, parts?: RequestParts) => askOnce(demo.httpPort, target, parts);

  it("says where both servers listen, and how to try each", () => {
    const { program, tcpPort, httpPort } = demo;
    assertEquals(program.stdout.split("\n").map((line) => line.split("   ")[0]), [
      `tcp echo on 127.0.0.1:${tcpPort}`,
      `try it: nc 127.0.0.1 ${tcpPort}`,
      `http on http://127.0.0.1:${httpPort}/`,
      `websocket echo on ws://127.0.0.1:${httpPort}/ws`,
      `channels on http://127.0.0.1:${httpPort}/channels, messages in memory (as it was asked for): gone when it ends`,
      `try it: curl http://127.0.0.1:${httpPort}/echo -d hello`,
      "",
    ]);
  });

  it("echoes lines", async () => {
    const client = await talkTo(demo.tcpPort);
    await client.conn.close();
  });

  it("gives a posted body back, with its type", async () => {
    const answer = await ask("/echo", {
      body: "<b>hello</b>",
      headers: { "content-type": "text/x-this; charset=utf-8" },
    });
    assertEquals([answer.status, bodyText(answer)], [200, "<b>hello</b>"]);
    assertEquals(answer.headers.get("content-type"), "text/x-this; charset=utf-8");
    assertEquals(answer.headers.get("x-content-type-options"), "nosniff");
  });

  it("gives an untyped and an empty body back", async () => {
    const untyped = await ask("/echo", { body: "x".repeat(300_000) });
    assertEquals([untyped.status, untyped.body.length], [200, 300_000]);
    assertEquals(untyped.headers.get("content-type"), "application/octet-stream");
    const empty = await ask("/echo", { body: "" });
    assertEquals([empty.status, empty.body.length], [200, 0]);
  });

  it("gives the first half of a body back before it has the second", async () => {
    const client = new HttpClient(demo.httpPort);
    client.ask(`${httpRequest("/echo", { method: "POST", headers: { "content-length": 10 } })}first`);
    await client.net.until("the first half", () => client.reader.bodyBytes >= 5, LIMIT);
    client.more("+last");
    assertEquals(bodyText(await client.answer(LIMIT)), "first+last");
    client.close();
  });

  it("says at GET /echo how to use it", async () => {
    assertStringIncludes(bodyText(await ask("/echo", { headers: { Host: "h:1" } })), "curl http://h:1/echo -d hello\n");
  });

  it("echoes messages of a WebSocket", async () => {
    const ws = await connectWebSocket(`ws://127.0.0.1:${demo.httpPort}/ws`, { compression: true });
    assertMatch(ws.extensions, /^permessage-deflate/);
    const sent = ["héllo", Uint8Array.of(1, 2, 3), "x".repeat(100_000)];
    for (const message of sent) {
      await ws.send(message);
      assertEquals((await within(ws.next(), LIMIT, () => "an echo")).value, message);
    }
    assertEquals((await ws.close(1000)).code, 1000);
  });

  it("says at GET /ws that it wants a WebSocket", async () => {
    for (const method of ["GET", "HEAD"]) {
      const answer = await ask("/ws", { method });
      assertEquals([answer.status, answer.headers.get("upgrade")], [426, "websocket"]);
      assertMatch(answer.headers.get("content-type") ?? "", /^text\/plain/);
      const words = method === "GET" ? "This address speaks WebSocket, not plain HTTP: connect with" : "";
      assertStringIncludes(bodyText(answer), words);
    }
  });

  it("answers /slow after so many milliseconds", async () => {
    const began = performance.now();
    assertEquals(bodyText(await ask("/slow?ms=120")), "waited 120 ms\n");
    assert(performance.now() - began >= 119);
  });

  it("streams so many lines, each when it is due", async () => {
    const answer = await ask("/stream?n=3&ms=1");
    assertEquals(bodyText(answer), "line 1 of 3\nline 2 of 3\nline 3 of 3\n");
    assertEquals(answer.headers.get("transfer-encoding"), "chunked");
    assertEquals(bodyText(await ask("/stream?n=0")), "");
    const client = new HttpClient(demo.httpPort);
    client.ask(httpRequest("/stream?n=2&ms=60000"));
    await client.net.until("the first line", () => client.reader.bodyBytes > 0, LIMIT);
    assertEquals([client.reader.bodyBytes, client.answered], ["line 1 of 2\n".length, 0]);
    client.close();
  });

  it("refuses what is no number, or too great a one, by name and value", async () => {
    const cases: [target: string, text: string][] = [
      ["/slow?ms=abc", 'ms must be a whole number from 0 to 60000, got "abc"\n'],
      ["/slow?ms=", 'ms must be a whole number from 0 to 60000, got ""\n'],
      ["/slow?ms=60001", 'ms must be a whole number from 0 to 60000, got "60001"\n'],
      ["/slow?ms=1e3", 'ms must be a whole number from 0 to 60000, got "1e3"\n'],
      ["/stream?n=-1", 'n must be a whole number from 0 to 10000, got "-1"\n'],
      ["/stream?n=10001&ms=1", 'n must be a whole number from 0 to 10000, got "10001"\n'],
      ["/stream?n=1&ms=1.5", 'ms must be a whole number from 0 to 60000, got "1.5"\n'],
      [`/slow?ms=${"9".repeat(500)}`, `ms must be a whole number from 0 to 60000, got "${"9".repeat(80)}…"\n`],
    ];
    for (const [target, text] of cases) {
      const answer = await ask(target);
      assertEquals([answer.status, bodyText(answer)], [400, text]);
    }
  });

  it("shows what it sees of a request", async () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const answer = await ask("/headers?a=b", { headers: { Host: "h:1", "X-This": "that", traceparent } });
    assertEquals(answer.headers.get("content-type"), "application/json");
    const seen = JSON.parse(bodyText(answer));
    assertEquals([seen.method, seen.url], ["GET", "http://h:1/headers?a=b"]);
    assertMatch(seen.remote, /^127\.0\.0\.1:\d+$/);
    assertMatch(seen.requestId, /^\d+-1$/);
    assertMatch(seen.traceparent, /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
    assertEquals(seen.headers["x-this"], "that");
  });

  it("answers probes", async () => {
    for (const target of ["/readyz", "/livez"]) {
      const answer = await ask(target);
      assertEquals([answer.status, bodyText(answer)], [200, "ok\n"]);
    }
  });

  it("answers HEAD as GET, without the body", async () => {
    const answer = await ask("/headers", { method: "HEAD" });
    assertEquals([answer.status, answer.body.length], [200, 0]);
    assert(Number(answer.headers.get("content-length")) > 0);
  });

  it("says which paths there are", async () => {
    const answer = await ask("/nope?x");
    const text =
      'There is no "/nope" here. There are: / /echo /ws /channels /channels/client.js /channels/ws /slow /stream ' +
      "/headers /readyz /livez\n";
    assertEquals([answer.status, bodyText(answer)], [404, text]);
  });

  it("says which methods a path takes", async () => {
    for (const path of ["/", "/ws", "/channels", "/slow", "/stream", "/headers", "/readyz", "/livez"]) {
      const answer = await ask(path, { method: "POST", body: "x" });
      assertEquals([answer.status, answer.headers.get("allow")], [405, "GET, HEAD"], path);
    }
    const answer = await ask("/echo", { method: "PUT", body: "x" });
    assertEquals([answer.status, answer.headers.get("allow")], [405, "GET, HEAD, POST"]);
    assertEquals(bodyText(answer), '/echo takes GET, HEAD, POST, not "PUT"\n');
  });

  it("refuses an address that is none, and logs nothing", async () => {
    assertEquals((await ask("/", { headers: { Host: "%3Cb%3E" } })).status, 400);
    assertEquals((await ask("/livez")).status, 200);
    const records = demo.program.stderr.trim().split("\n").map((line) => JSON.parse(line).msg as string);
    assertEquals(records.filter((msg) => !msg.startsWith("Listening on ")), []);
  });
});

describe("sluice demo, asked to stop", () => {
  it("answers on both servers what it has received, and prints a report for each: exit 0", async () => {
    // Long enough that nothing but the drain's beginning can hurry the stream.
    const { program, tcpPort, httpPort } = await startDemo(["--grace", "60s"]);
    await using _ = program;
    const line = await talkTo(tcpPort);
    const [slow, stream] = [new HttpClient(httpPort), new HttpClient(httpPort)];
    slow.ask(httpRequest("/slow?ms=600"));
    stream.ask(httpRequest("/stream?n=5&ms=60000"));
    await stream.net.until("the first line", () => stream.reader.bodyBytes > 0, LIMIT);
    program.signal("SIGTERM");
    assertEquals(bodyText(await stream.answer(LIMIT)), [1, 2, 3, 4, 5].map((n) => `line ${n} of 5\n`).join(""));
    const answer = await slow.answer(LIMIT);
    assertEquals([answer.status, bodyText(answer), answer.closes], [200, "waited 600 ms\n", true]);
    assertEquals([await slow.over(LIMIT), await stream.over(LIMIT)], ["fin", "fin"]);
    await assertFin(line);
    const exit = await program.exited(LIMIT);
    assertEquals(exit.code, 0, exit.stdout + exit.stderr);
    assertMatch(exit.stdout, /^tcp echo drain: listener closed, 1 connection \(1 idle\)$/m);
    assertMatch(exit.stdout, /^http drain: listener closed, 2 connections \(2 being answered\)$/m);
    assertMatch(exit.stdout, /^tcp echo drain: done$/m);
    assertMatch(exit.stdout, /^http drain: done$/m);
    assertEquals(
      reportsOf(exit.stdout).map(({ server, cause, clean, connections }) => [
        server,
        cause,
        clean,
        connections.atStart,
      ]),
      [["tcp echo", "SIGTERM", true, 1], ["http", "SIGTERM", true, 2]],
    );
  });

  it("closes a WebSocket with 1001 when what it sent is answered", async () => {
    const { program, httpPort } = await startDemo();
    await using _ = program;
    const ws = await connectWebSocket(`ws://127.0.0.1:${httpPort}/ws`);
    program.signal("SIGTERM");
    for (let i = 0; i < 20; i++) void ws.send(`message ${i}`);
    const messages: unknown[] = [];
    await within(ws.forEach((message) => void messages.push(message)), LIMIT, () => "the Close");
    const { code, reason, wasClean } = await ws.closed;
    assertEquals([messages.length, code, wasClean], [20, 1001, true]);
    assertMatch(reason, /going away$/);
    const exit = await program.exited(LIMIT);
    assertEquals(exit.code, 0, exit.stdout + exit.stderr);
  });

  it("is alive and not ready from the first moment on", async () => {
    const { program, httpPort } = await startDemo(["--lame-duck", "5s", "--grace", "20s"]);
    await using _ = program;
    program.signal("SIGTERM");
    await program.line("http drain: still accepting");
    const ready = await askOnce(httpPort, "/readyz");
    assertEquals([ready.status, bodyText(ready), ready.closes], [503, "tcp echo not ready\nhttp not ready\n", true]);
    assertEquals((await askOnce(httpPort, "/livez")).status, 200);
  });

  it("stops at Ctrl-C, and takes two SIGINT in one moment for one", async () => {
    const { program } = await startDemo();
    await using _ = program;
    program.signal("SIGINT");
    program.signal("SIGINT");
    const exit = await program.exited(LIMIT);
    assertEquals(exit.code, 0, exit.stdout + exit.stderr);
    assertEquals(
      reportsOf(exit.stdout).map(({ cause, forced }) => [cause, forced]),
      [["SIGINT", false], ["SIGINT", false]],
    );
  });

  it("cuts at a second signal what holds the drain up, and says which server's it was: exit 130", async () => {
    const { program, httpPort } = await startDemo(["--grace", "60s"]);
    await using _ = program;
    const client = new HttpClient(httpPort);
    client.ask(`${httpRequest("/echo", { method: "POST", headers: { "content-length": 10 } })}first`);
    await client.net.until("the first half", () => client.reader.bodyBytes >= 5, LIMIT);
    program.signal("SIGINT");
    await program.line("http drain: listener closed, 1 connection (1 inside a message)");
    // Beyond the 100 ms within which two count as one.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    program.signal("SIGINT");
    const exit = await program.exited(LIMIT);
    assertEquals(exit.code, 130, exit.stdout + exit.stderr);
    const [tcp, http] = reportsOf(exit.stdout);
    assertEquals([tcp.clean, http.clean, http.forced, http.cut.length], [true, false, true, 1]);
    assertEquals([await client.over(LIMIT), client.answered], ["reset", 0]);
  });

  it("tells a slow request to stop when the grace is over", async () => {
    const { program, httpPort } = await startDemo(["--grace", "1s"]);
    await using _ = program;
    const client = new HttpClient(httpPort);
    client.ask(httpRequest("/slow?ms=60000"));
    await askOnce(httpPort, "/livez");
    program.signal("SIGTERM");
    const answer = await client.answer(LIMIT);
    assertEquals(answer.status, 503);
    assertMatch(bodyText(answer), /^told to stop after \d+ of 60000 ms\n$/);
    await program.exited(LIMIT);
  });

  it("logs requests if asked", async () => {
    const { program, httpPort } = await startDemo(["--access-log", "all"]);
    await using _ = program;
    await askOnce(httpPort, "/livez?why");
    program.signal("SIGTERM");
    const exit = await program.exited(LIMIT);
    const [record] = exit.stderr.split("\n").filter((line) => line.includes("livez")).map((line) => JSON.parse(line));
    assertEquals([record.method, record.target, record.status], ["GET", "/livez?why", 200]);
  });
});

describe("sluice demo, when it can't start", () => {
  let taken: NetServer;
  let port = 0;
  before(async () => {
    taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    port = (taken.address() as { port: number }).port;
  });
  after(() => new Promise((resolve) => taken.close(resolve)));

  it("says which of the two ports is in use and leaves the other: exit 1", async () => {
    const cases: [args: string[], name: string, flag: string][] = [
      [["--tcp-port", "0", "--http-port", String(port)], "http", "--http-port"],
      [["--tcp-port", String(port), "--http-port", "0"], "tcp echo", "--tcp-port"],
    ];
    for (const [args, name, flag] of cases) {
      await assertFails(
        args,
        1,
        new RegExp(`^sluice: ${name}: .*\\b${port}\\b.*\n.* choose another place with ${flag}\n$`),
      );
    }
  });

  it("says what is wrong with the options: exit 2", async () => {
    const see = "\nSee: sluice demo --help\n$";
    await assertFails(["--http-port", "9000"], 2, new RegExp(`^sluice: .* must differ, both are 9000${see}`));
    await assertFails(["--http-prot", "1"], 2, new RegExp(`^sluice: .*, did you mean --http-port\\?${see}`));
    await assertFails(
      ["--grace", "1s", "--lame-duck", "5s"],
      2,
      new RegExp(`^sluice: --grace 1000 ms is less.*${see}`),
    );
  });
});

/** A client that got an answer to a line. */
async function talkTo(port: number): Promise<LineClient> {
  const client = lines(await connect({ port }));
  await client.send("héllo");
  assertEquals((await within(client.next(), LIMIT, () => "an answer")).value, "echo: héllo");
  return client;
}

async function assertFin(client: LineClient): Promise<void> {
  assertEquals(await within(client.next(), LIMIT, () => "FIN"), { done: true, value: undefined });
  await client.conn.close();
}

async function assertFails(args: readonly string[], code: number, stderr: RegExp): Promise<void> {
  // Where it may use files it would make a folder for its messages.
  const quiet = ["--log", "memory"];
  await using program = startProgram(CLI, { args: ["demo", ...quiet, ...args], permissions: ["--allow-net"] });
  const exit = await program.exited(LIMIT);
  assertEquals([exit.code, exit.stdout], [code, ""], exit.stderr);
  assertMatch(exit.stderr, stderr);
}

/** The last two lines. */
function reportsOf(stdout: string): DrainReport[] {
  return stdout.trimEnd().split("\n").slice(-2).map((line) => JSON.parse(line));
}
