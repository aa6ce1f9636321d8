/**
 * A line server on one port, and on a second one what it holds: each line there is answered with a JSON record.
 * Timers are counted by wrapping the runtime's before anything else is loaded.
 *
 * @module
 */
import { pendingTimers, uncountedTimeout } from "../support/counted_timers.ts";
import process from "node:process";
import { trackedBy } from "../support/tracked.ts";

/** What the server holds. */
export interface Holdings {
  readonly connections: number;
  /** `setTimeout` timers that wait. */
  readonly timers: number;
  /** Bytes of heap in use, after a collection where the runtime lets one ask for it. */
  readonly heap: number;
  /** Listeners on the process object, of all events. */
  readonly listeners: number;
  readonly accepted: number;
  readonly handlerErrors: number;
}

const { lines, serve, silentLogger } = await import("../../mod.ts");

const server = await serve({ hostname: "127.0.0.1", logger: silentLogger }, async (conn) => {
  for await (const line of lines(conn)) {
    if (line === "throw") throw new Error("asked to");
    await conn.write(`echo: ${line}\n`);
    if (line === "bye") return;
  }
});
/** Bytes as they come: no framing between the socket and its answer. */
const raw = await serve({ hostname: "127.0.0.1", logger: silentLogger }, async (conn) => {
  for await (const chunk of conn) await conn.write(chunk);
});
const control = await serve({ hostname: "127.0.0.1", logger: silentLogger }, async (conn) => {
  for await (const _ of lines(conn)) await conn.write(JSON.stringify(await holdings()) + "\n");
});

async function holdings(): Promise<Holdings> {
  const { bun, gc } = runtime();
  for (let i = 0; i < 3; i++) {
    gc?.();
    await new Promise((resolve) => uncountedTimeout(() => resolve(null), 10));
  }
  const names = process.eventNames?.() ?? [];
  return {
    connections: trackedBy(server) + trackedBy(raw),
    timers: pendingTimers.size,
    heap: bun === undefined ? process.memoryUsage().heapUsed : (await import("bun:jsc" as string)).heapStats().heapSize,
    listeners: names.reduce((sum, name) => sum + process.listenerCount(name), 0),
    accepted: server.stats.accepted,
    handlerErrors: server.stats.handlerErrors,
  };
}

function runtime(): { bun: unknown; gc: (() => void) | undefined } {
  const { Bun: bun, gc } = globalThis as { Bun?: { gc(force: boolean): void }; gc?: () => void };
  return { bun, gc: bun === undefined ? gc : () => bun.gc(true) };
}

const ports = [server, raw, control].map(({ address }) => address.transport === "tcp" ? address.port : 0);
console.log(`ports ${ports.join(" ")}`);
