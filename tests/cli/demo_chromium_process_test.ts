/** The page of channels in two tabs of a real browser, while the demo is killed and started again. */
import { after, before, describe, it } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { Chromium } from "../support/chromium.ts";
import { type Demo, startDemo } from "../support/demo.ts";
import { skipWithout } from "../support/http_tools.ts";

const skip = skipWithout("chromium");
const browser = new Chromium();

/** A part of the page, when it says so. */
async function shows(page: Page, id: string, text: RegExp): Promise<void> {
  await page.locator(`#${id}`).filter({ hasText: text }).waitFor();
}

describe("the page of channels in two tabs", { skip }, () => {
  let folder = "";
  let demo: Demo;
  let context: BrowserContext;
  const complaints: string[] = [];
  const start = async (): Promise<void> => {
    const port = demo === undefined ? [] : ["--http-port", String(demo.httpPort)];
    demo = await startDemo(["--log", folder, ...port]);
  };
  const open = async (name: string): Promise<Page> => {
    const page = await context.newPage();
    await page.addInitScript(`sessionStorage["sluice demo name"] = ${JSON.stringify(name)}`);
    await page.goto(`http://127.0.0.1:${demo.httpPort}/channels`);
    return page;
  };
  const say = async (page: Page, text: string): Promise<void> => {
    await page.getByLabel("Message").fill(text);
    await page.keyboard.press("Enter");
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "sluice-demo-"));
    await start();
    const tab = await browser.open(`http://127.0.0.1:${demo.httpPort}/livez`);
    context = tab.page.context();
    context.on("weberror", (error) => complaints.push(String(error.error())));
  });
  after(async () => {
    await browser.close();
    await demo.program.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  it("see each other, and lose nothing of what is said while the server is killed", async () => {
    const [ada, bob] = [await open("ada"), await open("bob")];
    for (const page of [ada, bob]) {
      await shows(page, "state", /^live$/);
      await shows(page, "members", /^ada, bob$/);
      await shows(page, "server", new RegExp(`^process ${demo.program.pid} on .*, messages in ${folder}$`));
      await shows(page, "kill", new RegExp(`^kill -9 ${demo.program.pid}$`));
    }
    await say(ada, "hello");
    await shows(bob, "log", /ada: hello/);
    for (const page of [ada, bob]) await page.getByRole("button", { name: "Count to 100" }).click();
    await shows(bob, "log", /ada: 20/);
    await demo.program.kill();
    for (const page of [ada, bob]) await shows(page, "state", /^(offline|connecting)$/);
    await start();
    for (const page of [ada, bob]) {
      await shows(page, "received", /^201 messages, 0 missing, 0 twice, 0 gaps$/);
      await shows(page, "waiting", /^0$/);
      await shows(page, "state", /^live$/);
    }
    assertEquals(await said(ada), await said(bob));
    await Promise.all([ada.close(), bob.close()]);
  });

  it("say what a tab had left that was closed while the server was down, and show who has gone", async () => {
    const [ada, bob] = [await open("ada"), await open("bob")];
    await shows(bob, "members", /^ada, bob$/);
    await demo.program.kill();
    await shows(ada, "state", /^(offline|connecting)$/);
    await say(ada, "still there?");
    await shows(ada, "waiting", /^1$/);
    // What was given to the database is in it when its transactions are over.
    await ada.evaluate("new Promise((resolve) => setTimeout(resolve, 300))");
    await ada.close();
    await start();
    await shows(bob, "state", /^live$/);
    const again = await open("eve");
    await shows(bob, "log", /ada: still there\?/);
    await shows(again, "received", /^202 messages, 0 missing, 0 twice, 0 gaps$/);
    await shows(bob, "received", /^202 messages, 0 missing, 0 twice, 0 gaps$/);
    await again.close();
    await shows(bob, "log", /eve left/);
    await bob.close();
  });

  it("count what is missing where messages are gone, and tell the gap", async () => {
    const page = await open("ada");
    await shows(page, "received", /^202 messages, 0 missing, 0 twice, 0 gaps$/);
    await demo.program.kill();
    // As if the disk had been another one.
    rmSync(join(folder, "log"), { recursive: true });
    await start();
    await shows(page, "received", /, 1 gaps$/);
    await shows(page, "log", /a gap: epoch/);
    await say(page, "on we go");
    await shows(page, "log", /\d+ {2}ada: on we go/);
    assertMatch(await page.locator("#received").innerText(), /^203 messages, 0 missing, 0 twice, 1 gaps$/);
    assertEquals(complaints, []);
  });
});

/** What a page shows of messages, with their places. */
async function said(page: Page): Promise<readonly string[]> {
  return await page.locator("#log .said").allInnerTexts();
}
