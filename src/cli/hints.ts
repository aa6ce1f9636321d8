/**
 * Turns the library's errors into what helps at a command line.
 *
 * @module
 */
import type { ListenError, OptionError } from "../../mod.ts";
import { flagOf } from "./options.ts";

const LISTEN_HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: "Somebody listens there already: stop it, or choose another place with --port or --unix",
  EACCES: "That is not allowed here: choose a port above 1023, or a path you may write to",
  EADDRNOTAVAIL: "This machine doesn't have that address: see --host",
  EINVAL: "See --host and --port",
  ENOTFOUND: "There is no such host: see --host",
  EAI_AGAIN: "The host name can't be looked up: see --host",
  ENOENT: "The folder of --unix must exist",
  ENAMETOOLONG: "The path of --unix is too long: about 100 bytes is the limit",
  ERR_TLS: "See --tls-cert and --tls-key",
};

/** What to do about a port that could not be opened; empty if there is nothing to add. */
export function listenHint({ code, message }: Pick<ListenError, "code" | "message">): string {
  if (message.includes("--allow-")) return "";
  return LISTEN_HINTS[code] ?? "";
}

/** The library's message, with the option named as it is on the command line. */
export function optionMessage({ option, message }: Pick<OptionError, "option" | "message">): string {
  const flag = flagOf(option);
  return flag !== undefined && message.startsWith(option) ? flag + message.slice(option.length) : message;
}
