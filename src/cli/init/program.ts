/**
 * The program that `sluice init` writes, and what its runtime wants beside it.
 *
 * @module
 */
import type { GeneratedFile, Kind, Plan } from "./plan.ts";
import { channelsClient, channelsProgram } from "./channels_program.ts";
import { CLIENT, CORE, FACTS, HTTP, PACKAGE, PROGRAM, WANTED, WEBSOCKET } from "./runtimes.ts";
import { digits, SIZES, TIMES } from "./times.ts";

/** The program and the runtime's own files. */
export function programFiles(plan: Plan): GeneratedFile[] {
  const programs = [
    { path: PROGRAM, text: PROGRAMS[plan.kind](plan) },
    ...(hasClient(plan) ? [{ path: CLIENT, text: channelsClient(plan) }] : []),
  ];
  if (plan.runtime === "deno") return [...programs, { path: "deno.json", text: json(denoJson(plan)) }];
  return [
    ...programs,
    { path: "package.json", text: json(packageJson(plan)) },
    { path: "tsconfig.json", text: json(tsconfig(plan)) },
  ];
}

const PROGRAMS = { http: httpProgram, ws: wsProgram, tcp: tcpProgram, channels: channelsProgram } as const;

/** Whether a program comes along that talks to the server: curl, nc and a browser's console can't. */
function hasClient({ kind }: Plan): boolean {
  return kind === "channels";
}

/** How the program stops: the same for every kind. */
const STOP = `{ grace: ${digits(TIMES.grace)}, lameDuck: Number(LAME_DUCK) }`;

function head(what: string, plan: Plan): string {
  const health = plan.kind === "tcp" ? "PORT, and probes on HEALTH_PORT" : "PORT";
  return `/**
 * ${what}
 *
 *     ${FACTS[plan.runtime].start}
 *
 * Listens on ${health}. SIGTERM drains it: what clients have sent is answered, and a report says what the stop cost.
 * LAME_DUCK is how long it serves on first, in ms: what a balancer needs to see that it is not ready any more. The
 * files for balancers set it; without one it is 0.
 */
import process from "node:process";
`;
}

function environment({ kind, port, healthPort }: Plan): string {
  const more = kind === "tcp" ? `HEALTH_PORT = "${healthPort}", ` : "";
  return `const { PORT = "${port}", ${more}LAME_DUCK = "0" } = process.env;`;
}

function httpProgram(plan: Plan): string {
  return `${head(`${plan.name}: an HTTP server.`, plan)}import { run } from ${CORE};
import { healthHandler, reply, serveHttp } from ${HTTP};

${environment(plan)}

const health = healthHandler();

const server = serveHttp(
  { name: "${plan.name}", port: Number(PORT), maxConnections: ${digits(SIZES.connections)} },
  (request, ctx) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/") return reply("hello from ${plan.name}\\n");
    if (pathname === "/livez" || pathname === "/readyz") return health(request, ctx);
    return reply("not found\\n", { status: 404 });
  },
);

await run(server, ${STOP});
`;
}

function wsProgram(plan: Plan): string {
  return `${head(`${plan.name}: what one client says on /ws, all of them hear.`, plan)}import { run } from ${CORE};
import { healthHandler, reply, serveHttp } from ${HTTP};
import { Hub, upgradeWebSocket } from ${WEBSOCKET};

${environment(plan)}

const health = healthHandler();
const hub = new Hub();

const server = serveHttp(
  { name: "${plan.name}", port: Number(PORT), maxConnections: ${digits(SIZES.connections)} },
  (request, ctx) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/ws") {
      return upgradeWebSocket(request, async (ws) => {
        hub.subscribe(ws, "all");
        for await (const message of ws) hub.publish("all", message);
      });
    }
    if (pathname === "/livez" || pathname === "/readyz") return health(request, ctx);
    return reply("${plan.name} speaks WebSocket on /ws\\n", { status: pathname === "/" ? 200 : 404 });
  },
);

await run(server, ${STOP});
`;
}

function tcpProgram(plan: Plan): string {
  return `${head(`${plan.name}: answers every line.`, plan)}import { lines, run, serve } from ${CORE};
import { healthHandler, serveHttp } from ${HTTP};

${environment(plan)}

const server = await serve(
  {
    name: "${plan.name}",
    port: Number(PORT),
    maxConnections: ${digits(SIZES.connections)},
    idleTimeout: ${digits(TIMES.idleTimeout)},
  },
  async (conn) => {
    for await (const line of lines(conn)) await conn.write(\`echo: \${line}\\n\`);
  },
);
const probes = await serveHttp(
  { name: "health", port: Number(HEALTH_PORT) },
  healthHandler({ servers: [server] }),
);

// Probes are answered until the other has stopped.
await run([server, [probes]], ${STOP});
`;
}

function packageJson(plan: Plan): unknown {
  const { name, runtime } = plan;
  const types = runtime === "node" ? { "@types/node": "^24.0.0" } : { "@types/bun": "^1.3.0" };
  return {
    name,
    version: "0.0.0",
    private: true,
    type: "module",
    // Below it Node doesn't run TypeScript by itself.
    ...(runtime === "node" ? { engines: { node: ">=22.18" } } : {}),
    scripts: {
      start: FACTS[runtime].start,
      ...(hasClient(plan) ? { client: FACTS[runtime].client } : {}),
      check: "tsc",
    },
    dependencies: { [PACKAGE]: WANTED },
    devDependencies: { ...types, typescript: "^5.9.0" },
  };
}

function tsconfig(plan: Plan): unknown {
  return {
    compilerOptions: {
      target: "ES2022",
      lib: ["ES2023", "DOM", "DOM.Iterable", "DOM.AsyncIterable", "ESNext.Disposable"],
      module: "NodeNext",
      types: [plan.runtime],
      strict: true,
      erasableSyntaxOnly: true,
      verbatimModuleSyntax: true,
      allowImportingTsExtensions: true,
      noEmit: true,
      skipLibCheck: true,
    },
    include: programsOf(plan),
  };
}

function denoJson(plan: Plan): unknown {
  return {
    imports: { [PACKAGE]: `jsr:${PACKAGE}@${WANTED}` },
    tasks: {
      start: `deno run ${PERMISSIONS[plan.kind]} ${PROGRAM}`,
      ...(hasClient(plan) ? { client: FACTS.deno.client } : {}),
      check: `deno check ${programsOf(plan).join(" ")}`,
    },
  };
}

/** What Deno lets the program do: a log in files wants its folder, which LOG_DIR may put anywhere. */
const PERMISSIONS: Readonly<Record<Kind, string>> = {
  http: "--allow-net --allow-env=PORT,LAME_DUCK",
  ws: "--allow-net --allow-env=PORT,LAME_DUCK",
  tcp: "--allow-net --allow-env=PORT,HEALTH_PORT,LAME_DUCK",
  channels: "--allow-net --allow-env=PORT,LOG_DIR,CHANNELS_SECRET,LAME_DUCK --allow-read --allow-write",
};

function programsOf(plan: Plan): string[] {
  return hasClient(plan) ? [PROGRAM, CLIENT] : [PROGRAM];
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
