/** The reconnecting client in a real browser, from the files that the npm package has, without a bundler. */
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { call, Chromium, evaluate, type Tab } from "../../support/chromium.ts";
import { portOf } from "../../support/drained.ts";
import { skipWithout } from "../../support/http_tools.ts";
import { type Program, root, runtimePath, startCommand, startProgram } from "../../support/processes.ts";
import type { ConnectionEnd } from "../../../src/websocket/reconnect/mod.ts";

const LIMIT = 60_000;
const skip = skipWithout("chromium");
const browser = new Chromium();

/** What the page has seen of its client. */
interface Seen {
  readonly states: readonly string[];
  readonly messages: readonly string[];
  readonly ends: readonly Pick<ConnectionEnd, "code" | "wasClean" | "opened" | "farewell">[];
}

describe("a ReconnectingWebSocket in Chromium", { skip }, () => {
  let folder = "";
  let server: Program;
  let port = 0;
  before(async () => {
    folder = await build();
    server = startProgram("tests/programs/websocket_pages.ts");
    port = portOf(await server.line(/^port /));
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await server.kill();
  });

  const open = async (options: object): Promise<Tab> => {
    const tab = await browser.open(`http://127.0.0.1:${port}/`);
    await tab.page.route("**/lib/**", (route) => {
      const path = new URL(route.request().url()).pathname.slice("/lib/".length);
      return route.fulfill({ path: join(folder, path), contentType: "text/javascript" });
    });
    await tab.page.addScriptTag({ path: `${root}tests/fixtures/reconnect_page.js` });
    await call(tab, "start", `ws://127.0.0.1:${port}/echo`, { minDelay: 100, maxDelay: 1000, ...options });
    await until(tab, `client.state === "open"`);
    return tab;
  };

  it("sends and receives text and bytes", async () => {
    await using tab = await open({});
    await evaluate(tab, `Promise.all([client.send("hé"), client.send(new Uint8Array(3))])`);
    await until(tab, "seen.messages.length === 2");
    assertEquals((await seen(tab)).messages, ["hé", "<Uint8Array 3>"]);
    await evaluate(tab, "client.close()");
    assertEquals((await seen(tab)).states, ["open", "closing", "closed"]);
  });

  it("asks when the browser says that it is offline, goes on trying, and is back at once when that is over", async () => {
    await using tab = await open({ farewell: true, heartbeat: { timeout: 300 }, maxDelay: 60_000, minDelay: 50 });
    await evaluate(tab, "dispatchEvent(new Event('offline'))");
    await evaluate(tab, "new Promise((resolve) => setTimeout(resolve, 1000))");
    assertEquals((await seen(tab)).states, ["open"], "the browser was wrong");
    await tab.page.context().setOffline(true);
    await until(tab, `seen.states.filter((state) => state === "connecting").length > 5`);
    await tab.page.context().setOffline(false);
    await until(tab, `client.state === "open"`);
    assertEquals((await seen(tab)).messages, []);
  });

  it("finds out that the server is frozen, and is back when that goes on", async () => {
    await using tab = await open({ farewell: true, heartbeat: { interval: 200, timeout: 500 } });
    await evaluate(tab, "new Promise((resolve) => setTimeout(resolve, 1500))");
    assertEquals((await seen(tab)).states, ["open"]);
    server.signal("SIGSTOP");
    await until(tab, `client.state !== "open"`);
    server.signal("SIGCONT");
    await until(tab, `client.state === "open"`);
    assertEquals((await seen(tab)).messages, []);
  });

  it("hears the farewell of a server that stops, and sends to its successor what had to wait", async () => {
    await using tab = await open({ farewell: true });
    server.signal("SIGTERM");
    assertEquals((await server.exited(LIMIT)).code, 0, server.stdout + server.stderr);
    await until(tab, `seen.ends.length > 0 && client.state !== "open"`);
    const [{ code, wasClean, opened, farewell }] = (await seen(tab)).ends;
    assertEquals([code, wasClean, opened], [1001, true, true]);
    assertEquals([farewell?.flag, farewell?.words], ["normal", "going away"]);
    assert(farewell!.retry >= 0 && farewell!.retry <= 1000);
    await evaluate(tab, `void client.send("waited")`);
    server = startProgram("tests/programs/websocket_pages.ts", { args: [String(port)] });
    await until(tab, `seen.messages.includes("waited")`);
    assertEquals((await seen(tab)).messages, ["waited"]);
  });
});

after(() => browser.close());

/** Compiles the client as for npm, into a folder of its own. */
async function build(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-reconnect-"));
  const config = {
    extends: join(root, "tsconfig.build.json"),
    compilerOptions: { rootDir: root, outDir: folder, declaration: false, types: [] },
    include: [],
    files: [join(root, "src/websocket/reconnect/mod.ts")],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  await using compiling = startCommand([runtimePath("node"), compiler, "-p", folder]);
  const { code, stdout } = await compiling.exited(LIMIT);
  assertEquals(code, 0, stdout);
  return folder;
}

const seen = (tab: Tab) => evaluate<Seen>(tab, "seen");

/** Waits for something to hold in the page. */
async function until({ page }: Tab, condition: string): Promise<void> {
  await page.waitForFunction(condition);
}
