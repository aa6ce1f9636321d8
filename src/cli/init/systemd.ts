/**
 * Units for systemd: it holds the sockets, so not even a restart of the supervisor refuses a connection.
 *
 * @module
 */
import { type GeneratedFile, isProxied, isSingle, type Plan, type Runtime } from "./plan.ts";
import { runCommand } from "./runtimes.ts";
import { inSeconds, SIZES, TIMES } from "./times.ts";

/** One socket unit for each port, and the service. */
export function systemdFiles(plan: Plan): GeneratedFile[] {
  const sockets = socketsOf(plan);
  const files = sockets.map((socket) => ({ path: socket.unit, text: socketUnit(plan, socket) }));
  const service = { path: `${plan.name}.service`, text: serviceUnit(plan, sockets.map(({ unit }) => unit)) };
  return [...files, service].map(({ path, text }) => ({ path: `deploy/systemd/${path}`, text }));
}

interface Socket {
  readonly unit: string;
  /** The descriptor's, by which a program can ask for it. */
  readonly name: string;
  readonly port: number;
}

function socketsOf({ name, kind, port, healthPort }: Plan): Socket[] {
  if (kind !== "tcp") return [{ unit: `${name}.socket`, name: "http", port }];
  return [
    { unit: `${name}.socket`, name: "tcp", port },
    { unit: `${name}-health.socket`, name: "health", port: healthPort },
  ];
}

function socketUnit({ name }: Plan, socket: Socket): string {
  return `[Unit]
Description=Port ${socket.port} of ${name}

[Socket]
ListenStream=${socket.port}
# IPv4 comes to the same socket, whatever the system's default is.
BindIPv6Only=both
FileDescriptorName=${socket.name}
Service=${name}.service
Backlog=1024

[Install]
WantedBy=sockets.target
`;
}

/** What a runtime wants of the file system, with a user that has no home. */
const PLACES: Readonly<Record<Runtime, (name: string) => string>> = {
  node: () => "",
  bun: () => "",
  deno: (name) => `CacheDirectory=${name}\nEnvironment=DENO_DIR=/var/cache/${name}\n`,
};

function serviceUnit(plan: Plan, sockets: readonly string[]): string {
  return `# cp deploy/systemd/* /etc/systemd/system/ && systemctl daemon-reload
# systemctl enable --now ${sockets.join(" ")} ${plan.name}.service
# systemctl reload ${plan.name}.service: new workers for old ones, and no connection lost
${head(plan)}[Unit]
Description=${plan.name}
Requires=${sockets.join(" ")}
After=network-online.target ${sockets.join(" ")}
Wants=network-online.target

[Service]
Type=notify
# Runtimes without datagram sockets tell it by systemd-notify, a process of its own.
NotifyAccess=all
Sockets=${sockets.join(" ")}
WorkingDirectory=/opt/${plan.name}
${environment(plan)}${log(plan)}${PLACES[plan.runtime](plan.name)}ExecStart=${execLine(plan)}
ExecReload=kill -HUP $MAINPID
# SIGTERM is the supervisor's alone, which drains its workers; what is left at the end is killed with it.
KillMode=mixed
TimeoutStartSec=${inSeconds(TIMES.startLimit)}
TimeoutStopSec=${inSeconds(TIMES.stopLimit)}
WatchdogSec=${inSeconds(TIMES.watchdog)}
Restart=on-failure
RestartSec=1
# A wrong command line gets no better.
RestartPreventExitStatus=2
LimitNOFILE=${SIZES.descriptors}
# Its control socket: XDG_RUNTIME_DIR=/run/${plan.name} sluice status ${plan.name}
RuntimeDirectory=${plan.name}
Environment=XDG_RUNTIME_DIR=%t/${plan.name}
${HARDENING}
[Install]
WantedBy=multi-user.target
`;
}

function environment(plan: Plan): string {
  const health = plan.kind === "tcp" ? ` HEALTH_PORT=${plan.healthPort}` : "";
  const variables = `Environment=NODE_ENV=production PORT=${plan.port}${health}\n`;
  return isProxied(plan) && plan.kind !== "channels"
    ? `${variables}# Until the proxy before it has noticed that it is not ready any more.\nEnvironment=LAME_DUCK=${TIMES.lameDuck}\n`
    : variables;
}

/** What a reload costs where one process has a folder at a time. */
function head({ kind, name }: Plan): string {
  if (kind !== "channels") return "";
  return `#
# One process has the log's folder: in a reload the new one is let in, and its clients come to live again when the old one
# has drained. It refuses nobody meanwhile, and nothing is lost.
# CHANNELS_SECRET stands in /etc/${name}.env, the same at each start, for root's eyes alone:
# (umask 077; echo "CHANNELS_SECRET=$(openssl rand -hex 32)" > /etc/${name}.env)
`;
}

/** The folder of all messages, /var/lib/NAME, and the secret. */
function log({ kind, name }: Plan): string {
  if (kind !== "channels") return "";
  return `StateDirectory=${name}
Environment=LOG_DIR=%S/${name}
EnvironmentFile=/etc/${name}.env
`;
}

/** systemd looks for a bare name where programs are installed. */
function execLine(plan: Plan): string {
  // With more than one, not all would hear a hub, and only one would have the log.
  return runCommand(plan, isSingle(plan) ? 1 : undefined).join(" ");
}

/** What a server needs none of. MemoryDenyWriteExecute is not among it: the runtimes compile while they run. */
const HARDENING = `
DynamicUser=yes
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
`;
