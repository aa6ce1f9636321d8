/**
 * The rules of `src/channels/log/log_api.ts` as tests, for any log.
 *
 * @module
 */
import { describe, it } from "node:test";
import type { ChannelLog } from "../../src/channels/log/log_api.ts";
import { appendRules } from "./log_rules/append.ts";
import { dedupeRules } from "./log_rules/dedupe.ts";
import { endRules } from "./log_rules/end.ts";
import { followRules } from "./log_rules/follow.ts";
import { forgetRules, lastingForgetRules, lingerRules } from "./log_rules/forget.ts";
import { keepRules } from "./log_rules/keep.ts";
import { lastingRules, lossRules } from "./log_rules/lasting.ts";
import { leaseRules } from "./log_rules/leases.ts";
import { nameRules } from "./log_rules/names.ts";
import { peerRules } from "./log_rules/peers.ts";
import { readRules } from "./log_rules/read.ts";

/** A log that nobody else uses, and what a test can do to its world. */
export interface LogWorld {
  readonly log: ChannelLog;
  /** A time in ms that is long for the log and short for who waits: 1000 where time is moved by hand, 200 where not. */
  readonly lapse: number;
  /** Lets so many ms pass, as the log sees it. */
  pass(ms: number): Promise<void>;
  /** Closes the log, and opens another one on what it has kept. Left out where nothing is kept beyond its end. */
  reopen?(): Promise<ChannelLog>;
  /** The log of another process on the same. Left out where there can't be one. */
  peer?(): Promise<ChannelLog>;
  /** Takes everything away that was kept, as a fault would, and gives the log that finds nothing. */
  lose?(): Promise<ChannelLog>;
  /** Closes all logs that were opened here, and removes what they have kept. Called once, at the end of each test. */
  close(): Promise<void>;
}

/** One rule: the test's name says what holds. */
export type Rule = (name: string, body: (world: LogWorld) => Promise<void>) => void;

/** Features of a log, some tests of which have nothing to ask without them. */
export interface LogFeatures {
  /** `LogWorld.reopen` is there. */
  readonly lasts: boolean;
  /** `LogWorld.peer` is there. */
  readonly shared: boolean;
  /** `LogWorld.lose` is there. */
  readonly loses: boolean;
  /** A lease that it may forget it has forgotten: who keeps them is in order, and grows. */
  readonly forgets: boolean;
}

/** Runs the whole suite; `open` makes a new world for each test. */
export function logConformance(name: string, open: () => Promise<LogWorld>, features: LogFeatures): void {
  describe(`${name} log`, () => {
    const rule: Rule = (title, body) => {
      it(title, async () => {
        const world = await open();
        try {
          await body(world);
        } finally {
          await world.close();
        }
      });
    };
    appendRules(rule);
    dedupeRules(rule);
    keepRules(rule);
    readRules(rule);
    nameRules(rule);
    followRules(rule);
    leaseRules(rule);
    lingerRules(rule);
    endRules(rule);
    if (features.lasts) lastingRules(rule);
    if (features.forgets) forgetRules(rule);
    if (features.forgets && features.lasts) lastingForgetRules(rule);
    if (features.shared) peerRules(rule);
    if (features.loses) lossRules(rule);
  });
}
