/**
 * What a page tells about its network and its own life.
 *
 * @module
 */
import type { PageTarget } from "./types.ts";

/** Why there is nothing to connect for, or from. */
export type AwayReason = "offline" | "hidden";

/** Who is told. */
export interface PageWatcher {
  /** The first reason has appeared. */
  away(reason: AwayReason): void;
  /** The last reason is gone. */
  back(): void;
}

/**
 * Listens to `online`, `offline`, `pagehide` and `pageshow`. `beforeunload` is left alone on purpose: the visitor may
 * still stay, and `pagehide` follows if not.
 */
export class Page {
  readonly #target: PageTarget | null;
  readonly #watcher: PageWatcher;
  readonly #reasons: Set<AwayReason> = new Set();
  readonly #listeners: readonly (readonly [type: string, listener: () => void])[] = [
    ["offline", () => this.#add("offline")],
    ["online", () => this.#remove("offline")],
    ["pagehide", () => this.#add("hidden")],
    ["pageshow", () => this.#remove("hidden")],
  ];

  /** Begins to listen. */
  constructor(target: PageTarget | null, watcher: PageWatcher) {
    this.#target = target;
    this.#watcher = watcher;
    if (target?.navigator?.onLine === false) this.#reasons.add("offline");
    for (const [type, listener] of this.#listeners) target?.addEventListener(type, listener);
  }

  /** There is a reason. */
  get away(): boolean {
    return this.#reasons.size > 0;
  }

  /** Listens no more. */
  stop(): void {
    for (const [type, listener] of this.#listeners) this.#target?.removeEventListener(type, listener);
  }

  #add(reason: AwayReason): void {
    const first = !this.away;
    this.#reasons.add(reason);
    if (first) this.#watcher.away(reason);
  }

  #remove(reason: AwayReason): void {
    if (this.#reasons.delete(reason) && !this.away) this.#watcher.back();
  }
}

/** `globalThis`, if it can be listened to: a page or a worker. Node has no such events. */
export function defaultPage(): PageTarget | null {
  const target = globalThis as Partial<PageTarget>;
  return typeof target.addEventListener === "function" ? target as PageTarget : null;
}
