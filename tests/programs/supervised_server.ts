/**
 * A program for `sluice run`: HTTP and lines, on places that its environment names. What a new one of it does at its
 * start is what stands in the file MODE_FILE then.
 */
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { lines, run, serve } from "../../mod.ts";
import { serveHttp } from "../../src/http/mod.ts";

const { MODE_FILE = "", HTTP_PORT = "0", HTTP_PATH, HTTP_INHERIT, LINES_PATH, GRACE = "5000" } = process.env;
const mode = existsSync(MODE_FILE) ? readFileSync(MODE_FILE, "utf8").trim() : "ok";

if (mode === "crash") throw new Error("this version crashes at start");
if (mode === "never") await new Promise((resolve) => setTimeout(resolve, 60_000));

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const where = HTTP_INHERIT !== undefined
  ? { inherit: HTTP_INHERIT }
  : HTTP_PATH !== undefined
  ? { path: HTTP_PATH }
  : { port: Number(HTTP_PORT), hostname: "127.0.0.1" };
const http = await serveHttp(where, async (request) => {
  const { pathname, searchParams } = new URL(request.url);
  if (pathname === "/slow") await pause(Number(searchParams.get("ms")));
  if (pathname === "/kill") process.kill(process.pid, "SIGKILL");
  if (pathname === "/block") {
    const until = performance.now() + Number(searchParams.get("ms"));
    while (performance.now() < until);
  }
  return new Response(String(process.pid));
});
const second = await serveHttp({ port: 0, hostname: "127.0.0.1" }, () => new Response("second"));
const echo = LINES_PATH === undefined || mode === "nolines" ? null : await serve({ path: LINES_PATH }, async (conn) => {
  for await (const line of lines(conn)) await conn.write(`${line}\n`);
});
const running = run([http, second, ...(echo === null ? [] : [echo])], { grace: Number(GRACE) });
// Not before: whoever reads it may send a signal at once.
console.log(`http ${http.url} second ${second.url}`);
if (mode === "dies") setTimeout(() => process.exit(9), 200);
await running;
