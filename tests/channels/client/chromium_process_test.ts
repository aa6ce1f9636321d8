/** The client of channels in two tabs of a real browser, while its server is killed, and one of the tabs as well. */
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { reply, serveHttp } from "../../../src/http/mod.ts";
import type { Server } from "../../../src/server/server_api.ts";
import { Chromium } from "../../support/chromium.ts";
import { portOf } from "../../support/drained.ts";
import { skipWithout } from "../../support/http_tools.ts";
import { type Program, root, runtimePath, startCommand, startProgram } from "../../support/processes.ts";

const LIMIT = 60_000;
const skip = skipWithout("chromium");
const browser = new Chromium();

/** What a page has seen. */
interface Seen {
  readonly states: readonly string[];
  readonly messages: readonly string[];
  readonly gaps: readonly string[];
  readonly errors: readonly string[];
  readonly acknowledged: number;
}

describe("a ChannelClient in two tabs", { skip }, () => {
  let folder = "";
  let log = "";
  let server: Program;
  let port = 0;
  /** Pages come from elsewhere: they are opened while the server is down, too. */
  let pages: Server;
  let origin = "";
  let context: BrowserContext;

  const start = async (): Promise<void> => {
    server = startProgram("tests/programs/channels_pages.ts", { args: [String(port), log] });
    port = portOf(await server.line(/^port /));
  };

  before(async () => {
    folder = await build();
    log = mkdtempSync(join(tmpdir(), "sluice-channels-"));
    await start();
    pages = await serveHttp(
      { port: 0, hostname: "127.0.0.1" },
      () => reply("<!doctype html>", { headers: { "content-type": "text/html" } }),
    );
    origin = `http://127.0.0.1:${(pages.address as { port: number }).port}`;
    context = (await browser.open(origin)).page.context();
    await context.route("**/lib/**", (route) => {
      const path = new URL(route.request().url()).pathname.slice("/lib/".length);
      return route.fulfill({ path: join(folder, path), contentType: "text/javascript" });
    });
  });
  after(async () => {
    await browser.close();
    await server.kill();
    await pages.close();
    for (const each of [folder, log]) rmSync(each, { recursive: true, force: true });
  });

  const open = async (name: string, page?: Page): Promise<Page> => {
    const tab = page ?? await context.newPage();
    await tab.goto(origin);
    await tab.addScriptTag({ path: `${root}tests/fixtures/channels_page.js` });
    await tab.evaluate(`start("ws://127.0.0.1:${port}/channels", ${JSON.stringify(name)})`);
    return tab;
  };
  const seen = (tab: Page) => tab.evaluate("seen") as Promise<Seen>;
  const names = (name: string, from: number, count: number): string[] =>
    Array.from({ length: count }, (_, i) => `${name} ${from + i}`);

  it("loses nothing while the server is killed and started again, and has everything once and in order", async () => {
    const [ada, bob] = [await open("ada"), await open("bob")];
    for (const tab of [ada, bob]) await tab.waitForFunction(`client.state === "live" && room.members.length === 2`);
    const publishing = [ada.evaluate(`publish("ada", 0, 200, 10)`), bob.evaluate(`publish("bob", 0, 200, 10)`)];
    for (let kill = 0; kill < 3; kill++) {
      await ada.waitForFunction(`seen.messages.length > ${100 * kill + 30}`);
      await server.kill();
      await ada.waitForFunction(`client.state === "offline" || client.state === "connecting"`);
      await start();
    }
    await Promise.all(publishing);
    for (const tab of [ada, bob]) await tab.waitForFunction("seen.messages.length >= 400 && seen.acknowledged === 200");
    const [first, second] = [await seen(ada), await seen(bob)];
    assertEquals(first.messages, second.messages);
    assertEquals([...first.messages].sort(), [...names("ada", 0, 200), ...names("bob", 0, 200)].sort());
    for (const name of ["ada", "bob"]) {
      assertEquals(first.messages.filter((message) => message.startsWith(name)), names(name, 0, 200));
    }
    assertEquals([first.gaps, first.errors, second.gaps, second.errors], [[], [], [], []]);
    assert(first.states.includes("catching-up"));
    await Promise.all([ada.close(), bob.close()]);
  });

  it("says what a tab had left that was closed while the server was down, and goes on where another was", async () => {
    const ada = await open("ada");
    await ada.waitForFunction(`client.state === "live" && seen.messages.length === 400`);
    await server.kill();
    await ada.evaluate(`publish("ada", 200, 20, 1)`);
    await ada.waitForFunction("client.unacknowledged === 20");
    // What was given to the database is in it when its transactions are over, and the page is shot at any time.
    await ada.evaluate("new Promise((resolve) => setTimeout(resolve, 300))");
    const bob = await open("bob");
    await bob.evaluate(`publish("bob", 200, 5, 1)`);
    await ada.close();
    // Takes over what the closed tab had left.
    const again = await open("ada");
    await start();
    await again.waitForFunction("seen.messages.length === 425");
    const { messages, gaps, errors } = await seen(again);
    assertEquals(messages.filter((message) => message.startsWith("ada")), names("ada", 0, 220));
    assertEquals(messages.filter((message) => message.startsWith("bob")), names("bob", 0, 205));
    assertEquals([gaps, errors], [[], []]);
    // A reload goes on behind what the page has shown.
    await bob.waitForFunction("seen.messages.length === 425");
    await open("bob", bob);
    await bob.waitForFunction(`client.state === "live"`);
    await again.evaluate(`publish("ada", 220, 1, 1)`);
    await bob.waitForFunction("seen.messages.length === 1");
    assertEquals((await seen(bob)).messages, ["ada 220"]);
  });
});

/** Compiles the client as for npm, into a folder of its own. */
async function build(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-channel-client-"));
  const config = {
    extends: join(root, "tsconfig.build.json"),
    compilerOptions: { rootDir: root, outDir: folder, declaration: false, types: [] },
    include: [],
    files: ["client", "outbox/indexeddb"].map((name) => join(root, `src/channels/${name}/mod.ts`)),
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  await using compiling = startCommand([runtimePath("node"), compiler, "-p", folder]);
  const { code, stdout } = await compiling.exited(LIMIT);
  assertEquals(code, 0, stdout);
  return folder;
}
