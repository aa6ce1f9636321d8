/**
 * What is measured: servers, hubs, channels, and whatever else counts. Types only.
 *
 * @module
 */
import type { Server } from "../../mod.ts";
import type { HttpServer } from "../http/mod.ts";
import type { ChannelsStats } from "../channels/mod.ts";
import type { ConfigStatus } from "../run/config/mod.ts";
import type { Supervisor } from "../run/supervisor/mod.ts";
import type { ResourceWatch } from "../watch/mod.ts";
import type { HubStats } from "../websocket/mod.ts";

/** A server of connections, or of HTTP. */
export type MeasuredServer = Server | HttpServer;

/** A `Hub`. */
export interface MeasuredHub {
  /** Its counters. */
  readonly stats: HubStats;
}

/** `Channels`. */
export interface MeasuredChannels {
  /** Their counters. */
  readonly stats: ChannelsStats;
}

/** A configuration, as `loadConfig()` gives it. */
export interface MeasuredConfig {
  /** How it fares. */
  readonly status: ConfigStatus;
}

/** What `watchResources()` gives. */
export type MeasuredWatch = Pick<ResourceWatch, "last" | "overloaded">;

/** What `supervise()` gives. */
export type MeasuredSupervisor = Pick<Supervisor, "status" | "metrics">;

/** A pool of connections: what has these counters. Times in ms. */
export interface MeasuredPool {
  /** Its counters. */
  readonly stats: {
    readonly max: number;
    readonly idle: number;
    readonly inUse: number;
    readonly waiting: number;
    readonly acquired: number;
    readonly gaveUp: number;
    readonly connects: number;
    readonly connectErrors: number;
    readonly closed: Readonly<Record<string, number>>;
    readonly leaks: number;
    readonly waitTime: number;
    readonly useTime: number;
    readonly connectTime: number;
  };
}

/** Calls to other servers: what has these counters. */
export interface MeasuredUpstream {
  /** Its counters. */
  readonly stats: {
    readonly active: number;
    readonly retries: number;
    readonly cancelled: number;
    readonly statuses: Readonly<Record<string, number>>;
    readonly failures: Readonly<Record<string, number>>;
    readonly addresses: readonly {
      readonly address: string;
      readonly state: string;
      readonly ejections: number;
      readonly pool: MeasuredPool["stats"];
    }[];
  };
}
