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
  let href = "";
  let cause: unknown;
  try {
    const parsed = new URL(url, location?.href);
    parsed.hash = "";
    href = parsed.href.replace(/^http/, "ws");
  } catch (error) {
    cause = error;
  }
  if (/^wss?:/.test(href)) return href;
  throw new OptionError("url", `url must be a ws:, wss:, http: or https: address, got ${url}`, {
    cause,
  });
}
