import { after, before, describe, it } from "node:test";
import { Buffer } from "node:buffer";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { serveHttp } from "../../src/http/mod.ts";
import { type App, keepAsking, pause, refusal, startApp, until } from "../support/apps.ts";
import { bodyText, type HttpClient, httpRequest } from "../support/http_client.ts";
import { assertWhole } from "../support/http_drained.ts";

interface Note {
  readonly id: string;
  readonly text: string;
}

const MEBIBYTE = 1024 * 1024;
const folders: string[] = [];

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "sluice-notes-"));
  folders.push(made);
  return made;
}

function start(data: string, env: Record<string, string> = {}): Promise<App> {
  return startApp("json_api", ["notes"], { DATA: data, SECRET: "not so secret", ...env });
}

/** Signs in; gives the cookie as a client sends it back. */
async function signIn(origin: string, name: string): Promise<string> {
  const response = await fetch(`${origin}/api/session`, { method: "POST", body: JSON.stringify({ name }) });
  assertEquals([response.status, await response.json()], [201, { name }]);
  const [cookie] = response.headers.getSetCookie();
  assertMatch(cookie, /; HttpOnly; SameSite=Strict/);
  return cookie.split(";")[0];
}

after(() => folders.forEach((path) => rmSync(path, { recursive: true, force: true })));

describe("The JSON API", () => {
  const data = folder();
  let app: App;
  let cookie: string;
  before(async () => {
    app = await start(data);
    cookie = await signIn(app.origin("notes"), "ann");
  });
  after(() => app[Symbol.asyncDispose]());

  /** Status and JSON of an answer. */
  async function ask(path: string, init: RequestInit = {}): Promise<[status: number, body: unknown]> {
    const response = await fetch(app.origin("notes") + path, { ...init, headers: { cookie, ...init.headers } });
    return [response.status, await response.json()];
  }

  it("keeps notes, and shows each to its owner alone", async () => {
    const made = await fetch(`${app.origin("notes")}/api/notes`, {
      method: "POST",
      headers: { cookie },
      body: JSON.stringify({ text: "milk, été" }),
    });
    const note = await made.json();
    assertEquals([made.status, made.headers.get("location")], [201, `/api/notes/${note.id}`]);
    assertEquals(await ask(`/api/notes/${note.id}`), [200, note]);
    assertEquals(await ask("/api/notes"), [200, [note]]);
    const bob = { headers: { cookie: await signIn(app.origin("notes"), "bob") } };
    assertEquals(await ask("/api/notes", bob), [200, []]);
    assertEquals(await ask(`/api/notes/${note.id}`, bob), [404, { error: "not found" }]);
  });

  it("lets in nobody without a cookie that it has signed", async () => {
    const forged = cookie.replace("=ann.", "=bob.");
    assert(forged !== cookie);
    for (const other of ["", forged]) {
      for (const path of ["/api/notes", "/api/files/a.txt"]) {
        assertEquals(await ask(path, { headers: { cookie: other } }), [401, { error: "sign in first" }]);
      }
    }
  });

  it("refuses what is no JSON, and what is not as it must be", async () => {
    for (
      const body of ["{", "null", "[]", '"text"', "{}", '{"text":""}', '{"text":7}', `{"text":"${"x".repeat(1001)}"}`]
    ) {
      const [status, { error }] = await ask("/api/notes", { method: "POST", body }) as [number, { error: string }];
      assertEquals(status, 400, body);
      assertMatch(error, /^text must be/);
    }
    assertEquals(await ask("/api/nothing"), [404, { error: "not found" }]);
  });

  it("serves the page and its script, with the fields that middleware adds", async () => {
    for (
      const [path, type, part] of [["/", "text/html", "<h1>Notes</h1>"], ["/notes.js", "text/javascript", "onSubmit"]]
    ) {
      const response = await fetch(app.origin("notes") + path);
      assertEquals(response.status, 200);
      assertMatch(response.headers.get("content-type")!, new RegExp(type));
      assertEquals(response.headers.get("x-content-type-options"), "nosniff");
      assertMatch(response.headers.get("x-request-id")!, /\d/);
      assertMatch(await response.text(), new RegExp(part));
    }
    const head = await fetch(`${app.origin("notes")}/`, { method: "HEAD" });
    assertEquals([head.status, await head.text()], [200, ""]);
    const client = app.client("notes");
    const outside = await client.fetch(httpRequest("/../json_api.ts"));
    assertEquals(outside.status, 404);
  });

  it("keeps an upload of either kind byte for byte", async () => {
    const bytes = Uint8Array.from({ length: 3 * MEBIBYTE }, (_, i) => i * 7 + (i >> 8));
    const form = new FormData();
    form.set("file", new File([bytes], "form.bin"));
    const uploads: [string, string, RequestInit][] = [
      ["raw.bin", "/api/files/raw.bin", { method: "PUT", body: bytes }],
      ["form.bin", "/api/files", { method: "POST", body: form }],
    ];
    for (const [name, path, init] of uploads) {
      assertEquals(await ask(path, init), [201, { name, url: `/api/files/${name}` }]);
      const back = await fetch(`${app.origin("notes")}/api/files/${name}`, { headers: { cookie } });
      assert(Buffer.from(await back.arrayBuffer()).equals(bytes), name);
    }
    assertEquals(await ask("/api/files", { method: "POST", body: new FormData() }), [400, {
      error: "the form has no file",
    }]);
    assertEquals((await ask("/api/files/..%2Fnotes.jsonl"))[0], 400);
    assertEquals((await ask("/api/files/none.bin"))[0], 404);
  });

  it("refuses an upload that is too large with 413, whether its length is told or not", async () => {
    const head = { Cookie: cookie };
    const told = app.client("notes");
    told.ask(
      httpRequest("/api/files/big.bin", { method: "PUT", headers: { ...head, "Content-Length": 11 * MEBIBYTE } }),
    );
    assertEquals((await told.answer()).status, 413);
    const untold = app.client("notes");
    untold.ask(
      httpRequest("/api/files/big.bin", { method: "PUT", headers: { ...head, "Transfer-Encoding": "chunked" } }),
    );
    const chunk = `100000\r\n${"x".repeat(MEBIBYTE)}\r\n`;
    for (let i = 0; i < 11; i++) untold.more(chunk);
    assertEquals((await untold.answer()).status, 413);
    assertEquals((await ask("/api/files/big.bin"))[0], 404);
  });

  it("keeps nothing of an upload that breaks off", async () => {
    const client = app.client("notes");
    client.ask(
      httpRequest("/api/files/half.bin", { method: "PUT", headers: { Cookie: cookie, "Content-Length": 1000 } }),
    );
    client.more("x".repeat(500));
    const parts = () => readdirSync(data).filter((name) => name.endsWith(".part"));
    await until(() => "a part", () => parts().length === 1);
    client.close();
    await until(() => `no part, but ${parts()}`, () => parts().length === 0);
    assertEquals((await ask("/api/files/half.bin"))[0], 404);
  });

  it("says whether it is ready", async () => {
    assertEquals((await fetch(`${app.origin("notes")}/readyz`)).status, 200);
    rmSync(join(data, "files"), { recursive: true });
    assertEquals((await fetch(`${app.origin("notes")}/readyz`)).status, 503);
  });
});

/** A hook that takes its time, and counts those who have waited to the end. */
async function slowHook(ms: number) {
  const told: string[] = [];
  const left: string[] = [];
  const server = await serveHttp({ port: 0, hostname: "127.0.0.1" }, async (request, ctx) => {
    const { id } = await request.json();
    await pause(ms);
    (ctx.signal.aborted ? left : told).push(id);
    return new Response();
  });
  return { url: server.url, told, left, [Symbol.asyncDispose]: () => server.close().then(() => {}) };
}

describe("The JSON API on SIGTERM", () => {
  it("answers every request, finishes an upload, tells its hook, and the next process has all of it", async () => {
    const data = folder();
    await using hook = await slowHook(1500);
    await using app = await start(data, { HOOK: hook.url });
    const cookie = await signIn(app.origin("notes"), "ann");
    const kept: string[] = [];
    const clients = Array.from({ length: 4 }, () => app.client("notes"));
    for (const client of clients) keepPosting(client, cookie, kept);
    const upload = app.client("notes");
    upload.ask(
      httpRequest("/api/files/a.txt", { body: "x".repeat(2000), method: "PUT", headers: { Cookie: cookie } }).slice(
        0,
        -1000,
      ),
    );
    await until(() => "some notes", () => kept.length > 20);

    app.terminate();
    await until(() => "the drain", () => app.program.stderr.includes("Got SIGTERM"));
    await pause(600);
    upload.more("x".repeat(1000));
    assertEquals((await upload.answer()).status, 201);
    for (const client of clients) await client.over();
    await app.ended();
    assertWhole([...clients, upload], "notes and an upload");
    assertEquals([hook.told.length, hook.left], [kept.length, []]);

    await using next = await start(data);
    const headers = { cookie };
    const notes: Note[] = await (await fetch(`${next.origin("notes")}/api/notes`, { headers })).json();
    assertEquals(notes.map(({ id }) => id).sort(), kept.toSorted());
    assertEquals((await (await fetch(`${next.origin("notes")}/api/files/a.txt`, { headers })).text()).length, 2000);
    await next.stop();
  });

  it("does not begin with a port that is none", async () => {
    for (const wrong of ["http", "", "65536"]) {
      assertMatch(await refusal("json_api", { PORT: wrong }), new RegExp(`PORT must be a port.*got "${wrong}"`));
    }
  });
});

/** Posts notes one after the other; `kept` gets the ids of those that were answered. */
function keepPosting(client: HttpClient, cookie: string, kept: string[]): void {
  const next = () => httpRequest("/api/notes", { body: JSON.stringify({ text: "x" }), headers: { Cookie: cookie } });
  keepAsking(client, next, (answer) => {
    assertEquals(answer.status, 201);
    kept.push(JSON.parse(bodyText(answer)).id);
  }, 60);
}
