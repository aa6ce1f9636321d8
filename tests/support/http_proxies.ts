/** HAProxy and nginx in front of servers, configured as a careful operator would. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pause } from "./http_loads.ts";
import { toolPath } from "./http_tools.ts";
import { type Program, startCommand, within } from "./processes.ts";

/** A proxy at work; `await using` ends it. */
export interface Proxy extends AsyncDisposable {
  readonly port: number;
  readonly origin: string;
  readonly program: Program;
  /** Its configuration. */
  readonly file: string;
  /** Where HAProxy answers questions. */
  readonly socket: string;
}

/** Milliseconds between two health checks, and how many failures take a server out. */
export const CHECK_INTERVAL = 50;
export const CHECK_FALL = 2;

/** A port that is free now: these programs cannot be asked which one they chose. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as net.AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

function haproxyConfig(port: number, backends: readonly number[], dir: string): string {
  const servers = backends.map((backend, i) => `  server app${i} 127.0.0.1:${backend} check`);
  return `
global
  maxconn 2000
  stats socket ${dir}/stats.sock

defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
  timeout check 1s
  timeout http-keep-alive 5s
  option redispatch
  http-reuse always

frontend web
  bind 127.0.0.1:${port}
  default_backend app

backend app
  balance roundrobin
  option httpchk GET /readyz
  http-check expect status 200
  default-server inter ${CHECK_INTERVAL}ms fall ${CHECK_FALL} rise 1
${servers.join("\n")}
`;
}

/** What a test's nginx needs around its servers. */
function nginxAround(servers: string, dir: string): string {
  const user = process.getuid?.() === 0 ? "user root root;" : "";
  return `
${user}
daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi;
  scgi_temp_path ${dir}/scgi;
${servers}
}
`;
}

function nginxConfig(port: number, backends: readonly number[], dir: string): string {
  return nginxAround(
    `
  client_max_body_size 8m;
  upstream app {
    ${backends.map((backend) => `server 127.0.0.1:${backend};`).join("\n    ")}
    keepalive 16;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }`,
    dir,
  );
}

/** Starts HAProxy in front of the ports; returns when it forwards. */
export function haproxy(backends: readonly number[]): Promise<Proxy> {
  return startProxy("haproxy", (port, file, dir) => {
    writeFileSync(file, haproxyConfig(port, backends, dir));
    return ["-db", "-f", file];
  });
}

/** Starts nginx in front of the ports; returns when it forwards. */
export function nginx(backends: readonly number[]): Promise<Proxy> {
  return startProxy("nginx", (port, file, dir) => {
    writeFileSync(file, nginxConfig(port, backends, dir));
    return ["-p", dir, "-e", "stderr", "-c", file];
  });
}

/** Starts either with a snippet of its configuration, in which it listens on port 80 and forwards to 8080. */
export function proxyFrom(name: "nginx" | "haproxy", snippet: string, backend: number): Promise<Proxy> {
  return startProxy(name, (port, file, dir) => {
    const text = snippet.replace("listen 80", `listen 127.0.0.1:${port}`).replace("bind :80", `bind 127.0.0.1:${port}`)
      .replace("127.0.0.1:8080", `127.0.0.1:${backend}`);
    writeFileSync(file, name === "nginx" ? nginxAround(text, dir) : text);
    return name === "nginx" ? ["-p", dir, "-e", "stderr", "-c", file] : ["-db", "-f", file];
  });
}

/**
 * Starts either with a whole configuration of its own. `at` is where it says to listen, and stands in `text`; for what
 * is no HTTP, `isReady` says when it forwards.
 */
export function proxyOf(
  name: "nginx" | "haproxy",
  text: string,
  at: string,
  isReady?: (port: number) => Promise<void>,
): Promise<Proxy> {
  return startProxy(name, (port, file, dir) => {
    const here = text.replace(at, at.replace(/:?\d+$/, ` 127.0.0.1:${port}`));
    writeFileSync(file, name === "nginx" ? nginxWithin(here, dir) : here);
    return name === "nginx" ? ["-e", "stderr", "-c", file, "-g", nginxGlobals(dir)] : ["-db", "-f", file];
  }, isReady);
}

/** What nginx writes to, if it isn't told, is root's. */
function nginxWithin(text: string, dir: string): string {
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${dir}/${name};`);
  return text.replace(/^http \{$/m, `http {\n  access_log off;\n  ${paths.join("\n  ")}`);
}

/** Directives that stand outside of its configuration. */
export function nginxGlobals(dir: string): string {
  return `${process.getuid?.() === 0 ? "user root root; " : ""}daemon off; pid ${dir}/nginx.pid;`;
}

/** Starts either; `configure` writes its file and gives its arguments, `isReady` fulfils when it forwards. */
export async function startProxy(
  name: string,
  configure: (port: number, file: string, dir: string) => string[],
  isReady: (port: number) => Promise<void> = (port) => forwards(`http://127.0.0.1:${port}`),
): Promise<Proxy> {
  const dir = mkdtempSync(join(tmpdir(), `sluice-${name}-`));
  const port = await freePort();
  const file = join(dir, "proxy.conf");
  const program = startCommand([toolPath(name) ?? name, ...configure(port, file, dir)]);
  const end = async () => {
    // It has workers that must go too, so it is asked.
    program.signal("SIGTERM");
    await program.exited().catch(() => program.kill());
    rmSync(dir, { recursive: true, force: true });
  };
  const origin = `http://127.0.0.1:${port}`;
  try {
    await within(Promise.race([isReady(port), endedEarly(program)]), 60_000, () => `${name}\n${program.stderr}`);
  } catch (error) {
    await program.kill();
    rmSync(dir, { recursive: true, force: true });
    throw error;
  }
  return { port, origin, program, file, socket: `${dir}/stats.sock`, [Symbol.asyncDispose]: end };
}

async function endedEarly(program: Program): Promise<never> {
  const { code, stderr } = await program.exited();
  throw new Error(`the proxy ended with ${code}: ${stderr}`);
}

/** Fulfils when the proxy has a server behind it. */
async function forwards(origin: string): Promise<void> {
  for (;;) {
    const status = await fetch(`${origin}/livez`).then(async (answer) => {
      await answer.body?.cancel();
      return answer.status;
    }, () => 0);
    if (status === 200) return;
    await pause(20);
  }
}

/** Fulfils when HAProxy calls so many servers healthy. */
export async function healthy(proxy: Proxy, servers: number): Promise<void> {
  const wait = async () => {
    while ((await statistics(proxy)).filter((line) => /^app,app\d.*,UP,/.test(line)).length < servers) await pause(10);
  };
  await within(wait(), 5000, () => `${servers} healthy servers\n${proxy.program.stderr}`);
}

/** HAProxy's own words about its servers, as lines of CSV. */
function statistics(proxy: Proxy): Promise<string[]> {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = net.connect({ path: proxy.socket }, () => socket.write("show stat\n"));
    socket.setEncoding("utf8").on("data", (more: string) => text += more);
    socket.on("error", reject).on("end", () => resolve(text.split("\n")));
  });
}
