/**
 * `sluice echo`: the line server.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { createServer, type TlsListenOptions } from "../../mod.ts";
import { answerLines } from "./answer_lines.ts";
import { StartError } from "./usage_errors.ts";
import { flagOf } from "./hints.ts";
import { DEFAULT_HOST, DEFAULT_TCP_PORT, type EchoOptions, limitsOf, OPTIONS } from "./command_options.ts";
import type { Print } from "./output.ts";
import { formatAddresses, tryCommand } from "./print.ts";
import { runServices, type Service } from "./services.ts";

/**
 * Serves lines until a signal, prints the report and ends the process.
 *
 * @throws {StartError} A certificate can't be read, or it can't listen.
 * @throws {OptionError} The library refuses an option.
 */
export async function echo(options: EchoOptions, print: Print): Promise<void> {
  const tls = readTls(options);
  const place = options.path === undefined
    ? { port: options.port ?? DEFAULT_TCP_PORT, hostname: options.hostname ?? DEFAULT_HOST }
    : { port: options.port, hostname: options.hostname, path: options.path };
  const service: Service = {
    name: "echo",
    at: { ...place, tls },
    place: "--port or --unix",
    make: (common) => createServer({ ...limitsOf(options), ...common, idleTimeout: options.idleTimeout }, answerLines),
    greeting: (addresses) => [
      `listening on ${formatAddresses(addresses)}${tls === undefined ? "" : " (TLS)"}`,
      `try it: ${tryCommand(addresses[0], tls !== undefined)}   (then type a line; Ctrl-C here stops it)`,
    ],
  };
  await runServices([service], options, print);
}

function readTls({ cert, key }: EchoOptions): TlsListenOptions | undefined {
  if (cert === undefined || key === undefined) return undefined;
  return { cert: readPem("cert", cert), key: readPem("key", key) };
}

function readPem(option: "cert" | "key", path: string): string {
  const text = readText(option, path);
  if (text.includes("-----BEGIN ")) return text;
  throw new StartError(
    `${flagOf(option, OPTIONS.echo)} ${JSON.stringify(path)} is no PEM file: it has no "-----BEGIN" line`,
  );
}

function readText(option: "cert" | "key", path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = (error as Error).message;
    throw new StartError(`${flagOf(option, OPTIONS.echo)} ${JSON.stringify(path)} can't be read: ${reason}`);
  }
}
