/**
 * Version 1 of the PROXY protocol: a line of text.
 *
 * @module
 */
import type { Address } from "../../endpoint.ts";
import { parseIp } from "../../ip_ranges.ts";
import { formatIp } from "./format_ip.ts";
import { broken, ParsedHeader } from "./header.ts";

/** The longest line, its CR and LF included. */
export const MAX_LINE = 107;

const PORT = /^(?:0|[1-9]\d{0,4})$/;
/** As much of a line as a message shows. */
const SHOWN = 60;

/**
 * Reads a line, without its CR and LF.
 *
 * @throws {FrameError} It is malformed.
 */
export function parseLine(line: string): ParsedHeader {
  const [, family, from, to, fromPort, toPort, ...more] = line.split(" ");
  // What follows the word is to be passed over.
  if (family === "UNKNOWN") return new ParsedHeader({ version: 1, command: "proxy", source: null, destination: null });
  const source = endpoint(family, from, fromPort);
  const destination = endpoint(family, to, toPort);
  if (source === null || destination === null || more.length > 0) {
    throw broken(`PROXY header of version 1 is malformed: ${JSON.stringify(line.slice(0, SHOWN))}`);
  }
  return new ParsedHeader({ version: 1, command: "proxy", source, destination });
}

function endpoint(family: string, hostname: string = "", port: string = ""): Address | null {
  if (family !== (hostname.includes(":") ? "TCP6" : "TCP4")) return null;
  const groups = parseIp(hostname);
  if (groups === null || !PORT.test(port) || Number(port) > 65_535) return null;
  return { transport: "tcp", hostname: formatIp(groups), port: Number(port) };
}
