/**
 * nginx before the program.
 *
 * @module
 */
import type { GeneratedFile, Plan } from "./plan.ts";
import { SIZES, TIMES, withUnit } from "./times.ts";

/** Its configuration, whole: it can be run as it is. */
export function nginxFiles(plan: Plan): GeneratedFile[] {
  return [{ path: "deploy/nginx.conf", text: plan.kind === "tcp" ? tcp(plan) : http(plan) }];
}

/** @param modules What is loaded first. */
function main(modules: string): string {
  return `# nginx -t -c FILE checks it, nginx -c FILE runs it; FILE is this one, from the root of the file system.
${modules}worker_processes auto;
# Old workers let their connections end for so long when this file is loaded anew.
worker_shutdown_timeout ${withUnit(TIMES.stopLimit)};

events {
  # A client's and its server's.
  worker_connections ${2 * SIZES.connections};
}
`;
}

/**
 * nginx asks no server for its health: it learns by a connection that is refused. So it sends connections until the
 * listener closes, and those that wait in its queue then are reset.
 */
function server({ kind, port }: Plan): string {
  if (kind === "channels") {
    return `# One server, as one process has the log's folder: while it is started anew clients get 502, and come back by
    # themselves. Of several that share a log (redisLog) any will do: nobody has to come back to the one that he was at.
    server 127.0.0.1:${port};`;
  }
  return `# To take a server out: write down behind it, and nginx -s reload, before it is stopped. nginx doesn't ask for
    # its health, and what it has just sent there is lost when the port closes, unless it may be done twice. A reload
    # of the program (SIGHUP, sluice reload) closes no port and needs none of that.
    server 127.0.0.1:${port} max_fails=1 fail_timeout=${withUnit(TIMES.failTimeout)};`;
}

const UPGRADES = `  map $http_upgrade $connection_upgrade {
    default upgrade;
    "" "";
  }

`;

function http(plan: Plan): string {
  const isUpgraded = plan.kind === "ws" || plan.kind === "channels";
  const connection = isUpgraded
    ? `proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;`
    : `proxy_set_header Connection "";`;
  return `${main("")}
http {
${isUpgraded ? UPGRADES : ""}  upstream app {
    zone app 64k;
    ${server(plan)}
    keepalive 32;
    # An idle connection is closed here before the server's lame duck is over, so that no request crosses its end.
    keepalive_timeout ${withUnit(TIMES.upstreamIdle)};
  }

  server {
    listen ${plan.proxyPort};
    client_header_timeout ${withUnit(TIMES.requestHead)};
    keepalive_timeout ${withUnit(TIMES.clientIdle)};

    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      ${connection}
      proxy_connect_timeout ${withUnit(TIMES.connect)};
      proxy_read_timeout ${withUnit(TIMES.silence)};
      proxy_send_timeout ${withUnit(TIMES.silence)};
      # Asked once more is only what may be done twice, or what was never sent.
      proxy_next_upstream error timeout http_503;
      proxy_next_upstream_tries 3;
    }
  }
}
`;
}

function tcp(plan: Plan): string {
  return `${
    main(
      "# The module stream is one of its own in many packages: libnginx-mod-stream.\ninclude /etc/nginx/modules-enabled/*.conf;\n\n",
    )
  }
stream {
  upstream app {
    zone app 64k;
    least_conn;
    ${server(plan)}
  }

  server {
    listen ${plan.proxyPort};
    proxy_pass app;
    proxy_connect_timeout ${withUnit(TIMES.connect)};
    proxy_timeout ${withUnit(TIMES.silence)};
    proxy_next_upstream on;
    # Tells who the client is; the program must be told to expect it: proxyProtocol.
    # proxy_protocol on;
  }
}
`;
}
