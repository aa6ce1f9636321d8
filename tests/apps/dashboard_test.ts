import { after, before, describe, it } from "node:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { type App, keepAsking, refusal, startApp, until } from "../support/apps.ts";
import { bodyText, httpRequest } from "../support/http_client.ts";
import { assertWhole } from "../support/http_drained.ts";

const KEPT = 1000;

function start(env: Record<string, string> = {}): Promise<App> {
  return startApp("dashboard", ["dashboard", "probes"], { PROBE_PORT: "0", ...env });
}

/** An event as a page gets it. */
interface SeenEvent {
  id?: string;
  event?: string;
  data?: string;
}

/** A page that is looked at: what its `EventSource` would have. */
class Page {
  readonly events: SeenEvent[] = [];
  retry: number | null = null;
  /** How the stream has ended. */
  end: "open" | "whole" | Error = "open";
  readonly #leave: AbortController = new AbortController();

  /** Ids of all samples seen. */
  get ids(): string[] {
    return this.events.filter(({ event }) => event === undefined).map(({ id }) => id!);
  }

  get resets(): number {
    return this.events.filter(({ event }) => event === "reset").length;
  }

  async open(app: App, lastSeen: string | null = this.ids.at(-1) ?? null): Promise<this> {
    const headers: Record<string, string> = lastSeen === null ? {} : { "Last-Event-ID": lastSeen };
    const response = await fetch(`${app.origin("dashboard")}/events`, { headers, signal: this.#leave.signal });
    assertEquals([response.status, response.headers.get("content-type")], [200, "text/event-stream; charset=utf-8"]);
    this.end = "open";
    this.#read(response.body!).then(() => this.end = "whole", (error) => this.end = error);
    return this;
  }

  leave(): void {
    this.#leave.abort();
  }

  async sees(id: string): Promise<void> {
    await until(() => `${id} among ${this.ids.length}, ${this.end}`, () => this.ids.includes(id));
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of body) {
      const blocks = (text + decoder.decode(chunk, { stream: true })).split("\n\n");
      text = blocks.pop()!;
      for (const block of blocks) this.#take(block);
    }
    if (text !== "") throw new Error(`cut within an event: ${text}`);
  }

  #take(block: string): void {
    const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/, 2)));
    if (fields.retry !== undefined) this.retry = Number(fields.retry);
    if (fields.data !== undefined) this.events.push(fields);
  }
}

describe("The dashboard", () => {
  let app: App;
  const pages: Page[] = [];
  before(async () => {
    app = await start();
  });
  after(async () => {
    for (const page of pages) page.leave();
    await app[Symbol.asyncDispose]();
  });

  function look(lastSeen: string | null = null): Promise<Page> {
    const page = new Page();
    pages.push(page);
    return page.open(app, lastSeen);
  }

  async function post(body: unknown): Promise<[status: number, body: { id: string; error?: string }]> {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(`${app.origin("dashboard")}/samples`, { method: "POST", body: text });
    return [response.status, await response.json()];
  }

  it("shows each sample on every page, in order", async () => {
    const both = [await look(), await look()];
    const ids: string[] = [];
    for (let value = 0; value < 10; value++) {
      const [status, { id }] = await post({ name: "cpu", value });
      assertEquals(status, 201);
      ids.push(id);
    }
    for (const page of both) {
      await page.sees(ids[9]);
      assertEquals([page.ids, page.resets], [ids, 1]);
      assertEquals(page.events[5].data, '{"name":"cpu","value":4}');
    }
  });

  it("gives who comes back what was missed, and no more", async () => {
    const [, { id: seen }] = await post({ name: "cpu", value: 10 });
    const missed = [(await post({ name: "cpu", value: 11 }))[1].id, (await post({ name: "cpu", value: 12 }))[1].id];
    const page = await look(seen);
    await page.sees(missed[1]);
    const [, { id: live }] = await post({ name: "cpu", value: 13 });
    await page.sees(live);
    assertEquals([page.ids, page.resets], [[...missed, live], 0]);
  });

  it("tells who comes with an id that is not of this log to begin anew", async () => {
    const [, { id }] = await post({ name: "cpu", value: 14 });
    const ahead = id.replace(/\d+$/, "999999");
    for (const wrong of ["other:1", "nonsense", id.replace(/\d+$/, "x"), ahead]) {
      const page = await look(wrong);
      await page.sees(id);
      assertEquals([page.events[0].event, page.resets], ["reset", 1], wrong);
    }
  });

  it("refuses what is no sample", async () => {
    const wrong = ["{", "null", "[]", "7", '{"name":"cpu"}', '{"name":"a b","value":1}', '{"name":"cpu","value":"1"}'];
    for (const body of wrong) assertEquals((await post(body))[0], 400, body);
    const large = await fetch(`${app.origin("dashboard")}/samples`, { method: "POST", body: "x".repeat(5000) });
    assertEquals([large.status, (await fetch(`${app.origin("dashboard")}/else`)).status], [413, 404]);
    assertMatch(await (await fetch(app.origin("dashboard"))).text(), /<h1>Dashboard<\/h1>/);
  });

  it("keeps a bounded number of samples, and says so to who has missed more", async () => {
    const [, { id: seen }] = await post({ name: "cpu", value: 0 });
    const client = app.client("dashboard");
    const body = JSON.stringify({ name: "cpu", value: 1 });
    client.askAll(Array.from({ length: KEPT + 100 }, () => httpRequest("/samples", { body })));
    const last = JSON.parse(bodyText(await client.answer(30_000))).id;
    const page = await look(seen);
    await page.sees(last);
    assertEquals([page.events[0].event, page.ids.length], ["reset", KEPT]);
  });
});

describe("The dashboard on SIGTERM", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-dashboard-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("answers every sample, ends streams between two events, and the next process goes on where it stopped", async () => {
    const env = { STATE: join(folder, "state.json") };
    await using app = await start(env);
    const pages = await Promise.all(Array.from({ length: 3 }, () => new Page().open(app)));
    const ids: string[] = [];
    const body = JSON.stringify({ name: "cpu", value: 1 });
    const clients = Array.from({ length: 4 }, () => app.client("dashboard"));
    for (const client of clients) {
      keepAsking(client, () => httpRequest("/samples", { body }), (answer) => {
        assertEquals(answer.status, 201);
        ids.push(JSON.parse(bodyText(answer)).id);
      });
    }
    const late = app.client("dashboard");
    late.ask(httpRequest("/samples", { body }).slice(0, -10));
    await until(() => "samples", () => pages.every((page) => page.ids.length > 20));

    app.terminate();
    for (const [path, status] of [["/readyz", 503], ["/livez", 200]] as const) {
      await seesStatus(app.origin("probes") + path, status);
    }
    for (const client of clients) await client.over();
    await until(() => "the streams' end", () => pages.every(({ end }) => end !== "open"));
    late.more(body.slice(-10));
    ids.push(JSON.parse(bodyText(await late.answer())).id);
    await app.ended();
    assertWhole([...clients, late], "samples");
    for (const { end, retry } of pages) {
      assertEquals(end, "whole");
      assert(retry! >= 500 && retry! <= 1500, `retry: ${retry}`);
    }

    await using next = await start(env);
    const before = pages[0].ids.length;
    for (const page of pages) await page.open(next);
    for (const page of pages) {
      await page.sees(ids.at(-1)!);
      assertEquals([page.ids, page.resets], [ids.toSorted((a, b) => numberOf(a) - numberOf(b)), 1]);
      page.leave();
    }
    assertGreater(ids.length, before);
    await next.stop();
  });

  it("does not begin with a port that is none", async () => {
    assertMatch(await refusal("dashboard", { PROBE_PORT: "99999" }), /PROBE_PORT must be a port.*got "99999"/);
  });
});

function numberOf(id: string): number {
  return Number(id.split(":")[1]);
}

/** Asks until the answer has that status; the port must be open all the time. */
async function seesStatus(url: string, status: number): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if ((await fetch(url)).status === status) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${url} never said ${status}`);
}
