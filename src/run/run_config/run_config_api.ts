/**
 * What stands in a `sluice.json`. Types only; durations are in ms once it was read.
 *
 * @module
 */
import type { ConfigureOptions } from "../../server/serve_options.ts";

/** Limits of all servers of a program: what `configure()` takes, as far as JSON can say it. */
export interface RunLimits extends Omit<ConfigureOptions, "admit" | "rejectWith"> {
  /** Last words to a rejected connection. @default none */
  rejectWith?: string;
}

/** Certificate and key of the port that `sluice run` serves itself. */
export interface RunTls {
  /** File of the certificate chain (PEM). */
  certFile: string;
  /** File of its private key (PEM). */
  keyFile: string;
}

/** A socket that workers find by name: `listen({ inherit: "http" })`. */
export interface RunSocket {
  /** Its name. */
  name: string;
  /** TCP port; 0 for any free one. */
  port?: number;
  /** Address to bind. @default all addresses */
  host?: string;
  /** Path of a Unix socket, in place of port and host. @default none */
  unix?: string;
}

/** A `sluice.json` that was read and checked. Paths in it are whole ones; what it leaves out is undefined. */
export interface RunConfig {
  /** The program, or the module that is served. @default that of the command line */
  program?: string;
  /** Name in status and logs. @default that of the program */
  name?: string;
  /** Processes that serve at once. @default one for each core that the process may use */
  workers?: number;
  /** Longest that a worker may take from its SIGTERM to its end. @default 30000 */
  grace?: number;
  /** Longest that a new worker may take until it is ready. @default 30000 */
  readyTimeout?: number;
  /** A new worker is ready for so long before the old one goes. @default 500 */
  stable?: number;
  /** A worker that says nothing for so long is named; 0 for never. @default 30000 */
  hangTimeout?: number;
  /** Replaces a worker that hangs. @default false */
  replaceHung?: boolean;
  /** Reloads when files of the program change. @default false */
  watch?: boolean;
  /** Files with variables for the workers, the last one first asked. @default none */
  envFile?: readonly string[];
  /** Variables for the workers. @default none */
  env?: Readonly<Record<string, string>>;
  /** Arguments for the runtime, before the program. @default none */
  runtimeArgs?: readonly string[];
  /** Arguments for the program. @default none */
  args?: readonly string[];
  /** TCP port of a module that is served itself; 0 for any free one. @default `PORT` of the environment, or 8000 */
  port?: number;
  /** Address of that port. @default all addresses */
  host?: string;
  /** Path of a Unix socket, in place of port and host. @default none */
  unix?: string;
  /** Certificate and key of that port. @default none */
  tls?: RunTls;
  /** Path of the socket by which `sluice status`, `reload` and `stop` reach it. @default by its name */
  control?: string;
  /** File for the reports of reloads and the stop. @default none */
  report?: string;
  /** Where it serves what workers count with `Metrics`, added up: a port, or an address and a port. @default nowhere */
  metrics?: string;
  /** At the stop it waits so long for one more scrape of them. @default 0 */
  lastScrape?: number;
  /** Sockets that workers find by name. @default none */
  sockets?: readonly RunSocket[];
  /** Limits of all servers. @default those of the program */
  limits?: RunLimits;
}
