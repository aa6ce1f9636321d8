/**
 * The same echo written by hand for Deno: `bare_deno.ts raw|line [BYTES]`. The textbook loop: each connection has a
 * read buffer of its own, of 64 KiB unless told otherwise.
 *
 * @module
 */
import process from "node:process";
import { LineEcho } from "./lines.ts";

/** What is used of Deno's connections. */
interface DenoConn {
  setNoDelay(on: boolean): void;
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

interface DenoNamespace {
  listen(options: { hostname: string; port: number }): AsyncIterable<DenoConn> & { addr: { port: number } };
}

const BUFFER_BYTES = Number(process.argv[3] ?? 65_536);
const encoder = new TextEncoder();

async function writeAll(conn: DenoConn, bytes: Uint8Array): Promise<void> {
  let sent = 0;
  while (sent < bytes.length) sent += await conn.write(sent === 0 ? bytes : bytes.subarray(sent));
}

async function raw(conn: DenoConn): Promise<void> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  for (let got = await conn.read(buffer); got !== null; got = await conn.read(buffer)) {
    await writeAll(conn, buffer.subarray(0, got));
  }
}

async function line(conn: DenoConn): Promise<void> {
  const buffer = new Uint8Array(BUFFER_BYTES);
  const decoder = new TextDecoder();
  const echo = new LineEcho();
  for (let got = await conn.read(buffer); got !== null; got = await conn.read(buffer)) {
    const answers = echo.feed(decoder.decode(buffer.subarray(0, got), { stream: true }));
    if (answers !== "") await writeAll(conn, encoder.encode(answers));
  }
}

async function serve(conn: DenoConn): Promise<void> {
  conn.setNoDelay(true);
  try {
    await handle(conn);
  } catch {
    // The peer has gone.
  }
  conn.close();
}

const handle = process.argv[2] === "line" ? line : raw;
const deno = (globalThis as unknown as { Deno: DenoNamespace }).Deno;
const listener = deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(`port ${listener.addr.port}`);
for await (const conn of listener) serve(conn);
