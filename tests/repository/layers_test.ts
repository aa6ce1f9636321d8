/** Holds the library to its rooms: who may import whom, no circles, and what an entry loads. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { loadedWith, readSource, type Source, sourcesUnder, withoutComments } from "../support/sources.ts";

/** Names of a runtime that code under src/ must not know. */
const RUNTIME_NAMES = /["'`]node:|\bDeno\b|\bBun\b|(?<![.\w$#])process\s*[.[?]|\bglobalThis\.process\b|\bBuffer\b/;

/** Files under src/ that stand alone and that every layer may use. */
const BASE = /^src\/(?!runtime\.ts)([^/]+\.ts|context\/.*)$/;
const RUNTIME = /^src\/runtime\.ts$/;

/** Commands and what stands between processes run where processes and files are: they may know the runtime. */
const COMMAND = /^src\/((tools\/)?cli|run)\//;

/** What every command may use. */
const COMMANDS = /^mod\.ts$|^node:/;

/** The core and its protocols, and what commands are made of, as another package sees them. */
const CORE = /^@sluice\/sluice(\/(http|websocket(\/reconnect)?|channels\/client))?$/;
const KIT = /^@sluice\/sluice\/cli\/kit$/;

/** Who may import what, first match decides. A file that no row knows fails: a new folder needs a row. */
const LAYERS: readonly (readonly [file: RegExp, mayImport: readonly RegExp[]])[] = [
  // The seam to the runtimes.
  [/^src\/endpoint\.ts$/, []],
  [/^src\/proxied\.ts$/, [/^src\/endpoint\.ts$/]],
  [/^src\/socket\.ts$/, [/^src\/(endpoint|proxied)\.ts$/]],
  [/^src\/parent\.ts$/, [/^src\/endpoint\.ts$/]],
  [/^src\/files\.ts$/, []],
  [/^src\/platform\.ts$/, [/^src\/(endpoint|socket|parent|files)\.ts$/]],
  [/^adapters\/memory\//, [/^src\/(socket|platform|endpoint|errors|names|clock|bytes)\.ts$/, /^adapters\/memory\//]],
  [/^adapters\/shared\//, [
    /^src\/(same_place|socket|platform|parent|endpoint|files|errors|bytes)\.ts$/,
    /^adapters\/shared\//,
    /^node:/,
  ]],
  [/^adapters\/node\//, [
    /^src\/(socket|platform|parent|endpoint|errors|names|clock)\.ts$/,
    /^adapters\/(node|shared)\//,
    /^node:/,
  ]],
  [/^adapters\/deno\//, [
    /^src\/(socket|platform|endpoint|errors|clock)\.ts$/,
    /^adapters\/(deno|node|shared)\//,
    /^node:/,
  ]],
  // What Bun's own sockets can't do of TLS, `node:tls` does there as well.
  [/^adapters\/bun\//, [
    /^src\/(socket|platform|parent|endpoint|errors|clock)\.ts$/,
    /^adapters\/((bun|shared)\/|node\/mod\.ts$)/,
    /^node:/,
  ]],
  [/^src\/runtime\.ts$/, [BASE, /^adapters\//]],
  // The base, and what stands beside it.
  [BASE, [BASE]],
  [/^src\/testing\//, [BASE, /^adapters\/memory\//, /^src\/(testing|server|framing)\//]],
  // The server's rooms.
  [/^src\/server\/conn\//, [BASE, /^src\/server\/conn\//]],
  [/^src\/server\/tls\//, [BASE, /^src\/server\/tls\//]],
  [/^src\/server\/serve_options\.ts$/, [BASE, /^src\/server\/(conn\/|(drain\/report|tls\/tls_options)\.ts$)/]],
  [/^src\/server\/proxy\//, [BASE, /^src\/server\/proxy\//]],
  [/^src\/server\/connect\.ts$/, [BASE, RUNTIME, /^src\/server\/(conn\/|serve_options\.ts$|proxy\/mod\.ts$)/]],
  [/^src\/server\/drain\//, [BASE, /^src\/server\/(conn\/|drain\/|serve_options\.ts$)/]],
  [/^src\/server\/accept\//, [
    BASE,
    RUNTIME,
    /^src\/server\/(conn\/|accept\/|tls\/|serve_options\.ts$|proxy\/mod\.ts$)/,
  ]],
  [/^src\/server\/run\//, [BASE, RUNTIME, /^src\/server\/(drain\/|run\/|(serve_options|server_api)\.ts$)/]],
  [/^src\/server\//, [BASE, RUNTIME, /^src\/server\/(?!run\/)/]],
  // Codecs and calls take frames as they are given: they load neither a server nor a stream.
  [/^src\/framing\/codecs\//, [
    BASE,
    /^src\/framing\/(codecs\/|(base_decoder|decoder|delimiter|length_prefix|lines|mapped_decoder|option_checks|text)\.ts$)/,
  ]],
  [/^src\/framing\/rpc\//, [BASE, /^src\/framing\/(rpc\/|base_decoder\.ts$)/]],
  [/^src\/framing\//, [BASE, /^src\/server\//, /^src\/framing\/[^/]+$/]],
  // HTTP's.
  [/^src\/http\/(http_errors|lazy)\.ts$/, [BASE]],
  [/^src\/http\/parser\//, [/^src\/errors\.ts$/, /^src\/http\/(http_errors\.ts$|parser\/)/]],
  [/^src\/http\/client\//, [/^src\/(errors|names)\.ts$/, /^src\/http\/(http_errors\.ts$|parser\/|client\/)/]],
  [/^src\/http\/http_observer\.ts$/, [BASE, /^src\/server\//, /^src\/http\/http_errors\.ts$/]],
  [/^src\/http\/http_api\.ts$/, [BASE, /^src\/server\//, /^src\/http\/(http_(errors|observer)\.ts$|extras\/)/]],
  [/^src\/http\/http_options\.ts$/, [BASE, /^src\/server\//, /^src\/http\/(http_api\.ts$|parser\/)/]],
  [/^src\/http\/request\//, [BASE, /^src\/http\/((http_errors|lazy|http_api)\.ts$|parser\/|request\/)/]],
  [/^src\/http\/answer\//, [BASE, /^src\/server\/conn\//, /^src\/http\/((http_errors|lazy|http_api)\.ts$|answer\/)/]],
  [/^src\/http\/extras\//, [BASE, /^src\/http\/((http_errors|http_observer|http_api)\.ts$|answer\/|extras\/)/]],
  [/^src\/http\/conn\//, [
    BASE,
    /^src\/server\/(conn|drain)\//,
    /^src\/server\/server_observer\.ts$/,
    /^src\/http\/((http_errors|http_observer|http_api|http_options)\.ts$|(parser|request|answer|extras|conn)\/)/,
  ]],
  [/^src\/http\//, [BASE, RUNTIME, /^src\/(server|http)\//]],
  // WebSocket's: these run in browsers, and need no socket.
  [/^src\/websocket\/(websocket_errors|farewell|beat)\.ts$/, [/^src\/errors\.ts$/]],
  [/^src\/websocket\/own_protocols\.ts$/, [/^src\/websocket\/(beat|farewell)\.ts$/]],
  [/^src\/websocket\/reconnect\//, [
    /^src\/(bytes|clock|errors|names|text_size|websocket\/(websocket_errors|farewell|beat|own_protocols))\.ts$/,
    /\/reconnect\//,
  ]],
  [/^src\/websocket\/server\//, [BASE, /^src\/server\/conn\//, /^src\/http\//, /^src\/websocket\//]],
  [/^src\/websocket\//, [BASE, RUNTIME, /^src\/(server|websocket)\//]],
  // Channels': the wire and the client run in browsers.
  [/^src\/channels\/wire\//, [/^src\/channels\/wire\//]],
  [/^src\/channels\/log\/log_api\.ts$/, []],
  [/^src\/channels\/log\//, [BASE, RUNTIME, /^src\/channels\/log\//]],
  [/^src\/channels\/redis\//, [
    BASE,
    /^src\/channels\/(redis\/|log\/log_(api|errors)\.ts$)/,
  ]],
  [/^src\/channels\/client\//, [
    /^src\/(bytes|clock|errors|names)\.ts$/,
    /^src\/websocket\/(reconnect\/|(websocket_errors|farewell|beat)\.ts$)/,
    /^src\/channels\/((wire|client)\/|(channels_errors|channel_name)\.ts$)/,
  ]],
  [/^src\/channels\/outbox\//, [BASE, RUNTIME, /^src\/channels\/(outbox|client)\//]],
  [/^src\/channels\/(channels_api|channels_errors|channels_observer|channel_name)\.ts$/, [
    BASE,
    /^src\/websocket\/mod\.ts$/,
    /^src\/channels\/(wire\/|(log\/log_api|channels_api)\.ts$)/,
  ]],
  [/^src\/channels\/server\//, [
    BASE,
    /^src\/server\/conn\/conn\.ts$/,
    /^src\/websocket\/(conn\/|close_code\.ts$)/,
    /^src\/channels\/(wire|server)\//,
    /^src\/channels\/(log\/log_api|channels_api|channels_errors|channels_observer|channel_name)\.ts$/,
  ]],
  [/^src\/channels\//, [BASE, /^src\/(server\/conn|framing|websocket|channels)\//]],
  [/^src\/watch\//, [/^mod\.ts$/, /^src\/(clock|address|files)\.ts$/, /^src\/watch\//]],
  // The way out.
  [/^src\/upstream\/upstream_errors\.ts$/, [/^src\/errors\.ts$/]],
  [/^src\/upstream\/pool\//, [BASE, /^src\/server\/conn\/conn\.ts$/, /^src\/upstream\/(pool\/|upstream_errors\.ts$)/]],
  [/^src\/upstream\/policies\//, [BASE, /^src\/upstream\/policies\//]],
  [/^src\/upstream\/http\//, [
    BASE,
    /^src\/server\/(connect|conn\/conn)\.ts$/,
    /^src\/http\/(client\/|(answer\/fields|http_api|http_errors)\.ts$)/,
    /^src\/upstream\/(pool\/|http\/|upstream_errors\.ts$)/,
  ]],
  [/^src\/upstream\/proxy\//, [
    BASE,
    /^src\/server\/conn\/conn\.ts$/,
    /^src\/http\/(client|answer|request|conn)\//,
    /^src\/http\/(http_api|lazy)\.ts$/,
    /^src\/upstream\/(http\/|proxy\/|upstream_errors\.ts$)/,
  ]],
  [/^src\/upstream\//, [/^src\/upstream\//]],
  // What is measured is known by its types alone.
  [/^src\/metrics\//, [
    BASE,
    /^mod\.ts$/,
    /^src\/(http|websocket|channels|watch|run\/config|run\/supervisor)\/mod\.ts$/,
    /^src\/metrics\//,
  ]],
  [/^src\/traces\//, [BASE, /^mod\.ts$/, /^src\/(http|channels)\/mod\.ts$/, /^src\/traces\//]],
  // Between processes.
  [/^src\/run\/supervisor\//, [
    BASE,
    RUNTIME,
    /^src\/server\/run\/signals\.ts$/,
    /^src\/run\/supervisor\//,
    /^node:/,
  ]],
  [/^src\/run\/config\//, [BASE, /^node:/, /^src\/run\/config\//]],
  [/^src\/run\/run_config\//, [
    BASE,
    /^(node:|valibot$)/,
    /^src\/server\/serve_options\.ts$/,
    /^src\/run\/(config|run_config)\//,
  ]],
  [/^src\/cli\//, [
    COMMANDS,
    /^src\/(http|websocket|channels|watch|run\/\w+|metrics|metrics\/deploy)\/mod\.ts$/,
    /^src\/cli\//,
  ]],
  // The tools are a package of their own: they stand on what everybody can import.
  [/^src\/tools\/commands\.ts$/, [KIT, /^src\/tools\/cli\/[a-z]+\/command\.ts$/]],
  [/^src\/tools\/load\/recorder/, [/^src\/tools\/load\//, /^hdr-histogram-js$/]],
  [/^src\/tools\/(load|verify|faults)\//, [CORE, /^src\/tools\/(load|verify|faults)\//]],
  [/^src\/tools\/report_page\//, [/^src\/tools\/(load\/load_api|verify\/mod)\.ts$/, /^src\/tools\/report_page\//]],
  [/^src\/tools\/cli\//, [CORE, KIT, /^node:/, /^src\/tools\/((load|verify|faults|report_page)\/mod\.ts$|cli\/)/]],
  [/^mod\.ts$/, [/^src\/(?!(cli|http|websocket|channels|watch|metrics|traces|upstream|testing|tools|run)\b)/]],
];

/** What importing an entry loads at the most, in KiB of source without comments: it grows on purpose only. */
const LOADED: readonly (readonly [entry: string, most: number])[] = [
  ["mod.ts", 270],
  ["src/http/mod.ts", 380],
  ["src/websocket/mod.ts", 537],
  ["src/websocket/reconnect/mod.ts", 49],
  ["src/channels/mod.ts", 782],
  ["src/channels/client/mod.ts", 67],
  ["src/channels/redis/mod.ts", 76],
  ["src/framing/codecs/mod.ts", 55],
  ["src/framing/rpc/mod.ts", 60],
  ["src/watch/mod.ts", 306],
  ["src/upstream/mod.ts", 315],
  ["src/upstream/policies/mod.ts", 42],
  ["src/metrics/mod.ts", 92],
  ["src/traces/mod.ts", 37],
  ["src/testing/mod.ts", 37],
  ["src/run/supervisor/mod.ts", 79],
  ["src/run/config/mod.ts", 60],
];

describe("the layers", () => {
  const sources = () => [...sourcesUnder("src"), ...sourcesUnder("adapters"), readSource("mod.ts")];

  it("name a runtime only in adapters, src/runtime.ts, the command line and between processes", () => {
    const guilty = sources()
      .filter(({ path }) => path.startsWith("src/") && path !== "src/runtime.ts" && !COMMAND.test(path))
      .flatMap(({ path, code }) => RUNTIME_NAMES.test(code) ? [`${path}: ${RUNTIME_NAMES.exec(code)![0]}`] : []);
    assertEquals(guilty, []);
  });

  it("import only from below", () => {
    assertEquals(sources().flatMap(forbiddenImports), []);
  });

  it("have no circles, those of types included", () => {
    const graph = new Map(sources().map(({ path, imports }) => [path, imports]));
    assertEquals(circlesIn(graph), []);
  });

  it("make `./http` load nothing of WebSocket, and `.` nothing of either", () => {
    const rooms = (entry: string) => [...new Set([...loadedBy(entry)].map((path) => path.split("/")[1]))];
    assert(rooms("src/http/mod.ts").includes("http"));
    assert(!rooms("src/http/mod.ts").includes("websocket"));
    assertEquals(rooms("mod.ts").filter((room) => ["http", "websocket", "cli", "tools"].includes(room)), []);
  });

  for (const [entry, most] of LOADED) {
    it(`make ${entry} load at most ${most} KiB of source, and not much less`, () => {
      const files = [...loadedWith(entry)].filter((path) => path.endsWith(".ts"));
      const bytes = files.reduce((sum, path) => sum + readSource(path).code.replace(/\s+\n/g, "\n").length, 0);
      const size = Math.round(bytes / 1024);
      assert(size <= most, `${size} KiB: load less, or raise the number on purpose`);
      assert(size > most * 0.9, `${size} KiB: lower the number to hold what was won`);
    });
  }

  it("leave a connection's state to the part that owns it", () => {
    const assigns = /\bconn\.(input|output|work|ending|times|goodbye|rhythm)(\.\w+)* ?(=[^=>]|[-+]=|\+\+|--)/;
    const writers = sources().filter(({ path, code }) => !path.startsWith("src/server/conn/") && assigns.test(code));
    assertEquals(writers.map(({ path }) => path), []);
  });

  it("are checked on code whose comments are left out and whose strings are kept", () => {
    const code = withoutComments(`const a = "http://x"; // Deno\n/* Bun */ import "node:fs";`);
    assert(code.includes("http://x") && code.includes("node:fs"));
    assert(!code.includes("Deno") && !code.includes("Bun"));
  });
});

function forbiddenImports({ path, imports }: Source): string[] {
  const layer = LAYERS.find(([file]) => file.test(path));
  if (layer === undefined) return [`${path}: no layer is known for it`];
  return imports.filter((target) => !layer[1].some((allowed) => allowed.test(target)))
    .map((target) => `${path} imports ${target}`);
}

/** All files that an entry loads, those for types included. */
function loadedBy(entry: string, found: Set<string> = new Set()): Set<string> {
  if (found.has(entry)) return found;
  found.add(entry);
  for (const target of readSource(entry).imports) if (/^(mod\.ts|src\/)/.test(target)) loadedBy(target, found);
  return found;
}

/** The strongly connected components of more than one file (Tarjan's algorithm). */
function circlesIn(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const circles: string[][] = [];
  const visit = (path: string): void => {
    index.set(path, index.size);
    low.set(path, index.get(path)!);
    stack.push(path);
    for (const target of graph.get(path)!) {
      if (!graph.has(target)) continue;
      if (!index.has(target)) visit(target);
      if (stack.includes(target)) low.set(path, Math.min(low.get(path)!, low.get(target)!));
    }
    if (low.get(path) !== index.get(path)) return;
    const circle = stack.splice(stack.indexOf(path));
    if (circle.length > 1) circles.push(circle.sort());
  };
  for (const path of graph.keys()) if (!index.has(path)) visit(path);
  return circles;
}
