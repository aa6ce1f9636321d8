/**
 * The page of `sluice demo`: what runs, and how to try it. It needs nothing from anywhere else.
 *
 * @module
 */
import process from "node:process";
import type { Server } from "../../../mod.ts";
import { CONSOLE_HTML, CONSOLE_SCRIPT, CONSOLE_STYLE } from "./console.ts";
import { escape, policyOf, shell, SHELL_STYLE, sourceHash } from "./shell.ts";
import { VERSION } from "../version.ts";
import { formatAddress, formatDuration, plural, tryCommand } from "../print.ts";

/** What the page shows. */
export interface PageContent {
  /** The line server first. */
  readonly servers: readonly Server[];
  /** Requests so far. */
  readonly requests: number;
  /** How the browser names the server. */
  readonly origin: string;
  /** Ms since the start. */
  readonly uptime: number;
}

type Row = readonly [path: string, what: string, link?: string];

const ROUTES: readonly Row[] = [
  ["/echo", "gives the body of a POST back"],
  ["/ws", "a WebSocket that gives every message back; see the console", "#console"],
  ["/channels", "a room for two tabs: kill this server, start it again, and nothing that was said is lost"],
  ["/slow?ms=3000", "answers after 3 seconds (at most 60000 ms)"],
  ["/stream?n=10&ms=500", "ten lines, one each half second; a drain sends what is left at once"],
  ["/headers", "what the server sees of your request, as JSON"],
  ["/readyz", "200 while both servers take work, 503 from the first moment of a drain"],
  ["/livez", "200 as long as the process answers"],
];

const STYLE = SHELL_STYLE + CONSOLE_STYLE;

/** What the page may do: run this one style and this one script, and connect to where it came from. */
export const PAGE_POLICY: string = policyOf(STYLE, sourceHash(CONSOLE_SCRIPT));

/** The page as HTML. */
export function demoPage({ servers, requests, origin, uptime }: PageContent): string {
  const body = `<h1>Sluice</h1>
<p>Socket servers that stop without losing anything.</p>
<p><small>${escape(`Sluice ${VERSION} on ${runtime()}, up ${formatDuration(uptime)}, ${plural(requests, "request")}`)}\
</small></p>
<h2>What runs</h2>
<table>
${servers.map(serverRow).join("\n")}
</table>
<h2>Try it</h2>
<pre>${escape(commands(servers[0], origin).join("\n"))}</pre>
${CONSOLE_HTML}
<h2>Routes</h2>
<table>
${ROUTES.map(routeRow).join("\n")}
</table>
<h2>Now stop it</h2>
<p>Start a slow request or a stream, then press Ctrl-C in the server's terminal, or send it SIGTERM. Both servers answer
what they have received, close each connection at a quiet moment (a WebSocket with code 1001), and report what the stop
cost.</p>
<script>${CONSOLE_SCRIPT}</script>`;
  return shell("Sluice demo", STYLE, body);
}

/** The runtime and its version. */
export function runtime(): string {
  const { deno, bun, node } = process.versions as Readonly<Record<string, string | undefined>>;
  if (deno !== undefined) return `Deno ${deno}`;
  return bun !== undefined ? `Bun ${bun}` : `Node ${node}`;
}

function commands(lines: Server, origin: string): string[] {
  return [
    tryCommand(lines.address, false),
    `curl ${origin}/echo -d hello`,
    `curl '${origin}/slow?ms=3000'`,
    `curl -N '${origin}/stream?n=10&ms=500'`,
    `curl ${origin}/headers`,
    `curl -i ${origin}/readyz`,
  ];
}

function serverRow({ name, address, state, connections }: Server): string {
  const what = `${formatAddress(address)}, ${state}, ${plural(connections.size, "connection")}`;
  return `<tr><td>${escape(name)}</td><td>${escape(what)}</td></tr>`;
}

function routeRow([path, what, link = path]: Row): string {
  return `<tr><td><a href="${escape(link)}"><code>${escape(path)}</code></a></td><td>${escape(what)}</td></tr>`;
}
