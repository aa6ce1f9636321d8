/**
 * `sluice faults`: the fault proxy.
 *
 * @module
 */
import {
  formatAddress,
  formatReport,
  formatUrl,
  listenHint,
  type Print,
  StartError,
  type ToolCommand,
  UsageError,
} from "@sluice/sluice/cli/kit";
import process from "node:process";
import { jsonLogger, ListenError, type Logger, prettyLogger, run, type RunReport, type Server } from "@sluice/sluice";
import { faultControl, type FaultEndpoint, type FaultProxy, startFaultProxy } from "../../faults/mod.ts";
import { serveHttp } from "@sluice/sluice/http";
import { type FaultsInput, faultsOf, ROWS } from "./faults_options.ts";

const ABOUT =
  `A TCP proxy in front of a server that lets go wrong what it is told to, for tests. Several faults combine. Without
one it is transparent: bytes, FIN, reset and backpressure pass both ways. With the same --seed the n-th connection
meets the same faults. SIGTERM or Ctrl-C drains it; what a stall or a partition holds up passes then.

A reset by --refuse comes after the connection is made: a port that listens can't refuse.

--control serves HTTP:
  GET  /faults             the seed and the faults, as JSON
  PUT  /faults             replaces them: [{"kind":"latency","ms":50,"jitter":20,"direction":"up","share":0.5}]
  POST /partition?ms=5000  lets nothing pass for so long, on any connection; 0 ends it
  GET  /stats              connections, bytes, and how often each fault was done

Faults: latency {ms, jitter}, bandwidth {bytesPerSecond}, slice {bytes, delay}, reset {afterBytes, chance},
stall {afterBytes}, slowClose {ms}, halfOpen, refuse, partition {ms}; each with direction and share.
`;

const EXAMPLES = `  sluice faults --listen 9001 --upstream 9000 --latency 50ms~20ms --bandwidth 64KiB/s
  sluice faults --listen 9001 --upstream 9000 --reset-chance 0.01 --share 0.1 --seed 7
  sluice faults --listen 9001 --upstream unix:/tmp/app.sock --control 8474
  curl -X PUT 127.0.0.1:8474/faults -d '[{"kind":"stall","direction":"down"}]'
`;

/** The tool. */
export const COMMAND: ToolCommand = {
  name: "faults",
  usage: "sluice faults --upstream WHERE [options]",
  about: ABOUT,
  examples: EXAMPLES,
  rows: ROWS,
  operands: [0, 0],
  run: (input, print) => faults(input.options as FaultsInput, print),
};

async function faults(input: FaultsInput, print: Print): Promise<number> {
  const { upstream, listen, seed, control, grace } = input;
  if (upstream === undefined) throw new UsageError("There is no --upstream, e.g. --upstream 9000");
  const logger = makeLogger();
  const wrong = faultsOf(input);
  const proxy = await opened(
    () => startFaultProxy({ upstream, listen, seed, faults: wrong, logger }),
    "--listen",
  );
  const servers = [proxy.server];
  if (control !== undefined) servers.push(await openControl(proxy, control, logger));
  const running = run(servers, { grace, logger, onReport: (report) => printReport(proxy, report, print) });
  // Not before: whoever reads that it runs may send a signal at once.
  for (const line of greeting(proxy, upstream, servers[1])) print(line);
  return (await running).exitCode;
}

async function openControl(proxy: FaultProxy, at: FaultEndpoint, logger: Logger): Promise<Server> {
  try {
    const options = { name: "control", hostname: "127.0.0.1", ...at, logger };
    return await opened(() => serveHttp(options, faultControl(proxy)), "--control");
  } catch (error) {
    await proxy.close();
    throw error;
  }
}

async function opened<T>(open: () => Promise<T>, flag: string): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    throw new StartError(error.message, listenHint(error, flag), { cause: error });
  }
}

function greeting(proxy: FaultProxy, upstream: FaultEndpoint, control: Server | undefined): string[] {
  const { hostname = "127.0.0.1", port = 0, path } = upstream;
  const behind = formatAddress(
    path === undefined ? { transport: "tcp", hostname, port } : { transport: "unix", path },
  );
  const lines = [
    `listening on ${formatAddress(proxy.address)}, in front of ${behind}`,
    `seed ${proxy.seed}`,
    `faults ${JSON.stringify(proxy.faults)}`,
  ];
  if (control !== undefined) lines.push(`control ${formatUrl(control.address)}faults`);
  return lines;
}

async function printReport(proxy: FaultProxy, { reports }: RunReport, print: Print): Promise<void> {
  await print(JSON.stringify({ seed: proxy.seed, ...proxy.stats() }));
  const [report] = reports;
  await print(process.stdout.isTTY === true ? formatReport(report) : JSON.stringify(report));
}

function makeLogger(): Logger {
  return (process.stderr.isTTY === true ? prettyLogger : jsonLogger)({ level: "warn" });
}
