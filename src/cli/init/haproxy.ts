/**
 * HAProxy before the program.
 *
 * @module
 */
import type { GeneratedFile, Plan } from "./plan.ts";
import { SIZES, TIMES, withUnit } from "./times.ts";

/** Its configuration. */
export function haproxyFiles(plan: Plan): GeneratedFile[] {
  return [{ path: "deploy/haproxy.cfg", text: plan.kind === "tcp" ? tcp(plan) : http(plan) }];
}

const GLOBAL = `# haproxy -c -f deploy/haproxy.cfg checks it, haproxy -W -f deploy/haproxy.cfg runs it.
global
  log stdout format raw local0
  maxconn ${SIZES.connections}
  # An old process lets its connections end for so long when this file is loaded anew.
  hard-stop-after ${withUnit(TIMES.stopLimit)}
`;

/** A server that drains fails its check well within its lame duck; connections that it has are served to their end. */
function servers({ kind, port, healthPort }: Plan): string {
  const more = kind === "channels"
    ? `  # One server, as one process has the log's folder. Of several that share a log (redisLog) any will do: nobody has to
  # come back to the one that he was at.
`
    : "";
  const health = healthPort === port ? "" : ` port ${healthPort}`;
  return `  option httpchk GET /readyz
  http-check expect status 200
  default-server inter ${withUnit(TIMES.checkInterval)} fall ${TIMES.checkFall} rise ${TIMES.checkRise}
  # send-proxy-v2 at the end of the line tells who the client is; the program must be told to expect it: proxyProtocol.
${more}  server app1 127.0.0.1:${port} check${health}
`;
}

function http(plan: Plan): string {
  return `${GLOBAL}
defaults
  mode http
  log global
  option httplog
  option dontlognull
  # A client's idle connection is closed behind an answer that says so, and not in the face of its next request.
  option idle-close-on-response
  option redispatch
  retries 3
  timeout connect ${withUnit(TIMES.connect)}
  timeout check ${withUnit(TIMES.probeTimeout)}
  timeout http-request ${withUnit(TIMES.requestHead)}
  timeout http-keep-alive ${withUnit(TIMES.clientIdle)}
  timeout client ${withUnit(TIMES.silence)}
  timeout server ${withUnit(TIMES.silence)}
  timeout tunnel ${withUnit(TIMES.silence)}

frontend web
  bind :${plan.proxyPort}
  # What a client says of its own address is no proxy's word.
  http-request del-header Forwarded
  http-request del-header X-Forwarded-For
  option forwardfor
  default_backend app

backend app
  balance leastconn
  # Asked once more is only what may be done twice.
  retry-on conn-failure empty-response
  http-request disable-l7-retry unless { method GET HEAD OPTIONS }
${servers(plan)}`;
}

function tcp(plan: Plan): string {
  return `${GLOBAL}
defaults
  mode tcp
  log global
  option tcplog
  option dontlognull
  option redispatch
  retries 3
  timeout connect ${withUnit(TIMES.connect)}
  timeout check ${withUnit(TIMES.probeTimeout)}
  timeout client ${withUnit(TIMES.silence)}
  timeout server ${withUnit(TIMES.silence)}

frontend lines
  bind :${plan.proxyPort}
  default_backend app

backend app
  balance leastconn
${servers(plan)}`;
}
