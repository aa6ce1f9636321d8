/**
 * A JSON API on Hono: notes of those who have signed in, with middleware, a signed cookie, static files and uploads.
 *
 *     PORT=8080 node --import tsx tests/apps/json_api.ts
 *
 * `DATA` is the folder where it keeps everything, `HOOK` a URL that is told of every new note. What was answered with
 * 201 is on the disk, so the next process has it; an upload is there whole or not at all; and a stop waits for hooks
 * that are still being told.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { access, appendFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Context, Hono } from "hono";
import { deleteCookie, getSignedCookie, setSignedCookie } from "hono/cookie";
import { createMiddleware } from "hono/factory";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import { serveStatic } from "hono/serve-static";
import { run } from "../../mod.ts";
import { type HttpContext, readyz, serveHttp } from "../../src/http/mod.ts";

interface Note {
  readonly id: string;
  readonly owner: string;
  readonly text: string;
}

/** Hono hands the arguments of its `fetch` on as `c.env` and `c.executionCtx`: here both are the request's context. */
interface Env {
  readonly Bindings: HttpContext;
  readonly Variables: { owner: string };
}

const { DATA = join(tmpdir(), "notes"), HOOK = "", SECRET = randomUUID() } = process.env;
const FILES = join(DATA, "files");
const JOURNAL = join(DATA, "notes.jsonl");
const HOOK_TIMEOUT = 5000;

await mkdir(FILES, { recursive: true });
await appendFile(JOURNAL, "");
const lines = (await readFile(JOURNAL, "utf8")).split("\n").filter((line) => line !== "");
const notes: Note[] = lines.map((line) => JSON.parse(line));

const app = new Hono<Env>();
const ready = readyz({ checks: { data: () => access(FILES, constants.W_OK) } });

const signedIn = createMiddleware<Env>(async (c, next) => {
  const owner = await getSignedCookie(c, SECRET, "session");
  if (!owner) throw new HTTPException(401, { message: "sign in first" });
  c.set("owner", owner);
  await next();
});

app.use(secureHeaders(), async (c, next) => {
  await next();
  c.header("x-request-id", c.env.requestId);
});
app.use("/api/notes/*", signedIn);
app.use("/api/files/*", signedIn);

app.get("/readyz", (c) => ready(c.req.raw, c.env));

app.post("/api/session", async (c) => {
  const name = await textField(c, "name", /^[a-z0-9]{1,32}$/);
  await setSignedCookie(c, "session", name, SECRET, { httpOnly: true, sameSite: "Strict", path: "/", maxAge: 86_400 });
  return c.json({ name }, 201);
});
app.delete("/api/session", (c) => {
  deleteCookie(c, "session", { path: "/" });
  return c.body(null, 204);
});

app.get("/api/notes", (c) => c.json(notes.filter(({ owner }) => owner === c.var.owner)));
app.get("/api/notes/:id", (c) => {
  const note = notes.find(({ id, owner }) => id === c.req.param("id") && owner === c.var.owner);
  return note === undefined ? c.notFound() : c.json(note);
});
app.post("/api/notes", async (c) => {
  const note = { id: randomUUID(), owner: c.var.owner, text: await textField(c, "text", /^[^]{1,1000}$/) };
  await appendFile(JOURNAL, `${JSON.stringify(note)}\n`);
  notes.push(note);
  c.executionCtx.waitUntil(tellHook(note));
  return c.json(note, 201, { location: `/api/notes/${note.id}` });
});

app.put("/api/files/:name", async (c) => c.json(await keep(c, c.req.param("name"), c.req.raw.body), 201));
app.post("/api/files", async (c) => {
  const { file } = await c.req.parseBody();
  if (!(file instanceof File)) throw new HTTPException(400, { message: "the form has no file" });
  return c.json(await keep(c, file.name, file.stream()), 201);
});
app.get("/api/files/:name", async (c) => {
  const bytes = await readFile(pathOf(c, c.req.param("name"))).catch(() => null);
  return bytes === null ? c.notFound() : c.body(bytes, 200, { "content-type": "application/octet-stream" });
});

app.get(
  "*",
  serveStatic<Env>({
    root: fileURLToPath(new URL("./notes", import.meta.url)),
    rewriteRequestPath: (path) => path === "/" ? "/index.html" : path,
    getContent: (path) => readFile(path).catch(() => null),
  }),
);

app.notFound((c) => c.json({ error: "not found" }, 404));
app.onError((error, c) => {
  if (error instanceof HTTPException) return c.json({ error: error.message }, error.status);
  // The server knows more of all others: a body that was too large gets 413, a request that was ordered to stop 503.
  throw error;
});

/** A port from the environment. @throws {RangeError} It is none. */
function portFrom(name: string, fallback: number): number {
  const text = process.env[name] ?? String(fallback);
  if (/^\d+$/.test(text) && Number(text) < 65_536) return Number(text);
  throw new RangeError(`${name} must be a port, 0 to 65535, got ${JSON.stringify(text)}`);
}

/** A field of the request's JSON. @throws {HTTPException} It is not there, or not as it must be. */
async function textField(c: Context<Env>, name: string, form: RegExp): Promise<string> {
  const body: unknown = await c.req.json().catch((error) => {
    if (error instanceof SyntaxError) return null;
    throw error;
  });
  const value = (body as Record<string, unknown> | null)?.[name];
  if (typeof value === "string" && form.test(value)) return value;
  throw new HTTPException(400, { message: `${name} must be a text that matches ${form}` });
}

/** Where a file of whoever asks lies. @throws {HTTPException} The name could lead elsewhere. */
function pathOf(c: Context<Env>, name: string): string {
  if (!/^\w[\w.-]{0,63}$/.test(name)) throw new HTTPException(400, { message: "a file's name is of a-z, 0-9, _ . -" });
  return join(FILES, `${c.var.owner}-${name}`);
}

/** Streams an upload to the disk; until all of it is there it has another name. */
async function keep(c: Context<Env>, name: string, body: ReadableStream<Uint8Array> | null): Promise<object> {
  const path = pathOf(c, name);
  const part = join(DATA, `${basename(path)}-${randomUUID()}.part`);
  try {
    await writeFile(part, body ?? "");
    await rename(part, path);
  } finally {
    await rm(part, { force: true });
  }
  return { name, url: `/api/files/${name}` };
}

/** Tells the hook of a note, behind the answer. What goes wrong is logged. */
async function tellHook(note: Note): Promise<void> {
  if (HOOK === "") return;
  const signal = AbortSignal.timeout(HOOK_TIMEOUT);
  const { ok, status } = await fetch(HOOK, { method: "POST", body: JSON.stringify(note), signal });
  if (!ok) throw new Error(`The hook answered ${status}`);
}

await run(serveHttp({ name: "notes", port: portFrom("PORT", 8080) }, app), { grace: 10_000, lameDuck: 300 });
