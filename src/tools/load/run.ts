/**
 * Loads a server.
 *
 * @module
 */
import { afterFunc, type ContextParent, defaultAdapter, systemClock } from "@sluice/sluice";
import { makeConnector } from "./clients/client.ts";
import { type EngineParts, LoadEngine } from "./engine.ts";
import { resolveOptions } from "./load_options.ts";
import { loadReport, type ReportHead } from "./report.ts";
import { parseTarget } from "./target.ts";
import type { LoadOptions, LoadReport } from "./load_api.ts";

/**
 * Loads a server with simulated clients that check every answer, and reports what they saw.
 *
 * Without `rate` a client sends when it has its answer (closed loop). With it requests are due at fixed times whatever
 * the server does (open loop), and a latency counts from the time at which its request was due: a wait for a free client
 * is part of it, so a server that stalls can't hide that (coordinated omission). At the end nothing new is sent; what is
 * under way has `timeout` to be answered.
 *
 * @param url `tcp://host:port` (lines), `http://`, `https://`, `ws://`, `wss://` or `unix:/path`.
 * @throws {OptionError} The URL or an option can't be used; nothing has been opened.
 * @example
 * ```ts
 * const report = await runLoad("http://127.0.0.1:8080/", { clients: 50, duration: 5000 });
 * console.log(report.rate, report.latency.p99, report.faults);
 * ```
 */
export async function runLoad(url: string, options: LoadOptions = {}): Promise<LoadReport> {
  const target = parseTarget(url, { tlsInsecure: options?.tlsInsecure, proxyProtocol: options?.proxyProtocol });
  const { options: resolved, seed } = resolveOptions(options, target.kind);
  const adapter = options.adapter ?? await defaultAdapter();
  const clock = options.clock ?? systemClock;
  const { context, server, onProgress } = options;
  const connector = makeConnector(target, { ...resolved, seed, adapter, clock });
  const parts = { options: resolved, seed, connector, clock, server, onProgress };
  return await runEngine(parts, { target, runtime: adapter.name, options: resolved, seed }, context);
}

/** Runs an engine until it ends, or the context does. */
export async function runEngine(parts: EngineParts, head: ReportHead, context?: ContextParent): Promise<LoadReport> {
  const engine = new LoadEngine(parts);
  const stop = context === undefined ? () => true : afterFunc(context, () => engine.cancel());
  try {
    return loadReport(head, engine, await engine.run());
  } finally {
    stop();
  }
}
