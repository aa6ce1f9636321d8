/** A real browser, headless, against servers in processes of their own on the runtime that runs this. */
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertLess, assertMatch } from "@std/assert";
import type { PageWebSocket } from "../programs/websocket_pages.ts";
import { call, Chromium, evaluate, type Page, type Tab } from "../support/chromium.ts";
import { type Demo, startDemo } from "../support/demo.ts";
import { portOf } from "../support/drained.ts";
import { skipWithout } from "../support/http_tools.ts";
import { type Program, startProgram } from "../support/processes.ts";

/** What a page tells of a WebSocket that has ended. */
interface Conversation {
  readonly opened: boolean;
  readonly protocol: string;
  readonly extensions: string;
  readonly messages: readonly string[];
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
}

/** What a page tells of its messages. */
interface Echoes {
  readonly extensions: string;
  readonly same: readonly boolean[];
  readonly code: number;
  readonly wasClean: boolean;
}

const LIMIT = 60_000;
const skip = skipWithout("chromium");
const browser = new Chromium();

describe("the page of the demo in Chromium", { skip }, () => {
  let demo: Demo;
  let port = 0;
  before(async () => {
    demo = await startDemo();
    port = demo.httpPort;
  });
  after(async () => {
    await demo.program.kill();
  });

  it("connects, and shows what is sent and what comes back: by keyboard, with a name for each control", async () => {
    await using tab = await browser.open(`http://localhost:${port}/`);
    const { page, complaints } = tab;
    await shows(page, /^open, permessage-deflate/);
    await page.getByRole("button", { name: "Disconnect" }).focus();
    await page.keyboard.press("Tab");
    await page.keyboard.type("schön <b>😀</b>");
    await page.keyboard.press("Enter");
    await logs(page, "sent      schön <b>😀</b>");
    await logs(page, "received  schön <b>😀</b>");
    assertEquals(complaints, []);
  });

  it("disconnects and connects at the button, and shows the close code", async () => {
    await using tab = await browser.open(`http://127.0.0.1:${port}/`);
    const { page, complaints } = tab;
    await shows(page, /^open/);
    await page.getByRole("button", { name: "Disconnect" }).click();
    await shows(page, /^closed$/);
    await page.getByText("last Close: 1000, normal, clean, reason: asked to").waitFor();
    await page.getByRole("button", { name: "Send" }).click();
    await logs(page, "not sent: not connected");
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await shows(page, /^open/);
    assertEquals(complaints, []);
  });

  it("may connect to nobody else, nor run what was slipped in", async () => {
    await using tab = await browser.open(`http://127.0.0.1:${port}/`);
    await shows(tab.page, /^open/);
    const blocked: string[] = JSON.parse(await evaluate(tab, SLIP_IN));
    assertEquals(blocked.sort(), ["connect-src", "script-src-elem"]);
  });

  it("has words for whoever opens /ws in a tab", async () => {
    await using tab = await browser.open(`http://127.0.0.1:${port}/ws`);
    assertMatch(await tab.page.innerText("body"), /^This address speaks WebSocket, not plain HTTP: connect with/);
  });

  it("sees 1001 when the server gets SIGTERM, which exits with 0, and comes back when it runs again", async () => {
    await using tab = await browser.open(`http://127.0.0.1:${port}/`);
    const { page, complaints } = tab;
    await shows(page, /^open/);
    demo.program.signal("SIGTERM");
    await page.getByText("last Close: 1001, going away, clean, reason: going away").waitFor();
    const exit = await demo.program.exited(LIMIT);
    assertEquals(exit.code, 0, exit.stdout + exit.stderr);
    await shows(page, /^(connecting|no connection, next attempt in \d\.\d s)$/);
    demo = await startDemo(["--http-port", String(port)]);
    await shows(page, /^open/);
    await page.getByLabel("Message").fill("still there?");
    await page.keyboard.press("Enter");
    await logs(page, "received  still there?");
    assert(await page.getByText("last Close: 1001").isVisible());
    assertEquals(complaints.filter((text) => !text.includes("ERR_CONNECTION_REFUSED")), []);
  });
});

describe("a page's own WebSocket in Chromium", { skip }, () => {
  let server: Program;
  let [origin, address] = ["", ""];
  let tab: Tab;
  before(async () => {
    server = startProgram("tests/programs/websocket_pages.ts");
    const port = portOf(await server.line(/^port /));
    [origin, address] = [`http://127.0.0.1:${port}`, `ws://127.0.0.1:${port}`];
    tab = await browser.script(origin);
  });
  after(async () => {
    await tab?.[Symbol.asyncDispose]();
    await server.kill();
  });

  const converse = (path: string, what: object = {}, where: Tab = tab) =>
    call<Conversation>(where, "converse", address + path, what);
  const echoes = (path: string, pieces: readonly (readonly [kind: string, size: number])[]) =>
    call<Echoes>(tab, "echoes", address + path, pieces);
  const ended = async (name: string): Promise<PageWebSocket> =>
    JSON.parse((await server.line(`closed {"name":"${name}"`)).slice("closed ".length));

  it("is refused to another origin, and let in where the origin is listed or all are", async () => {
    // The same server under another name.
    await using stranger = await browser.script(origin.replace("127.0.0.1", "localhost"));
    const close = [1000, "done"];
    const refused = await converse("/echo", { close }, stranger);
    assertEquals([refused.opened, refused.code, refused.wasClean], [false, 1006, false]);
    assertMatch(stranger.complaints.join("\n"), /Unexpected response code: 403/);
    for (const path of ["/listed", "/all"]) {
      const { messages, code } = await converse(path, { send: ["hi"], close }, stranger);
      assertEquals([messages, code], [["hi"], 1000], path);
    }
    const own = await converse("/listed", { close });
    assertEquals([own.opened, own.code], [false, 1006], "a list holds for the server's own pages too");
  });

  it("gets back text and bytes of every size, as they were", async () => {
    const sizes = [0, 1, 125, 126, 4095, 65_535, 65_536, 200_000];
    const pieces = sizes.flatMap((size) => [["text", size], ["bytes", size]] as const);
    for (const path of ["/echo", "/deflate", "/forgetful"]) {
      const { same, code, wasClean } = await echoes(path, [...pieces, ["bytes", 1 << 20]]);
      assertEquals([same.length, same.includes(false), code, wasClean], [pieces.length + 1, false, 1000, true], path);
    }
    const large = await echoes("/large", [["bytes", 5 << 20], ["text", 500_000], ["bytes", 5]]);
    assertEquals([large.same, large.code], [[true, true, true], 1000]);
  });

  it("is closed with 1009 by a message over the limit, inflated or not", async () => {
    for (const path of ["/echo", "/deflate"]) {
      const { same, code, wasClean } = await echoes(path, [["zeros", 10], ["zeros", (1 << 20) + 1]]);
      assertEquals([same, code, wasClean], [[true], 1009, true], path);
    }
  });

  it("agrees on permessage-deflate, and both sides use it", async () => {
    const pieces = Array.from({ length: 5 }, () => ["zeros", 200_000] as const);
    const plain = await echoes("/echo?raw", pieces);
    const raw = await ended("?raw");
    assertEquals(plain.extensions, "");
    assertGreater(Math.min(raw.received, raw.sent), 1_000_000);
    for (const [path, extensions] of [["/deflate", /^permessage-deflate/], ["/forgetful", FORGETFUL]] as const) {
      const agreed = await echoes(`${path}?deflated`, pieces);
      assertEquals([agreed.same.includes(false), agreed.code], [false, 1000]);
      assertMatch(agreed.extensions, extensions);
      const { received, sent } = await ended("?deflated");
      assertLess(Math.max(received, sent), 10_000);
    }
  });

  it("and the server see each other's close codes and reasons", async () => {
    const bye = await converse("/bye");
    assertEquals([bye.code, bye.reason, bye.wasClean], [4001, "schönen Tag", true]);
    const fails = await converse("/fails");
    assertEquals([fails.code, fails.wasClean], [1011, true]);
    const own = await converse("/echo?own", { close: [3210, "genug 漢"] });
    assertEquals([own.code, own.wasClean], [3210, true]);
    const { code, reason, wasClean } = await ended("?own");
    assertEquals([code, reason, wasClean], [3210, "genug 漢", true]);
  });

  it("says 1001 itself when its page goes away", async () => {
    const visitor = await browser.script(origin);
    assertEquals(await call(visitor, "hold", `${address}/echo?left`), "open");
    await visitor.page.goto(`${origin}/elsewhere`);
    const { code, wasClean } = await ended("?left");
    await visitor[Symbol.asyncDispose]();
    assertEquals([code, wasClean], [1001, true]);
  });

  it("answers pings", async () => {
    const { messages, code } = await converse("/ping", { expect: 1, close: [1000] });
    assertEquals([messages.length, code], [1, 1000]);
    assertLess(Number(messages[0]), 5000);
  });

  it("gets the subprotocol that the server wants most, and fails where it speaks none of those offered", async () => {
    const { protocol } = await converse("/chat", { protocols: ["chat.v1", "chat.v2"], close: [1000] });
    assertEquals(protocol, "chat.v2");
    const none = await converse("/chat", { protocols: ["chat.v9"] });
    assertEquals([none.opened, none.code], [false, 1006]);
  });
});

after(() => browser.close());

/** What the server wants of both sides is what the answer says. */
const FORGETFUL = /^permessage-deflate(?=.*; server_no_context_takeover)(?=.*; client_no_context_takeover)/;

/** Tries what the page's policy forbids, and gives what was reported of it. */
const SLIP_IN = `new Promise((resolve) => {
  const blocked = [];
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
    blocked.push(effectiveDirective);
    if (blocked.length === 2) resolve(JSON.stringify(blocked));
  });
  const script = document.createElement("script");
  script.textContent = "document.title = 'slipped in'";
  document.body.append(script);
  new WebSocket("ws://127.0.0.1:9/");
})`;

/** Waits until the console's state is this. */
async function shows(page: Page, state: RegExp): Promise<void> {
  await page.getByRole("status").filter({ hasText: state }).waitFor();
}

/** Waits until the console's log has this. */
async function logs(page: Page, text: string): Promise<void> {
  await page.getByRole("log").getByText(text).first().waitFor();
}
