/**
 * What instances tell each other: streams of the log that no client sees.
 *
 * @module
 */
import type { InstanceState } from "../channels_api.ts";
import { OWN } from "../channel_name.ts";
import type { ChannelLog, Notice, Retention } from "../log/log_api.ts";
import { PAGE } from "./asking.ts";
import type { Follower, Notices } from "./notices.ts";

/** For an hour, so that one that stood still hears what it has missed. */
const KEEP: Retention = { size: 10_000, bytes: 4 * 1024 * 1024, age: 3_600_000 };

/** What may be told. */
export type ControlMessage =
  /** A session goes on at another instance. Where all are told, it says at which. */
  | { readonly type: "fence"; readonly session: string; readonly generation: number; readonly at?: string }
  /** A session is over. */
  | { readonly type: "revoke"; readonly session: string }
  /** All sessions of a user are over. */
  | { readonly type: "revokeUser"; readonly user: string }
  /** A session that has moved has said at its new instance of which channels it is a member: of no others. */
  | {
    readonly type: "arrived";
    readonly session: string;
    readonly turn: number;
    readonly channels: readonly string[];
  }
  /** A direct message was acknowledged, or is a dead letter. */
  | { readonly type: "settled"; readonly queue: string; readonly offset: number; readonly dead: boolean }
  /** A channel was written for the first time. */
  | { readonly type: "created"; readonly channel: string }
  /** An instance is up, draining, down, or lost. */
  | { readonly type: "instance"; readonly instance: string; readonly state: InstanceState["state"] };

/** The stream of one instance. */
export function instanceStream(instance: string): string {
  return `${OWN}instance:${instance}`;
}

/** The stream of all. */
export const ALL = `${OWN}all`;

/** Tells one instance, or all of them. */
export async function tell(log: ChannelLog, stream: string, message: ControlMessage): Promise<void> {
  const entry = { kind: "control", data: JSON.stringify(message), headers: null } as const;
  await log.append(stream, entry, { keep: KEEP, dedupeAge: 0 });
}

/** Hears everything of one stream from now on, each once, in order. */
export class Listening implements Follower {
  readonly stream: string;
  readonly #log: ChannelLog;
  readonly #notices: Notices;
  readonly #heard: (message: ControlMessage) => void;
  readonly #failed: (error: unknown) => void;
  #epoch = "";
  #offset = 0;
  #unfollow: () => void = () => {};
  #reading: Promise<void> | null = null;
  #again = false;

  constructor(
    log: ChannelLog,
    notices: Notices,
    stream: string,
    heard: (message: ControlMessage) => void,
    failed: (error: unknown) => void,
  ) {
    this.#log = log;
    this.#notices = notices;
    this.stream = stream;
    this.#heard = heard;
    this.#failed = failed;
  }

  /** Begins; what was told before is not heard. */
  async start(): Promise<void> {
    this.stop();
    this.#epoch = "";
    this.#unfollow = await this.#log.follow(this.stream, (notice) => this.heard(notice));
    const [{ epoch, top }] = await this.#log.tops([this.stream]);
    this.#epoch = epoch;
    this.#offset = top;
    this.#notices.add(this);
    // What was told while this was on its way was not heard.
    this.#look();
  }

  heard({ epoch, top }: Notice): void {
    if (this.#epoch === "" || (epoch === this.#epoch && top <= this.#offset)) return;
    this.#look();
  }

  stop(): void {
    this.#notices.remove(this);
    this.#unfollow();
  }

  #look(): void {
    this.#again = true;
    this.#reading ??= this.#read();
  }

  async #read(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        const { epoch, entries, complete, top } = await this.#log.read(this.stream, this.#offset, PAGE);
        if (epoch !== this.#epoch) {
          this.#epoch = epoch;
          this.#offset = 0;
          this.#again = true;
          continue;
        }
        for (const { data, offset } of entries) {
          this.#offset = offset;
          this.#heard(JSON.parse(data as string) as ControlMessage);
        }
        if (complete) this.#offset = top;
        if (!complete) this.#again = true;
      } catch (error) {
        // The next notice, or the next look for lost ones, tries again.
        this.#failed(error);
      }
    }
    // In the same turn as the last look at `#again`: whoever sets it later begins anew.
    this.#reading = null;
  }
}
