/**
 * Which servers of one `run()` stop before which others.
 *
 * @module
 */
import type { Address } from "../../endpoint.ts";
import { normalizeIp } from "../../address.ts";

/** What the order of servers depends on. */
export interface StageServer {
  /** Where it listens. */
  readonly addresses: readonly Address[];
  /** It answers nothing but an orchestrator's probes. */
  readonly forProbes: boolean;
}

/**
 * The stages of servers that nobody put in order, first to stop first: those that strangers reach, those that only this
 * machine reaches, and those that say how it goes. So who is served last is who others may still need for the stop.
 */
export function stagesOf<T extends StageServer>(servers: readonly T[]): T[][] {
  const others = servers.filter((server) => !server.forProbes);
  return filled([
    others.filter((server) => !isLocal(server)),
    others.filter(isLocal),
    servers.filter((server) => server.forProbes),
  ]);
}

/** The stages of servers that were given in order; `places` says for each which stage it belongs to. */
export function stagesGiven<T>(servers: readonly T[], places: readonly number[]): T[][] {
  const stages: T[][] = Array.from({ length: Math.max(0, ...places) + 1 }, () => []);
  for (const [i, server] of servers.entries()) stages[places[i]].push(server);
  return filled(stages);
}

function filled<T>(stages: readonly T[][]): T[][] {
  return stages.filter((stage) => stage.length > 0);
}

/** Only this machine reaches it. One that listens nowhere yet may be reached by anybody later. */
function isLocal({ addresses }: StageServer): boolean {
  return addresses.length > 0 && addresses.every(isLoopback);
}

function isLoopback(address: Address): boolean {
  if (address.transport === "unix") return true;
  const ip = normalizeIp(address.hostname);
  return /^127\.\d+\.\d+\.\d+$/.test(ip) || ip === "0:0:0:0:0:0:0:1" || ip === "localhost";
}
