/**
 * Addresses of WebSockets.
 *
 * @module
 */
import { OptionError } from "../../errors.ts";

/**
 * A whole address of a WebSocket; in a page, one that is relative to the page will do.
 *
 * @throws {OptionError} It isn't one.
 */
export function webSocketUrl(url: string | URL): string {
  const { location } = globalThis as { location?: { readonly href: string } };
  let parsed: URL;
  try {
    parsed = new URL(url, location?.href);
  } catch (cause) {
    throw new OptionError("url", `url must be the address of a WebSocket, got ${url}`, { cause });
  }
  parsed.hash = "";
  const href = parsed.href.replace(/^http/, "ws");
  if (/^wss?:/.test(href)) return href;
  throw new OptionError("url", `url must begin with ws:, wss:, http: or https:, got ${url}`);
}
