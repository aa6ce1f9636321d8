/**
 * A headless Chromium for a test file: started when the first page is opened, closed with the file's tests. The package
 * `playwright-core` drives Debian's Chromium over a pipe, on Node, Deno and Bun alike; it downloads nothing.
 *
 * @module
 */
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { toolPath } from "./http_tools.ts";
import { root, within } from "./processes.ts";

export type { Page } from "playwright-core";

/** Longest wait for the browser to start or end, and for what a page shows, in ms. */
const BROWSER_LIMIT = 60_000;
const PAGE_LIMIT = 30_000;

/** One page, and what its console had to complain about. */
export interface Tab extends AsyncDisposable {
  readonly page: Page;
  readonly complaints: string[];
}

/** One browser. */
export class Chromium {
  #browser: Promise<Browser> | null = null;

  /** A page at `url`, in a window of its own that shares nothing with others. */
  async open(url: string): Promise<Tab> {
    const browser = await (this.#browser ??= launch());
    const context = await browser.newContext();
    try {
      return await openIn(context, url);
    } catch (error) {
      await context.close();
      throw error;
    }
  }

  /** A blank page of the server at `origin`, with the functions of `fixtures/websocket_page.js`. */
  async script(origin: string): Promise<Tab> {
    const tab = await this.open(`${origin}/`);
    await tab.page.addScriptTag({ path: `${root}tests/fixtures/websocket_page.js` });
    return tab;
  }

  /** Ends it, if it was started. */
  async close(): Promise<void> {
    const browser = await this.#browser?.catch(() => null);
    if (browser) await within(browser.close(), BROWSER_LIMIT, () => "the end of Chromium");
  }
}

/** Calls a function of the page's script; arguments and result are plain data. */
export function call<T>(tab: Tab, name: string, ...args: readonly unknown[]): Promise<T> {
  return evaluate(tab, `${name}(${args.map((arg) => JSON.stringify(arg)).join(", ")})`);
}

/** What an expression, as text, comes to in the page. */
export function evaluate<T>({ page }: Tab, expression: string): Promise<T> {
  return within(page.evaluate(expression) as Promise<T>, BROWSER_LIMIT, () => `${expression} in the page`);
}

function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: toolPath("chromium") ?? "chromium",
    // The sandbox can't be had as root, nor in most containers; every page that is opened is our own.
    chromiumSandbox: false,
    timeout: BROWSER_LIMIT,
  });
}

async function openIn(context: BrowserContext, url: string): Promise<Tab> {
  const page = await context.newPage();
  page.setDefaultTimeout(PAGE_LIMIT);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => complaints.push(message.text()));
  await page.goto(url);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}
