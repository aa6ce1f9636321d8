/**
 * What channels of one instance have done.
 *
 * @module
 */
import type { ChannelsStats, GapReason } from "../channels_api.ts";
import type { SubscriptionState } from "./subscription_states.ts";

/** A subscription that has not got all there is. */
export interface Behind {
  /** Messages that it still has to get. */
  readonly lag: number;
}

type Counts<Name extends keyof ChannelsStats> = Record<keyof ChannelsStats[Name], number>;

/** Counters since the channels began. */
export class ChannelCounts {
  readonly ended: Counts<"ended"> = { expired: 0, revoked: 0, moved: 0 };
  readonly connects: Counts<"connects"> = { new: 0, resumed: 0, refused: 0 };
  readonly published: Counts<"published"> = { new: 0, duplicate: 0, failed: 0 };
  readonly delivered: Counts<"delivered"> = { live: 0, log: 0 };
  readonly recoveries: Counts<"recoveries"> = { whole: 0, gapped: 0 };
  readonly gaps: Record<GapReason, number> = { epoch: 0, trimmed: 0, expired: 0, limit: 0, slow: 0 };
  readonly direct: Counts<"direct"> = {
    sent: 0,
    delivered: 0,
    redelivered: 0,
    acknowledged: 0,
    refused: 0,
    dead: 0,
  };
  readonly received: Counts<"received"> = { handled: 0, refused: 0, failed: 0 };
  readonly calls: Counts<"calls"> = { answered: 0, refused: 0, failed: 0 };
  slow = 0;
  failures = 0;
  /** Those that wait for what they have missed. */
  readonly behind: Set<Behind> = new Set();
  readonly #subscriptions: Record<SubscriptionState, number> = { opening: 0, behind: 0, live: 0, ended: 0 };

  /** By state, of those that are not over. */
  get subscriptions(): ChannelsStats["subscriptions"] {
    const { opening, behind, live } = this.#subscriptions;
    return { opening, behind, live };
  }

  /** The most that one of them still has to get. */
  get lag(): number {
    let most = 0;
    for (const { lag } of this.behind) most = Math.max(most, lag);
    return most;
  }

  /** A subscription has come from one state to another; null for none. */
  moved(subscription: Behind, from: SubscriptionState | null, to: SubscriptionState): void {
    if (from !== null) this.#subscriptions[from]--;
    this.#subscriptions[to]++;
    if (to === "behind") this.behind.add(subscription);
    else if (from === "behind") this.behind.delete(subscription);
  }
}
