/**
 * What the load process can be asked to do, and what it answers: one JSON text a line each way.
 *
 * @module
 */

/** Ping-pong with `inFlight` messages of `size` bytes on each of `conns` connections. */
export interface EchoJob {
  readonly job: "echo";
  readonly conns: number;
  readonly size: number;
  readonly inFlight: number;
}

/** Connect, one line, its answer, close; `conns` at a time. */
export interface RateJob {
  readonly job: "rate";
  readonly conns: number;
  readonly size: number;
}

/** Requests on `conns` connections, `inFlight` at a time on each: in one write, and again when all are answered. */
export interface HttpJob {
  readonly job: "http";
  readonly exchange: "hello" | "json" | "hono" | "post" | "stream";
  readonly conns: number;
  readonly inFlight: number;
  /** What the rate is of: answers, or MiB of their bodies. */
  readonly count: "answers" | "MiB";
  /** Over TLS. @default false */
  readonly tls?: boolean;
  /** Reads no faster than this, all connections together. @default as fast as it can */
  readonly mibPerSecond?: number;
}

/** Requests at a fixed rate, whatever the server does, each on the first of `conns` connections that is free. */
export interface SteadyJob {
  readonly job: "steady";
  readonly exchange: "hello" | "json";
  readonly conns: number;
  readonly perSecond: number;
}

/** WebSocket messages echoed: `inFlight` of `size` bytes on each of `conns` connections, and again when all are back. */
export interface WebSocketJob {
  readonly job: "websocket";
  readonly kind: "text" | "binary";
  readonly conns: number;
  readonly size: number;
  readonly inFlight: number;
}

/** Messages that one of `conns` WebSockets says and all hear, again when all have heard all; counts deliveries. */
export interface PublishJob {
  readonly job: "publish";
  readonly conns: number;
  readonly size: number;
  readonly inFlight: number;
}

/** The same in one of three protocols: to one channel that all subscribe to, or to one channel of each (`spread`). */
export interface FanoutJob {
  readonly job: "fanout";
  readonly protocol: "hub" | "channels" | "socketio";
  readonly conns: number;
  readonly size: number;
  readonly spread: boolean;
  /** Messages that are published to each channel at a time. */
  readonly inFlight: number;
}

/** What is done again and again, and counted. */
export type Work = EchoJob | RateJob | HttpJob | SteadyJob | WebSocketJob | PublishJob | FanoutJob;

/** Whom to load, and for how long. */
export interface Target {
  readonly port: number;
  readonly pid: number;
  /** Before it counts. */
  readonly warmUpMs: number;
  readonly ms: number;
}

/** What is said on each WebSocket that is opened, and how many messages answer it. */
export interface Hello {
  readonly text: string;
  readonly answers: number;
}

/** Open connections, as WebSockets if asked, and keep them; send a line or message on each and read it back; wait for the server to close all; close all. */
export type HoldJob =
  | {
    readonly job: "open";
    readonly port: number;
    readonly count: number;
    readonly websocket?: boolean;
    readonly hello?: Hello;
  }
  | { readonly job: "say" }
  | { readonly job: "release"; readonly ms: number }
  | { readonly job: "drop" };

/** Takes a position in each of so many channels, for those who come back later. */
export interface PlacesJob {
  readonly job: "places";
  readonly port: number;
  readonly channels: number;
}

/** So many come back at once, each `behind` messages behind in one of the channels; `batch` shake hands at a time. */
export interface RecoverJob {
  readonly job: "recover";
  readonly port: number;
  readonly conns: number;
  readonly channels: number;
  readonly behind: number;
  readonly batch: number;
}

/** How long it took until all had all, in ms. */
export interface Recovered {
  readonly ms: number;
}

/** So many are live from now on, in the channel in which the server says when it was due to say so. */
export interface ListenJob {
  readonly job: "listen";
  readonly port: number;
  readonly live: number;
}

/** What they have heard since the last time. */
export interface HeardJob {
  readonly job: "heard";
}

/** How late the latest message was, and how long this process itself heard nothing because it did not run; ms. */
export interface Heard {
  readonly latest: number;
  readonly deaf: number;
  readonly heard: number;
}

/** Anything the load process does. */
export type Job = (Work & Target) | HoldJob | PlacesJob | RecoverJob | ListenJob | HeardJob;

/** What was counted in a window. */
export interface Sample {
  /** Messages or connections per second. */
  readonly rate: number;
  /** Share of a core that the server had, and the load process. */
  readonly serverBusy: number;
  readonly loadBusy: number;
  /** Of requests at a fixed rate: 99 of 100 answers came within so many ms of when their requests were due. */
  readonly p99?: number;
}

/** How the held connections ended. */
export interface Held {
  readonly open: number;
  readonly reset: number;
}
