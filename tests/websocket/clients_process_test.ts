/** Clients and servers that no one here wrote. */
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import type * as wsPackage from "ws";
import { connectWebSocket, type WebSocketConn } from "../../src/websocket/mod.ts";
import { skipUnless } from "../support/http_tools.ts";
import { type Program, root, runtimeName, startCommand, startProgram } from "../support/processes.ts";
import { firstDifference, pattern, within } from "../support/rig.ts";
import { portOf } from "../support/drained.ts";
import { type WsDrained, wsDrained } from "../support/ws_drained.ts";
import { talk, type WebSocketClass } from "../support/ws_talk.ts";

/** By their paths: Bun puts stand-ins in the place of the packages. */
const undici: typeof import("undici") = createRequire(import.meta.url)(`${root}node_modules/undici/index.js`);
const { WebSocket: Ws }: typeof wsPackage = await import(`${root}node_modules/ws/wrapper.mjs`);

const MIB = 1 << 20;
const MESSAGES: readonly (string | Uint8Array)[] = [
  "hällo € 😀",
  "",
  new Uint8Array(0),
  ...[1, 125, 126, 65_535, 65_536, MIB].flatMap((size) => ["x".repeat(size), pattern(size)]),
  "€".repeat(100_000),
];

let plain: WsDrained;
let deflating: WsDrained;

/** Servers with and without compression for a group of tests; both must end well. */
function withServers(): void {
  before(async () => {
    plain = await wsDrained({ websocket: { protocols: ["chat.v2", "chat.v1"] }, run: { grace: 4000 } });
    deflating = await wsDrained({ websocket: { compression: true }, run: { grace: 4000 } });
  });
  after(async () => {
    for (const server of [plain, deflating]) {
      await server.stop();
      await server[Symbol.asyncDispose]();
    }
  });
}

function assertSame(got: readonly (string | Uint8Array)[], sent: readonly (string | Uint8Array)[]): void {
  assertEquals(got.map((message) => [typeof message, message.length]), sent.map((one) => [typeof one, one.length]));
  const other = got.findIndex((message, i) => {
    const one = sent[i];
    return typeof message === "string" || typeof one === "string"
      ? message !== one
      : firstDifference(message, one) !== -1;
  });
  assertEquals(other, -1, "a message came back changed");
}

/** A client, and whether it asks for compression. */
const classes: readonly (readonly [name: string, Class: WebSocketClass | undefined, deflates: boolean])[] = [
  ["ws", Ws as unknown as WebSocketClass, true],
  ["undici's WebSocket", undici.WebSocket as unknown as WebSocketClass, true],
  [`${runtimeName()}'s own WebSocket`, globalThis.WebSocket, runtimeName() !== "deno"],
];

for (const [name, Class, deflates] of classes) {
  describe(name, { skip: Class === undefined && "this runtime has none" }, () => {
    withServers();

    it("has text, bytes, nothing and 1 MiB echoed, compressed and not", async () => {
      for (const server of [plain, deflating]) {
        for (const path of ["/echo", "/each"]) {
          const seen = await talk(Class!, server.url + path, { messages: MESSAGES, close: [1000, ""] });
          assertEquals(seen.extensions !== "", server === deflating && deflates, seen.extensions);
          assertSame(seen.messages, MESSAGES);
          assertEquals([seen.code, seen.wasClean], [1000, true]);
        }
      }
    });

    it("closes with a code and words of its own, or without any, and the server hears of it", async () => {
      const own = await talk(Class!, `${plain.url}/echo?id=own`, { close: [4001, "schönen Tag"] });
      assertEquals([own.code, own.reason, own.wasClean], [4001, "schönen Tag", true]);
      const heard = await plain.ended("own");
      assertEquals([heard.code, heard.reason, heard.wasClean, heard.error], [4001, "schönen Tag", true, null]);
      const none = await talk(Class!, `${plain.url}/echo?id=none`, { close: [] });
      assertMatch(String(none.code), /^100[05]$/);
      assertMatch(String((await plain.ended("none")).code), /^100[05]$/);
    });

    it("hears the server's code and words", async () => {
      const seen = await talk(Class!, `${plain.url}/close?code=4002&reason=enough&id=enough`);
      assertEquals([seen.opened, seen.code, seen.reason, seen.wasClean], [true, 4002, "enough", true]);
      const { code, wasClean } = await plain.ended("enough");
      assertEquals([code, wasClean], [4002, true]);
    });

    it("agrees on a subprotocol, the one that the server likes best", async () => {
      const seen = await talk(Class!, `${plain.url}/echo`, { protocols: ["chat.v1", "chat.v2"], close: [1000, ""] });
      assertEquals([seen.protocol, seen.wasClean], ["chat.v2", true]);
    });

    it("is not opened where there is no WebSocket, and is 1009 when its message is too large", async () => {
      const refused = await talk(Class!, `${plain.url}/nowhere`);
      // The code is 1006, but for Deno, which says 0.
      assertEquals([refused.opened, refused.wasClean], [false, false]);
      const large = await talk(Class!, `${plain.url}/echo?id=large`, { messages: ["x".repeat(MIB + 1)] });
      assertEquals(large.code, 1009);
      assertMatch((await plain.ended("large")).error ?? "", /^WebSocketError: /);
    });
  });
}

describe("ws, in what the web's interface doesn't have", () => {
  withServers();

  it("has messages in fragments put together, compressed and not", async () => {
    for (const server of [plain, deflating]) {
      const ws = new Ws(`${server.url}/echo`);
      const got = messagesOf(ws);
      await opened(ws);
      for (const piece of ["in ", "", "vier ", "Stücken"]) ws.send(piece, { fin: piece === "Stücken" });
      ws.ping("between");
      ws.send(new Uint8Array(100_000).fill(1), { fin: false });
      ws.send(new Uint8Array(1).fill(2), { fin: true });
      await within("two messages", until(() => got.length === 2));
      assertEquals([String(got[0]), got[1].length, got[1][100_000]], ["in vier Stücken", 100_001, 2]);
      ws.close();
    }
  });

  it("has its pings answered with what they carry, and answers the server's", async () => {
    const ws = new Ws(`${plain.url}/ping`);
    const got = messagesOf(ws);
    const pongs: string[] = [];
    ws.on("pong", (data) => pongs.push(String(data)));
    await opened(ws);
    for (const data of ["", "x", "y".repeat(125)]) ws.ping(data);
    await within("pongs and a round trip", until(() => pongs.length === 3 && got.length === 1));
    assertEquals(pongs, ["", "x", "y".repeat(125)]);
    assertMatch(String(got[0]), /^\d/);
    ws.close();
  });

  it("hears why it is refused: 404, 403 for another's page, 426 for another version", async () => {
    const origin = { origin: "http://elsewhere.example" };
    const version = { protocolVersion: 8 };
    const answers = [
      await refusalOf(new Ws(`${plain.url}/nowhere`)),
      await refusalOf(new Ws(`${plain.url}/echo`, origin)),
      await refusalOf(new Ws(`${plain.url}/echo`, version)),
    ];
    assertEquals(answers.map(({ status }) => status), [404, 403, 426]);
    assertEquals(answers[2].version, "13");
    const get = await fetch(`http://127.0.0.1:${plain.port}/echo`);
    assertEquals([get.status, get.headers.get("upgrade")], [426, "websocket"]);
    await get.body?.cancel();
  });

  it("may vanish, and that is 1006", async () => {
    const ws = new Ws(`${plain.url}/echo?id=vanished`);
    await opened(ws);
    ws.terminate();
    const { code, wasClean } = await plain.ended("vanished");
    assertEquals([code, wasClean], [1006, false]);
  });
});

type WsSocket = InstanceType<typeof Ws>;

function messagesOf(ws: WsSocket): Uint8Array[] {
  const got: Uint8Array[] = [];
  ws.on("message", (data) => got.push(data as Uint8Array));
  return got;
}

function opened(ws: WsSocket): Promise<void> {
  return within("it to open", new Promise((resolve, reject) => ws.once("open", resolve).once("error", reject)));
}

async function until(ready: () => boolean): Promise<void> {
  while (!ready()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function refusalOf(ws: WsSocket): Promise<{ status?: number; version?: string }> {
  ws.on("error", () => {});
  const answer = new Promise<{ status?: number; version?: string }>((resolve) => {
    ws.on("unexpected-response", (request, response) => {
      resolve({ status: response.statusCode, version: response.headers["sec-websocket-version"] as string });
      request.destroy();
    });
  });
  return within("a refusal", answer);
}

/** What the Python client says of itself. */
interface PythonTold {
  readonly extensions: string;
  readonly [what: string]: unknown;
}

const PYTHON = "/usr/bin/python3";
const python = (...args: string[]) => startCommand([PYTHON, "tests/programs/websocket_python.py", ...args]);
const skip = skipUnless([PYTHON, "-c", "import websockets"], "python3-websockets");

describe("Python's websockets", { skip }, () => {
  withServers();

  it("has everything echoed, and hears every code and refusal, compressed and not", async () => {
    for (const [server, mode] of [[plain, "plain"], [deflating, "plain"], [deflating, "deflate"]] as const) {
      await using client = python("client", server.url, mode);
      const { code, stdout, stderr } = await client.exited();
      assertEquals(code, 0, stderr);
      const told: PythonTold = JSON.parse(stdout);
      assertEquals({ ...told, extensions: told.extensions !== "" }, {
        protocol: server === plain ? "chat.v2" : null,
        extensions: mode === "deflate",
        wrong: [],
        fragments: ["in fünf Stücken €", 70_001],
        inOrder: true,
        closed: [4001, "schönen Tag"],
        byServer: [4002, "enough"],
        tooLarge: 1009,
        missing: 404,
        origin: 403,
      });
      assertEquals((await server.ended("python")).reason, "schönen Tag");
    }
  });
});

describe("SIGTERM", { skip }, () => {
  it("is 1001 with its words to every client, and exit code 0", async () => {
    await using server = await wsDrained({ run: { grace: 4000 } });
    await using client = python("wait", `${server.url}/echo`);
    await client.line("open");
    const talks = classes.flatMap(([, Class]) => {
      if (Class === undefined) return [];
      let open = () => {};
      const opened = new Promise<void>((resolve) => open = resolve);
      return [{ opened, end: talk(Class, `${server.url}/echo`, { onOpen: open }) }];
    });
    const ours = await connectWebSocket(`${server.url}/echo`);
    await Promise.all(talks.map((one) => one.opened));
    server.signal();
    for (const { end } of talks) {
      const { code, reason, wasClean } = await end;
      assertEquals([code, reason, wasClean], [1001, "going away", true]);
    }
    assertEquals(JSON.parse(await client.line(/^\[/)), [1001, "going away"]);
    const { code, wasClean } = await ours.closed;
    assertEquals([code, wasClean], [1001, true]);
    assertEquals((await server.outcome()).report.clean, true);
  });
});

/** Our own client against another's echo server; `bye CODE WORDS` makes it close. */
async function assertTalksTo(url: string, compression: boolean): Promise<void> {
  const options = { compression, protocols: ["chat.v2"], heartbeat: { interval: 100 } };
  const ws = await connectWebSocket(url, options);
  assertEquals([ws.protocol, ws.extensions !== ""], ["chat.v2", compression]);
  const got: (string | Uint8Array)[] = [];
  const sending = (async () => {
    for (const message of MESSAGES) await ws.send(message);
  })();
  for await (const message of ws) {
    got.push(message);
    if (got.length === MESSAGES.length) break;
  }
  await sending;
  assertSame(got, MESSAGES);
  assertEquals((await ws.closed).code, 1000);
  const pinged = await connectWebSocket(url, options);
  assertEquals(await pinged.ping("x") >= 0, true);
  await pinged.send("bye 4003 that will do");
  assertEquals(await endOf(pinged), [4003, "that will do", true]);
  const own = await connectWebSocket(url, options);
  await own.close(4004, "schönen Tag");
  assertEquals(await endOf(own), [4004, "schönen Tag", true]);
}

async function endOf(ws: WebSocketConn): Promise<[code: number, reason: string, wasClean: boolean]> {
  const { code, reason, wasClean } = await within("its end", ws.closed);
  return [code, reason, wasClean];
}

describe("our own client", () => {
  const servers: Program[] = [];
  after(async () => {
    for (const server of servers) await server.kill();
  });

  for (const compression of [false, true]) {
    const mode = compression ? "deflate" : "plain";
    it(`talks to a server of ws, ${mode}`, async () => {
      const server = startProgram("tests/programs/ws_peer.ts", { runtime: "node", args: ["0", mode] });
      servers.push(server);
      const port = (await server.line("listening")).split(" ")[1];
      await assertTalksTo(`ws://127.0.0.1:${port}`, compression);
      await server.line("closed 4004 schönen Tag");
    });

    it(`talks to a server of Python's websockets, ${mode}`, { skip }, async () => {
      const server = python("server", mode);
      servers.push(server);
      await assertTalksTo(`ws://127.0.0.1:${portOf(await server.line(/^port /))}`, compression);
      await server.line("closed 4004 schönen Tag");
    });
  }
});
