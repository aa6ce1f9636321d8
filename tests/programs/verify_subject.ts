/**
 * A line server that behaves as `verify_subject.ts MODE [PATH]` says, on the port in PORT or at the path: `stubborn`
 * ignores signals and writes without end, `silent` never listens, `early` ends at once, `parent` leaves a process behind
 * and its number in the file PATH, `crash` ends at its third connection, `delicate` at a
 * large chunk, `plain` just serves.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import process from "node:process";

/** Time in ms between the signal and the end: the test's clients have asked by then, and are idle. */
const LAST_WORDS = 400;

/** What a delicate one can't take, in bytes. */
const LARGE = 40;

const [mode, path] = process.argv.slice(2);
let connections = 0;

const server = createServer((socket) => {
  if (mode === "crash" && ++connections === 3) fail("asked to crash");
  socket.on("error", () => {});
  socket.on("data", (chunk) => {
    if (mode === "delicate" && chunk.length > LARGE) fail("too large");
    socket.write(chunk);
  });
});

function stop(): void {
  if (mode !== "stubborn") setTimeout(() => process.exit(0), LAST_WORDS);
}

function fail(why: string): never {
  console.error(why);
  process.exit(7);
}

function flood(): void {
  process.stdout.write(`${"nothing but noise ".repeat(1000)}\n`, () => setTimeout(flood, 1));
}

if (mode === "early") fail("there is no configuration");
if (mode === "stubborn") flood();
if (mode === "parent") writeFileSync(path, String(spawn("sleep", ["60"], { stdio: "ignore" }).pid));
process.on("SIGTERM", stop);
if (mode === "silent") setInterval(() => {}, 1000);
else if (mode === "plain" && path !== undefined) server.listen(path);
else server.listen(Number(process.env.PORT), "127.0.0.1");
