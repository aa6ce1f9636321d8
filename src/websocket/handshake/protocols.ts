/**
 * The choice of a subprotocol (RFC 6455 §1.9), on both sides.
 *
 * @module
 */
import { OptionError } from "../../errors.ts";
import type { ServerHandshakeOptions } from "./handshake_options.ts";
import { isOwnProtocol } from "../own_protocols.ts";
import { isToken, kindOf, listOf } from "../fields.ts";

const NONE: readonly string[] = [];

/** The subprotocols that a client offers, most wanted first; null if the field is malformed. */
export function offeredProtocols(field: string | null): readonly string[] | null {
  if (field === null) return NONE;
  const offered = listOf(field);
  const isRight = offered.length > 0 && offered.every(isToken) && new Set(offered).size === offered.length;
  return isRight ? offered : null;
}

/**
 * The subprotocol to answer with; empty for none.
 *
 * @throws {OptionError} The function `protocols` gave something that was not offered.
 */
export function chooseProtocol(offered: readonly string[], ours: ServerHandshakeOptions["protocols"]): string {
  const application = offered.filter((protocol) => !isOwnProtocol(protocol));
  const chosen = typeof ours === "function" ? askFor(application, ours) : firstOf(ours, application);
  if (chosen !== "") return chosen;
  // A browser gives up when it offered something and nothing was taken.
  return offered.find(isOwnProtocol) ?? "";
}

function firstOf(ours: readonly string[], offered: readonly string[]): string {
  return ours.find((protocol) => offered.includes(protocol)) ?? "";
}

function askFor(offered: readonly string[], choose: (offered: readonly string[]) => unknown): string {
  if (offered.length === 0) return "";
  const chosen = choose(Object.freeze([...offered])) ?? "";
  if (chosen === "" || (typeof chosen === "string" && offered.includes(chosen))) return chosen as string;
  const list = offered.map((protocol) => JSON.stringify(protocol)).join(", ");
  throw new OptionError(
    "protocols",
    `protocols() must give one of those offered (${list}) or null, got ${kindOf(chosen)}`,
  );
}
