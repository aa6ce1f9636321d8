/**
 * What the pages of `sluice demo` have alike: how they look, and what they may do. They need nothing from anywhere else.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** How every page looks. */
export const SHELL_STYLE: string = `
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
`;

/**
 * A page as HTML.
 *
 * @param body As HTML, scripts included.
 */
export function shell(title: string, style: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>${escape(title)}</title>
<style>${style}</style>
</head>
<body>
${body}
</body>
</html>
`;
}

/** A Content-Security-Policy: this style and these scripts, connections to where the page came from, and no more. */
export function policyOf(style: string, scripts: string): string {
  return [
    "default-src 'none'",
    `style-src ${sourceHash(style)}`,
    `script-src ${scripts}`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/** How a policy names an inline style or script. */
export function sourceHash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/** Text within HTML. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
