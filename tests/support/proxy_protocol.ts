/** HAProxy and nginx as proxies that name their clients to the servers behind them. */
import { existsSync, writeFileSync } from "node:fs";
import net from "node:net";
import process from "node:process";
import { pause } from "./apps.ts";
import { type Proxy, startProxy } from "./http_proxies.ts";
import { TEST_CERT, TEST_KEY } from "./tls.ts";

/** Where Debian puts the module that lets nginx forward TCP. */
const NGINX_STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so";

/** What the option `skip` of a test takes: why nginx can't forward TCP here, or false if it can. */
export function skipWithoutStream(): string | false {
  if (existsSync(NGINX_STREAM)) return false;
  const reason = "nginx has no stream module: apt-get install libnginx-mod-stream";
  // Deno and Bun don't print the reason that they are given.
  console.log(`skipped: ${reason}`);
  return reason;
}

/** How HAProxy forwards to one server. */
export interface Forwarding {
  /** Where the server is: a port of this machine, or the path of a Unix socket. */
  readonly to: number | string;
  /** Words behind the server's address, such as `send-proxy`. */
  readonly words: string;
  /** Speaks TLS with clients. */
  readonly secure?: boolean;
  /** Other lines of its backend. */
  readonly lines?: readonly string[];
}

/** Starts HAProxy; it forwards from the ports in the order of `ways`. */
export function haproxyFor(ways: readonly Forwarding[], ports: readonly number[]): Promise<Proxy> {
  return startProxy("haproxy", (_port, file, dir) => {
    writeFileSync(`${dir}/cert.pem`, TEST_CERT + TEST_KEY);
    writeFileSync(file, haproxyText(ways, ports, dir));
    return ["-db", "-f", file];
  }, () => Promise.all(ports.map(listens)).then(() => {}));
}

function haproxyText(ways: readonly Forwarding[], ports: readonly number[], dir: string): string {
  const parts = ways.map(({ to, words, secure, lines = [] }, i) => `
frontend in${i}
  bind 127.0.0.1:${ports[i]} ${secure ? `ssl crt ${dir}/cert.pem alpn who` : ""}
  unique-id-format conn-%pid-%rt
  default_backend out${i}

backend out${i}
  ${lines.join("\n  ")}
  server s ${typeof to === "number" ? `127.0.0.1:${to}` : `unix@${to}`} ${words}
`);
  return `
global
  maxconn 1000
  stats socket ${dir}/stats.sock

defaults
  mode tcp
  timeout connect 2s
  timeout client 20s
  timeout server 20s
  timeout check 1s
  default-server inter 50ms fall 2 rise 1
${parts.join("")}`;
}

/** Starts nginx; it forwards from the port to each server and names the client in a header of version 1. */
export function nginxFor(servers: readonly (number | string)[], ports: readonly number[]): Promise<Proxy> {
  return startProxy("nginx", (_port, file, dir) => {
    const parts = servers.map((to, i) => `
  server {
    listen 127.0.0.1:${ports[i]};
    proxy_pass ${typeof to === "number" ? `127.0.0.1:${to}` : `unix:${to}`};
    proxy_protocol on;
  }`);
    writeFileSync(
      file,
      `
load_module ${NGINX_STREAM};
${process.getuid?.() === 0 ? "user root root;" : ""}
daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
stream {${parts.join("")}
}
`,
    );
    return ["-p", dir, "-e", "stderr", "-c", file];
  }, () => Promise.all(ports.map(listens)).then(() => {}));
}

/** Fulfils when somebody listens there. */
async function listens(port: number): Promise<void> {
  while (!(await canConnect(port))) await pause(20);
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    }).once("error", () => resolve(false));
  });
}
