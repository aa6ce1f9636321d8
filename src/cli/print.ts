/**
 * What people read: where it listens, how a drain goes on, and its report.
 *
 * @module
 */
import type { Address, CutConn, DrainPhase, DrainReport, Holder, HookResult } from "../../mod.ts";

/** What a connection does that holds a drain up. */
const HOLDS: Readonly<Record<Holder["waitsFor"], string>> = {
  quiet: "idle",
  answer: "being answered",
  message: "inside a message",
  delivery: "slow to read",
  peerFin: "about to close",
  handler: "in the handler",
  work: "held by work",
};

const PHASES: Readonly<Record<DrainPhase, string>> = {
  lameDuck: "still accepting",
  drain: "listener closed",
  patience: "patience is over",
  abort: "handlers told to stop",
  cut: "cutting",
  hooks: "running shutdown hooks",
  done: "done",
  resumed: "called off",
};

/** An address as people write it. */
export function formatAddress(address: Address): string {
  if (address.transport === "unix") return address.path;
  return `${inBrackets(address.hostname)}:${address.port}`;
}

/** Addresses as people write them, each between what goes before and behind it. */
export function formatAddresses(addresses: readonly Address[], before: string = "", behind: string = ""): string {
  return addresses.map((address) => `${before}${formatAddress(address)}${behind}`).join(" and ");
}

/** A command that talks to the server, on the same machine. */
export function tryCommand(address: Address, tls: boolean): string {
  if (address.transport === "unix") {
    const path = /^[\w./-]+$/.test(address.path) ? address.path : `'${address.path.replaceAll("'", `'\\''`)}'`;
    return tls ? `openssl s_client -quiet -unix ${path}` : `nc -U ${path}`;
  }
  const host = reachable(address.hostname);
  return tls ? `openssl s_client -quiet -connect ${inBrackets(host)}:${address.port}` : `nc ${host} ${address.port}`;
}

/** Where a browser finds the server, on the same machine. */
export function formatUrl(address: Address): string {
  if (address.transport === "unix") return `http+unix:${address.path}`;
  return `http://${inBrackets(reachable(address.hostname))}:${address.port}/`;
}

/** A phase of a drain, or of whose drain it is, that begins, and who holds it up. */
export function formatPhase(
  phase: DrainPhase,
  open: number,
  holders: readonly Holder[],
  whose: string = "drain",
): string {
  const line = `${whose}: ${PHASES[phase]}`;
  if (phase === "done" || phase === "hooks") return line;
  const held = Object.entries(HOLDS).flatMap(([reason, words]) => {
    const count = holders.filter((holder) => holder.waitsFor === reason).length;
    return count === 0 ? [] : [`${count} ${words}`];
  });
  return `${line}, ${plural(open, "connection")}${held.length > 0 ? ` (${held.join(", ")})` : ""}`;
}

/** A report as aligned lines, without a line end behind the last. */
export function formatReport(report: DrainReport): string {
  const { connections: conns, delivery, phases, afterFin } = report;
  const rows: [string, string][] = [
    ["stopped by", report.cause + (report.forced ? ", then forced" : "")],
    ["clean", report.clean ? "yes" : "no"],
    ["took", `${formatDuration(report.duration)}: ${formatPhases(phases)}`],
    ["connections", `${conns.atStart} at the start, ${conns.accepted} accepted since`],
    ["ended", `${conns.finished} finished, ${conns.idle} idle, ${conns.dropped} dropped, ${conns.cut} cut`],
    ["delivery", formatDelivery(delivery)],
    ["after FIN", `${plural(afterFin.messages, "message")}, ${plural(afterFin.bytes, "byte")}`],
    ["not served", formatQueues(report)],
    ["hooks", report.hooks.length === 0 ? "none" : report.hooks.map(formatHook).join(", ")],
    ...(report.workLeft > 0 ? [["work left", formatWork(report.workLeft)] as [string, string]] : []),
    ...report.cut.map((conn): [string, string] => ["cut", formatCut(conn)]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join("\n");
}

/** Milliseconds in the unit that suits them. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  return ms < 59_995 ? `${(ms / 1000).toFixed(2)} s` : `${(ms / 60_000).toFixed(1)} min`;
}

function formatPhases(phases: DrainReport["phases"]): string {
  const parts = { "lame duck": phases.lameDuck, drain: phases.drain, abort: phases.abort, hooks: phases.hooks };
  return Object.entries(parts).map(([name, ms]) => `${name} ${formatDuration(ms)}`).join(", ");
}

function formatDelivery(delivery: DrainReport["delivery"]): string {
  const { finSeen, acknowledged, kernel, process } = delivery;
  return `${finSeen} client's FIN seen, ${acknowledged} acknowledged, ${kernel} in the kernel, ${process} in the process`;
}

function formatQueues(report: DrainReport): string {
  const { acceptQueueLeft, acceptQueueShared, admissionQueueLeft, handshakesCut } = report;
  const left = `${acceptQueueLeft ?? "unknown"} in the ${acceptQueueShared ? "shared " : ""}accept queue`;
  const queues = `${left}, ${admissionQueueLeft} waiting for admission`;
  return handshakesCut.length === 0 ? queues : `${queues}, in TLS handshakes ${handshakesCut.join(", ")}`;
}

function formatWork(count: number): string {
  return `${plural(count, "promise")} of waitUntil() unsettled`;
}

function formatHook({ name, ok, duration, error }: HookResult): string {
  return ok ? `${name} ok (${formatDuration(duration)})` : `${name} failed (${error ?? "no reason"})`;
}

function formatCut(conn: CutConn): string {
  const handler = conn.handlerRunning ? ", handler running" : "";
  return `#${conn.id} ${conn.peer}, ${conn.state}, age ${
    formatDuration(conn.age)
  }, ${conn.bytesUnread} bytes unread, ` +
    `${conn.bytesUnsent} unsent${handler}, last bytes: ${conn.delivery}`;
}

/** What listens everywhere is reached here. */
function reachable(hostname: string): string {
  return ["0.0.0.0", "::"].includes(hostname) ? "localhost" : hostname;
}

/** A count with its noun. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function inBrackets(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
