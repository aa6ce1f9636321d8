/**
 * What a load is made of, and what it found.
 *
 * @module
 */
import type { Adapter, Clock, ConnectOptions, ContextParent } from "@sluice/sluice";

/** What the clients speak: lines over TCP or a Unix socket, HTTP/1.1, or WebSocket. */
export type LoadKind = "tcp" | "http" | "ws";

/** A server to load, as read from its URL. */
export interface LoadTarget {
  /** What it speaks. */
  readonly kind: LoadKind;
  /** The URL as it was given. */
  readonly url: string;
  /** Where to connect. */
  readonly connect: ConnectOptions;
  /** The Host field. */
  readonly host: string;
  /** The request target. */
  readonly path: string;
}

/** How a request can fail: no connection, dropped, an answer in part, none in time, or not what was asked for. */
export type FaultClass = "refused" | "reset" | "truncated" | "timeout" | "wrong";

/**
 * How an answer is judged. `echo`: its content is what was sent. `same` (HTTP): status and body equal the first
 * answer's. `whole`: the framing is right and the status, if there is one, is below 400.
 */
export type LoadCheck = "echo" | "same" | "whole";

/** The PROXY protocol's versions: a line of text, and binary. */
export type LoadProxyProtocol = "v1" | "v2";

/** Any value from `min` to `max`, each as likely as the others. */
export interface LoadRange {
  /** Least value. */
  readonly min: number;
  /** Greatest value. */
  readonly max: number;
}

/** A load that grows in steps. */
export interface LoadRamp {
  /** Load of the first step: clients, or requests a second. */
  readonly from: number;
  /** Load of the last step. */
  readonly to: number;
  /** Time of all steps together, in ms. */
  readonly over: number;
  /** How many steps. @default 10, or fewer if there are not so many whole loads between the two */
  readonly steps?: number;
  /** What grows. @default "clients" */
  readonly unit?: "clients" | "rate";
}

/** Options of `runLoad`. */
export interface LoadOptions {
  /** Connections at once. @default 10 */
  clients?: number;
  /** How long requests are sent, in ms. @default 10000, or the ramp's time; no limit if `count` is given */
  duration?: number;
  /** How many requests are sent in all. @default no limit */
  count?: number;
  /** Requests a second of all clients together, sent by a plan (open loop). @default as answers come (closed loop) */
  rate?: number;
  /** Pause between an answer and the next request, in ms; closed loop only. @default none */
  think?: LoadRange;
  /** Requests that one connection may have under way. @default 1 */
  pipeline?: number;
  /** Size of a message or body, in bytes. @default 32 for lines and messages; no body for HTTP */
  size?: LoadRange;
  /** A load that grows in steps. @default none */
  ramp?: LoadRamp;
  /** HTTP method. @default "GET", or "POST" with a body */
  method?: string;
  /** Header fields added to each request or handshake. @default none */
  headers?: readonly (readonly [name: string, value: string])[];
  /** Body of each HTTP request, instead of `size`. @default none */
  body?: string;
  /** How answers are judged. @default "echo"; "same" for HTTP without `size` */
  check?: LoadCheck;
  /** Longest wait for one answer, in ms. @default 10000 */
  timeout?: number;
  /** Accept any certificate. @default false */
  tlsInsecure?: boolean;
  /** Begin each connection with a PROXY header of this version, as a proxy in front does. @default none */
  proxyProtocol?: LoadProxyProtocol;
  /** Makes every choice repeatable. @default another one each time */
  seed?: number;
  /** The runtime's sockets. @default the runtime that runs this */
  adapter?: Adapter;
  /** Time, for tests. @default the machine's */
  clock?: Clock;
  /** Ends the load early when it ends; the report is of what was done so far. @default none */
  context?: ContextParent;
  /** Looks at the server's process now and then, for the report. @default none */
  server?: ServerProbe;
  /** Called about four times a second. @default none */
  onProgress?: (progress: LoadProgress) => void;
}

/** Looks at a process. */
export interface ServerProbe {
  /** The process's number. */
  readonly pid: number;
  /** What it uses now, `cpu` since the call before; null once it is gone. */
  sample(): Omit<ProcessSample, "at"> | null;
}

/** Why a load ended; `unreachable`: no connection could be made. */
export type LoadEnd = "duration" | "count" | "cancelled" | "unreachable";

/** The options as they were used; null: not asked for. */
export interface ResolvedLoadOptions {
  /** Connections at once; the most of a ramp. */
  readonly clients: number;
  /** How long requests are sent, in ms. */
  readonly duration: number | null;
  /** How many requests are sent in all. */
  readonly count: number | null;
  /** Requests a second of all clients together. */
  readonly rate: number | null;
  /** Pause between an answer and the next request, in ms. */
  readonly think: LoadRange | null;
  /** Requests that one connection may have under way. */
  readonly pipeline: number;
  /** Size of a message or body, in bytes. */
  readonly size: LoadRange | null;
  /** A load that grows in steps. */
  readonly ramp: Required<LoadRamp> | null;
  /** HTTP method. */
  readonly method: string;
  /** Header fields added to each request or handshake. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Body of each HTTP request. */
  readonly body: string | null;
  /** How answers are judged. */
  readonly check: LoadCheck;
  /** Longest wait for one answer, in ms. */
  readonly timeout: number;
  /** Any certificate was accepted. */
  readonly tlsInsecure: boolean;
  /** Each connection began with a PROXY header of this version. */
  readonly proxyProtocol: LoadProxyProtocol | null;
}

/** How a load is getting on. */
export interface LoadProgress {
  /** Since the start, in ms. */
  readonly elapsed: number;
  /** How much is done, from 0 to 1. */
  readonly share: number;
  /** Connections that are open. */
  readonly clients: number;
  /** Right answers so far. */
  readonly answered: number;
  /** Faults so far. */
  readonly faults: number;
  /** Right answers a second, of the time since the last call. */
  readonly rate: number;
  /** Median latency in ms, of the time since the last call. */
  readonly p50: number;
  /** 99th percentile in ms, of the time since the last call. */
  readonly p99: number;
}

/** Latencies of right answers, in ms; all 0 if there was none. */
export interface LatencySummary {
  /** The shortest. */
  readonly min: number;
  /** The arithmetic mean. */
  readonly mean: number;
  /** Half are at most this long. */
  readonly p50: number;
  /** 75 % are at most this long. */
  readonly p75: number;
  /** 90 % are at most this long. */
  readonly p90: number;
  /** 99 % are at most this long. */
  readonly p99: number;
  /** 99.9 % are at most this long. */
  readonly p999: number;
  /** The longest. */
  readonly max: number;
}

/** One point of the latency distribution. */
export interface LatencyPercentile {
  /** From 0 to 100. */
  readonly percentile: number;
  /** So many percent took at most this long, in ms. */
  readonly ms: number;
  /** How many answers that are. */
  readonly count: number;
}

/** One fault of which the report keeps the words. */
export interface FaultSample {
  /** Its class. */
  readonly fault: FaultClass;
  /** What was wrong. */
  readonly detail: string;
  /** When, in ms since the start. */
  readonly at: number;
}

/** What a process used. */
export interface ProcessSample {
  /** When, in ms since the start. */
  readonly at: number;
  /** Processor time since the sample before, as a share of one core. */
  readonly cpu: number;
  /** Resident memory in bytes. */
  readonly rss: number;
  /** Open descriptors. */
  readonly descriptors: number;
}

/** One slot of the time line. */
export interface TimelineSlot {
  /** Its beginning, in ms since the start. */
  readonly at: number;
  /** Connections that were open at its end. */
  readonly clients: number;
  /** Right answers a second. */
  readonly rate: number;
  /** Median latency in ms. */
  readonly p50: number;
  /** 99th percentile in ms. */
  readonly p99: number;
  /** Faults in it. */
  readonly faults: number;
  /** What the server used. */
  readonly server?: ProcessSample;
}

/** One step of a ramp. */
export interface RampStep {
  /** Clients or requests a second, as the ramp's `unit` says. */
  readonly load: number;
  /** Right answers a second. */
  readonly rate: number;
  /** Median latency in ms. */
  readonly p50: number;
  /** 99th percentile in ms. */
  readonly p99: number;
  /** Faults in it. */
  readonly faults: number;
}

/** The load past which latency leaves the linear part. */
export interface Knee {
  /** The last load before. */
  readonly load: number;
  /** The same as a sentence. */
  readonly words: string;
}

/** What a load found; plain JSON. */
export interface LoadReport {
  /** The URL. */
  readonly target: string;
  /** What the clients spoke. */
  readonly kind: LoadKind;
  /** Name of the runtime that made the load. */
  readonly runtime: string;
  /** The options as they were used. */
  readonly options: ResolvedLoadOptions;
  /** Makes the same choices again. */
  readonly seed: number;
  /** From the start to the last answer or the end, in ms. */
  readonly duration: number;
  /** Why it ended. */
  readonly ended: LoadEnd;
  /**
   * `unanswered` were under way at an early end; they are not judged. `unsent` were due by the plan of an open loop and not
   * sent before the end: no client was free, or this process was held up.
   */
  readonly requests: {
    readonly sent: number;
    readonly answered: number;
    readonly failed: number;
    readonly unanswered: number;
    readonly unsent: number;
  };
  /** Connections made, ended by the server with nothing under way, and attempts that failed. */
  readonly connections: { readonly opened: number; readonly closedByServer: number; readonly failed: number };
  /** Right answers a second. */
  readonly rate: number;
  /** Of all connections together. */
  readonly bytes: { readonly sent: number; readonly received: number };
  /** The summary of all latencies. */
  readonly latency: LatencySummary;
  /** The distribution of all latencies, denser towards 100 %. */
  readonly percentiles: readonly LatencyPercentile[];
  /** How many of each class. */
  readonly faults: Readonly<Record<FaultClass, number>>;
  /** The first 20. */
  readonly samples: readonly FaultSample[];
  /** At most 600 slots of one length. */
  readonly timeline: readonly TimelineSlot[];
  /** Only with a ramp: its steps, and the knee if there is one. */
  readonly ramp?: {
    /** What grew. */
    readonly unit: "clients" | "rate";
    readonly steps: readonly RampStep[];
    readonly knee: Knee | null;
  };
  /** Only with a probe: what the server's process used. */
  readonly server?: { readonly pid: number; readonly samples: readonly ProcessSample[] };
  /** Latency counts from the time a request should have been sent (coordinated omission). */
  readonly corrected: boolean;
}
