/**
 * The seam between channels and whatever keeps their messages: types only. Bring your own by implementing `ChannelLog`;
 * `logConformance()` of the tests says what it has to hold.
 *
 * A log keeps named, ordered streams of entries. Each stream has an epoch, which life of it this is: whoever has lost
 * entries that it had acknowledged begins another one. Within an epoch offsets are 1, 2, 3 and so on, without a hole.
 *
 * @module
 */

/** What an entry is: a message of the application, or one that channels write themselves. */
export type EntryKind = "message" | "join" | "leave" | "lost" | "control";

/** What is to be kept. */
export interface NewEntry {
  /** What it is. */
  readonly kind: EntryKind;
  /** JSON text, or bytes: the log keeps either as it is. Bytes must not be changed until the append has settled. */
  readonly data: string | Uint8Array;
  /** Small texts that go along; null for none. */
  readonly headers: Readonly<Record<string, string>> | null;
}

/** What is kept. */
export interface Entry extends NewEntry {
  /** Its place, 1 for the first of its epoch. */
  readonly offset: number;
  /** When the log took it, in ms since 1970, by the log's clock. */
  readonly time: number;
}

/** How much of a stream is kept; what is beyond any of these goes, oldest first. */
export interface Retention {
  /** Entries. */
  readonly size: number;
  /** Bytes of data. */
  readonly bytes: number;
  /** Age in ms. */
  readonly age: number;
}

/** How an entry is appended. */
export interface AppendOptions {
  /** What is kept of the stream from now on. */
  readonly keep: Retention;
  /** Makes it idempotent: an entry with this id that was appended within `dedupeAge` stands for this one. */
  readonly id?: string;
  /** How long an id is remembered, in ms: at least so long, whether its entry is still kept or not. */
  readonly dedupeAge: number;
}

/** Where an entry stands. */
export interface Appended {
  /** Life of the stream. */
  readonly epoch: string;
  /** Place in it. */
  readonly offset: number;
  /** It was there already, under the same id. */
  readonly duplicate: boolean;
}

/** Why entries are not kept any more: too many of them, or too old. */
export type TrimReason = "trimmed" | "expired";

/** A part of a stream. */
export interface Page {
  /** Life of the stream. A stream that was never written has one as well, and keeps it when it is written. */
  readonly epoch: string;
  /** Offset of the last entry that was appended; 0 if there was none. */
  readonly top: number;
  /** Offset of the oldest entry that is kept; `top + 1` if none is. What was removed by `remove()` is no reason for it to move. */
  readonly first: number;
  /** Why what stood before `first` is gone; null if nothing is. */
  readonly trimmedBy: TrimReason | null;
  /** Entries behind the asked offset, in order; removed ones are passed over. */
  readonly entries: readonly Entry[];
  /** Nothing is kept behind these entries: what comes next is new. */
  readonly complete: boolean;
}

/** How much `read()` gives at most; it gives one entry at least, if there is one. */
export interface ReadLimit {
  /** Entries. */
  readonly count: number;
  /** Bytes of data. */
  readonly bytes: number;
}

/** Something was appended. */
export interface Notice {
  /** Life of the stream. */
  readonly epoch: string;
  /** Offset of the last entry. */
  readonly top: number;
  /** The entry at `top`, where it is at hand; else it has to be read. */
  readonly entry: Entry | null;
}

/** What somebody holds for a time. */
export interface Lease {
  /** Its name within its group. */
  readonly name: string;
  /** What its holder says. */
  readonly value: string;
  /** What the first holder has said, and one more each time it is taken; it begins anew when it was released or forgotten. */
  readonly generation: number;
  /** Its time is over; it is there until somebody releases or takes it, or the log forgets it. */
  readonly expired: boolean;
}

/** What `take()` gives. */
export interface Taken {
  /** Whose turn it is now. */
  readonly generation: number;
  /** What was there before, expired or not; null if nothing was. */
  readonly previous: Lease | null;
}

/**
 * Keeps entries and leases. All rejections are `ChannelLogError`s. Appends of one process to one stream are kept in the
 * order in which they were called.
 */
export interface ChannelLog {
  /** Its name, for messages: `memory`, `file`, `redis`. */
  readonly name: string;
  /** Other processes may write to it: notices may be lost, and an instance's peers are worth looking for. */
  readonly shared: boolean;
  /**
   * Appends. Fulfils when the entry is kept as durably as this log promises, together with its id, or with neither.
   *
   * @throws {ChannelLogError} It was not kept, or nobody knows whether it was: repeating it with the same id is safe.
   */
  append(stream: string, entry: NewEntry, options: AppendOptions): Promise<Appended>;
  /** Reads behind `after`; 0 reads from the oldest that is kept. Beyond the top there is nothing, which is no error. */
  read(stream: string, after: number, limit: ReadLimit): Promise<Page>;
  /** The same without entries, for many streams at once: whether notices of them were lost. In the order of `streams`. */
  tops(streams: readonly string[]): Promise<readonly Pick<Page, "epoch" | "top">[]>;
  /**
   * Tells of appends to a stream from the moment it fulfils, until the function that it gives is called. Notices come in
   * order, one may stand for several appends, and where the log is shared some may be lost. Never called from within
   * `follow()`; `heard` does not throw.
   */
  follow(stream: string, heard: (notice: Notice) => void): Promise<() => void>;
  /** Forgets one entry, as if it had not been kept; its offset is not used again. False if it was not there. */
  remove(stream: string, offset: number): Promise<boolean>;
  /** Streams that were written and begin with `prefix`, at most `limit` of them, by name. */
  streams(prefix: string, limit: number): Promise<readonly string[]>;
  /**
   * Takes a lease, whoever has it, for `ttl` ms (Infinity for always).
   *
   * @param linger How long it is told as expired when its time is over, in ms. Then a log may forget it, and no call
   * knows any more that it was there. Left out, it is there for as long as nobody releases it.
   * @param first The generation of a first holder. @default 1
   */
  take(group: string, name: string, value: string, ttl: number, linger?: number, first?: number): Promise<Taken>;
  /**
   * Prolongs a lease; false if it has another generation by now, or is gone. A value replaces the one there.
   *
   * @param linger As `take()` has it, from now on.
   */
  renew(
    group: string,
    name: string,
    generation: number,
    ttl: number,
    value?: string,
    linger?: number,
  ): Promise<boolean>;
  /** Gives a lease back; true for exactly one caller, and only while it has this generation. */
  release(group: string, name: string, generation: number): Promise<boolean>;
  /** Leases of a group, by name; expired ones as well. */
  leases(group: string): Promise<readonly Lease[]>;
  /** Lets everything go that it holds; what was acknowledged stays as durable as promised. Idempotent. */
  close(): Promise<void>;
}
