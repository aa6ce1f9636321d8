/**
 * The outbox that lives as long as its client.
 *
 * @module
 */
import type { Outbox, OutboxLimits } from "./client_api.ts";
import { atLeast1, checkOptions } from "./checks.ts";

/**
 * Checks limits of an outbox, and fills in the defaults.
 *
 * @throws {OptionError} One can't be used.
 */
export function outboxLimits(limits: OutboxLimits): Required<OutboxLimits> {
  checkOptions(limits, { maxQueued: true, maxQueuedBytes: true });
  return {
    maxQueued: atLeast1("maxQueued", limits.maxQueued ?? 1000),
    maxQueuedBytes: atLeast1("maxQueuedBytes", limits.maxQueuedBytes ?? 1_048_576),
  };
}

/**
 * Keeps what was not acknowledged in memory: it survives lost connections, and not the end of the page or the process.
 *
 * @throws {OptionError} A limit can't be used.
 * @example
 * ```ts
 * const client = new ChannelClient("wss://example.net/channels", { outbox: memoryOutbox({ maxQueued: 50 }) });
 * ```
 */
export function memoryOutbox(limits: OutboxLimits = {}): Outbox {
  // The client has them itself.
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    ...outboxLimits(limits),
    load: () => Promise.resolve([]),
    save: nothing,
    remove: nothing,
    close: nothing,
  };
}
