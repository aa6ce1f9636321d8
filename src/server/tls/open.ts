/**
 * What a TLS listener is opened with: loaded for those alone.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { TlsListenOptions } from "../../endpoint.ts";
import type { Adapter } from "../../platform.ts";
import type { TlsKeeper } from "./keeper.ts";
import { checkTls, plainTls, type TlsOptions } from "./tls_options.ts";

/** For an adapter, and who keeps it new. */
export interface OpenedTls {
  readonly tls: TlsListenOptions;
  /** Null for one pair that is never replaced. */
  readonly keeper: TlsKeeper | null;
}

/**
 * Checks the options, and reads what they name.
 *
 * @throws {OptionError} One can't be used.
 * @throws {ListenError} A file can't be read, or a certificate can't be used.
 * @throws {UnsupportedError} The adapter has no such thing.
 */
export async function openTls(adapter: Adapter, options: TlsOptions, clock: Clock): Promise<OpenedTls> {
  checkTls(options);
  const plain = plainTls(options);
  if (plain !== null) return { tls: plain, keeper: null };
  const { openKeeper } = await import("./keeper.ts");
  const keeper = await openKeeper(adapter, options, clock);
  return { tls: await keeper.open(), keeper };
}
