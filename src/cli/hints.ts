/**
 * Turns the library's errors into what helps at a command line.
 *
 * @module
 */
import type { ListenError, OptionError } from "../../mod.ts";
import type { ToolOption } from "./tool.ts";

/** `place` is the option that says where to listen. */
const LISTEN_HINTS: Readonly<Record<string, (place: string) => string>> = {
  EADDRINUSE: (place) => `Somebody listens there already: stop it, or choose another place with ${place}`,
  EACCES: (place) => `That is not allowed here: choose another place with ${place} (ports below 1024 are privileged)`,
  EADDRNOTAVAIL: () => "This machine doesn't have that address: see --host",
  EINVAL: (place) => `See --host and ${place}`,
  ENOTFOUND: () => "There is no such host: see --host",
  EAI_AGAIN: () => "The host name can't be looked up: see --host",
  ENOENT: () => "The folder of --unix must exist",
  ENAMETOOLONG: () => "The path of --unix is too long: about 100 bytes is the limit",
  ERR_TLS: () => "See --tls-cert and --tls-key",
};

/** What to do about a port that could not be opened; empty if there is nothing to add. */
export function listenHint({ code, message }: Pick<ListenError, "code" | "message">, place: string): string {
  if (message.includes("--allow-")) return "";
  return LISTEN_HINTS[code]?.(place) ?? "";
}

/** The library's message, with the option named as it is on the command line. */
export function optionMessage(
  { option, message }: Pick<OptionError, "option" | "message">,
  rows: readonly ToolOption[],
): string {
  const flag = flagOf(option, rows);
  return flag !== undefined && message.startsWith(option) ? flag + message.slice(option.length) : message;
}

/** The command line's name of one of the library's options. */
export function flagOf(option: string, rows: readonly ToolOption[]): string | undefined {
  return rows.find((row) => row.option === option)?.flag;
}
