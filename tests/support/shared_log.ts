/**
 * A log that several instances of one process share, as they would share an engine: each has its own end of it, at which
 * a test makes things go wrong. It stands on `memoryLog()`.
 *
 * @module
 */
import type { Clock } from "../../src/clock.ts";
import type {
  Appended,
  AppendOptions,
  ChannelLog,
  Lease,
  NewEntry,
  Notice,
  Page,
  ReadLimit,
  Taken,
} from "../../src/channels/log/log_api.ts";
import { ChannelLogError } from "../../src/channels/log/log_errors.ts";
import { memoryLog } from "../../src/channels/log/memory_log.ts";

/** A call is given up after so many ms, and takes effect so many ms after it was made, by then or later; null: never. */
export interface GivenUp {
  readonly after: number;
  readonly effect: number | null;
}

/**
 * What goes wrong with a call: it fails before or after it took effect, is never answered, or so many ms later, or is
 * given up.
 */
export type LogFault = "before" | "after" | "hang" | number | GivenUp | null;

/** What goes wrong with a notice: it is lost, comes so many ms later, or comes again then. */
export type NoticeFault = "lost" | { readonly late: number } | { readonly again: number } | null;

/** What goes wrong at one end. */
export interface LogFaults {
  /** Asked for each call, by its name, its stream or group, and the kind of what is appended. @default nothing */
  call?: (name: string, what: string, kind?: string) => LogFault;
  /** Asked for each notice. @default nothing */
  notice?: (stream: string) => NoticeFault;
  /** Notices bring their entries along. @default true */
  entries?: boolean;
}

/** The engine. */
export class SharedLog {
  readonly clock: Clock;
  #streams: ChannelLog;
  #leases: ChannelLog;
  readonly #ends: Set<LogEnd> = new Set();
  /** Hears of what is really kept. */
  appended: ((stream: string, entry: NewEntry, appended: Appended) => void) | null = null;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#streams = memoryLog({ clock });
    this.#leases = memoryLog({ clock });
  }

  get streams(): ChannelLog {
    return this.#streams;
  }

  get leases(): ChannelLog {
    return this.#leases;
  }

  /** An end for one more instance. */
  open(faults: LogFaults = {}): LogEnd {
    const end = new LogEnd(this, faults);
    this.#ends.add(end);
    return end;
  }

  /** It has lost its memory: every stream begins another life. Nobody is told. @param leases Are lost as well. */
  restart(leases = false): void {
    this.#streams = memoryLog({ clock: this.clock });
    if (leases) this.#leases = memoryLog({ clock: this.clock });
    for (const end of this.#ends) end.moved();
  }
}

interface Following {
  readonly stream: string;
  readonly heard: (notice: Notice) => void;
  unfollow: () => void;
  /** When the last of those that are late comes: none overtakes it. */
  due: number;
  isOver: boolean;
}

/** One instance's end. */
export class LogEnd implements ChannelLog {
  readonly name = "shared";
  readonly shared = true;
  faults: LogFaults;
  /** Calls so far, by name. */
  readonly calls: Record<string, number> = {};
  readonly #log: SharedLog;
  readonly #followings: Set<Following> = new Set();
  /** Appends so far, by stream: one that was given up takes no effect behind a later one. */
  readonly #appends: Map<string, number> = new Map();
  #isDead = false;

  constructor(log: SharedLog, faults: LogFaults) {
    this.#log = log;
    this.faults = faults;
  }

  /** How many streams are followed. */
  get followed(): number {
    return this.#followings.size;
  }

  /** The instance is dead, or cut off: it changes nothing and hears nothing any more. */
  kill(): void {
    this.#isDead = true;
  }

  /** It was only cut off. */
  revive(): void {
    this.#isDead = false;
  }

  /** The engine has begun anew. */
  moved(): void {
    for (const following of this.#followings) void this.#begin(following);
  }

  append(stream: string, entry: NewEntry, options: AppendOptions): Promise<Appended> {
    const number = (this.#appends.get(stream) ?? 0) + 1;
    this.#appends.set(stream, number);
    return this.#call("append", stream, async () => {
      if (this.#appends.get(stream) !== number) throw new ChannelLogError("ERR_LOG_FAILED", "It came too late");
      // In the order of the calls, whatever else is waited for.
      const appending = this.#log.streams.append(stream, entry, options);
      const appended = await appending;
      if (!appended.duplicate) this.#log.appended?.(stream, entry, appended);
      return appended;
    }, entry.kind);
  }

  read(stream: string, after: number, limit: ReadLimit): Promise<Page> {
    return this.#call("read", stream, () => this.#log.streams.read(stream, after, limit));
  }

  tops(streams: readonly string[]): Promise<readonly Pick<Page, "epoch" | "top">[]> {
    return this.#call("tops", streams.join(), () => this.#log.streams.tops(streams));
  }

  async follow(stream: string, heard: (notice: Notice) => void): Promise<() => void> {
    const following: Following = { stream, heard, unfollow: () => {}, due: 0, isOver: false };
    await this.#call("follow", stream, () => this.#begin(following));
    this.#followings.add(following);
    return () => {
      following.isOver = true;
      following.unfollow();
      this.#followings.delete(following);
    };
  }

  remove(stream: string, offset: number): Promise<boolean> {
    return this.#call("remove", stream, () => this.#log.streams.remove(stream, offset));
  }

  streams(prefix: string, limit: number): Promise<readonly string[]> {
    return this.#call("streams", prefix, () => this.#log.streams.streams(prefix, limit));
  }

  take(...[group, ...rest]: Parameters<ChannelLog["take"]>): Promise<Taken> {
    return this.#call("take", group, () => this.#log.leases.take(group, ...rest));
  }

  renew(...[group, ...rest]: Parameters<ChannelLog["renew"]>): Promise<boolean> {
    return this.#call("renew", group, () => this.#log.leases.renew(group, ...rest));
  }

  release(group: string, name: string, generation: number): Promise<boolean> {
    return this.#call("release", group, () => this.#log.leases.release(group, name, generation));
  }

  leases(group: string): Promise<readonly Lease[]> {
    return this.#call("leases", group, () => this.#log.leases.leases(group));
  }

  close(): Promise<void> {
    for (const following of this.#followings) {
      following.isOver = true;
      following.unfollow();
    }
    this.#followings.clear();
    this.#isDead = true;
    return Promise.resolve();
  }

  async #begin(following: Following): Promise<void> {
    following.unfollow();
    following.unfollow = await this.#log.streams.follow(following.stream, (notice) => this.#heard(following, notice));
    if (following.isOver) following.unfollow();
  }

  #heard(following: Following, given: Notice): void {
    if (this.#isDead) return;
    const notice = this.faults.entries === false ? { ...given, entry: null } : given;
    const fault = this.faults.notice?.(following.stream) ?? null;
    if (fault === "lost") return;
    const now = this.#log.clock.now();
    if (fault !== null && "again" in fault) this.#tell(following, notice, now + fault.again);
    const due = Math.max(following.due, now + (fault !== null && "late" in fault ? fault.late : 0));
    if (due === now) return following.heard(notice);
    following.due = due;
    this.#tell(following, notice, due);
  }

  #tell(following: Following, notice: Notice, at: number): void {
    const { clock } = this.#log;
    clock.setTimer(() => {
      if (!following.isOver && !this.#isDead) following.heard(notice);
    }, at - clock.now());
  }

  async #call<T>(name: string, what: string, work: () => Promise<T>, kind?: string): Promise<T> {
    this.calls[name] = (this.calls[name] ?? 0) + 1;
    const fault = this.#isDead ? "before" : this.faults.call?.(name, what, kind) ?? null;
    if (fault === "before") throw new ChannelLogError("ERR_LOG_FAILED", `The log failed at ${name}(${what})`);
    if (fault === "hang") return new Promise(() => {});
    if (typeof fault === "object" && fault !== null) return await this.#giveUp(`${name}(${what})`, fault, work);
    const result = await work();
    if (fault === "after") throw new ChannelLogError("ERR_LOG_FAILED", `The log failed behind ${name}(${what})`);
    if (typeof fault === "number") await new Promise<void>((resolve) => void this.#log.clock.setTimer(resolve, fault));
    return result;
  }

  #giveUp(call: string, { after, effect }: GivenUp, work: () => Promise<unknown>): Promise<never> {
    const { clock } = this.#log;
    if (effect !== null) clock.setTimer(() => this.#isDead || void work().catch(() => {}), effect);
    return new Promise((_, reject) =>
      void clock.setTimer(() => reject(new ChannelLogError("ERR_LOG_UNKNOWN", `Nobody has answered ${call}`)), after)
    );
  }
}
