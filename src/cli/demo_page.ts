/**
 * The page of `sluice demo`: what runs, and how to try it. It needs nothing from anywhere else.
 *
 * @module
 */
import { createHash } from "node:crypto";
import process from "node:process";
import type { Server } from "../../mod.ts";
import { CONSOLE_HTML, CONSOLE_SCRIPT, CONSOLE_STYLE } from "./demo_console.ts";
import { VERSION } from "./version.ts";
import { formatAddress, formatDuration, plural, tryCommand } from "./print.ts";

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
  ["/slow?ms=3000", "answers after 3 seconds (at most 60000 ms)"],
  ["/stream?n=10&ms=500", "ten lines, one each half second; a drain sends what is left at once"],
  ["/headers", "what the server sees of your request, as JSON"],
  ["/readyz", "200 while both servers take work, 503 from the first moment of a drain"],
  ["/livez", "200 as long as the process answers"],
];

const STYLE = `
:root { color-scheme: light dark; --line: #8885; --quiet: #888; --blue: light-dark(#0b63a5, #6cb8f0); }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1.2rem; }
h1 { margin: 0; font-size: 1.9rem; letter-spacing: -.02em; }
h2 { margin: 2.2rem 0 .6rem; font-size: 1.05rem; }
p { margin: .3rem 0; }
a { color: var(--blue); }
small { color: var(--quiet); font-size: .9rem; }
code, pre { font: 14px/1.6 ui-monospace, Menlo, Consolas, monospace; }
pre { margin: 0; padding: .8rem 1rem; overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; }
table { width: 100%; border-collapse: collapse; }
td { padding: .4rem 1rem .4rem 0; border-top: 1px solid var(--line); vertical-align: top; }
td:first-child { white-space: nowrap; }
${CONSOLE_STYLE}`;

/** What the page may do: run this one style and this one script, and connect to where it came from. */
export const PAGE_POLICY: string = [
  "default-src 'none'",
  `style-src ${sourceHash(STYLE)}`,
  `script-src ${sourceHash(CONSOLE_SCRIPT)}`,
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The page as HTML. */
export function demoPage({ servers, requests, origin, uptime }: PageContent): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Sluice demo</title>
<style>${STYLE}</style>
</head>
<body>
<h1>Sluice</h1>
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
<script>${CONSOLE_SCRIPT}</script>
</body>
</html>
`;
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

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** How a Content-Security-Policy names an inline style or script. */
function sourceHash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
