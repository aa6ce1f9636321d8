/**
 * Direct messages: a queue for each user, and for each session, kept until the application at the other end has
 * acknowledged them.
 *
 * @module
 */
import { type Clock, idleTimer, nextTurn } from "../../clock.ts";
import { OWN } from "../channel_name.ts";
import { ChannelError } from "../channels_errors.ts";
import type { Appended, ChannelLog, Entry, NewEntry, Notice, Retention } from "../log/log_api.ts";
import { type ControlMessage, instanceStream, tell } from "./control.ts";
import { idle, ONE } from "./asking.ts";
import type { ChannelCounts } from "./counts.ts";
import { deferred } from "./deferred.ts";
import type { DirectEnd } from "./link.ts";
import type { Follower, Notices } from "./notices.ts";
import { Owed } from "./owed.ts";
import type { Session } from "./session.ts";
import type { SessionWatcher } from "./sessions.ts";

/** What it needs. */
export interface DirectWorld {
  readonly log: ChannelLog;
  readonly clock: Clock;
  readonly notices: Notices;
  readonly instance: string;
  readonly counts: ChannelCounts;
  readonly keep: Retention;
  /** Deliveries, after which it is a dead letter. */
  readonly attempts: number;
  /** Messages that one session may leave unacknowledged. */
  readonly window: number;
  /** Sessions of this instance that have this queue and a connection. */
  connected(stream: string): readonly Session[];
  failed(what: string, error: unknown): void;
}

/** The instance that waits for the acknowledgement; no client sees it. */
const WAITS = "sluice-waits";

/** Which message of its queue a dead letter was. */
const WAS = "sluice-was";

/** Queues of users, and of sessions. */
const USER = `${OWN}user:`;
const SESSION = `${OWN}session:`;

/** What is read at once. */
const PAGE_BYTES = 256 * 1024;
const DEAD_PAGE = { count: 1000, bytes: PAGE_BYTES } as const;

/** Nacked messages come back after so long at the most, in ms. */
const MAX_DELAY = 24 * 60 * 60 * 1000;

/** Deliveries are counted for so long behind the last one, in ms, even of messages that are kept for ever. */
const MAX_TRIES_AGE = 30 * MAX_DELAY;

/** A log that failed is asked again after so long, in ms. */
const RETRY = 1000;

/** Whoever waits for an acknowledgement looks so often whether word of it was lost, in ms. */
const LOOK = 5000;

/** So many acknowledgements of one session may be under way at least, however small its window is, and begin in a turn. */
const MIN_OWED = 64;

/** Names one message of a queue. */
interface Letter {
  readonly stream: string;
  readonly epoch: string;
  readonly offset: number;
}

/** Who waits for an acknowledgement. */
interface Waiter {
  /** It is acknowledged, or a dead letter. */
  settled(dead: boolean): void;
  failed(error: unknown): void;
}

/** One session's place in one queue. */
interface Place {
  readonly session: Session;
  /** Offset of what was given to it last. */
  cursor: number;
  /** Deliveries by offset of what it has, and has not acknowledged. */
  readonly inFlight: Map<number, number>;
  /** Offsets that were refused, and whose time to come again is there. */
  due: number[];
  readonly timers: Map<number, () => void>;
  isPumping: boolean;
  again: boolean;
}

/** One queue that a session of this instance has. */
class Queue implements Follower {
  readonly stream: string;
  /** How its messages are named: `u` of a user, `s` of a session. */
  readonly letter: string;
  readonly places: Map<Session, Place> = new Map();
  readonly #heard: () => void;
  epoch = "";
  unfollow: () => void = () => {};

  constructor(stream: string, heard: () => void) {
    this.stream = stream;
    this.letter = stream.startsWith(USER) ? "u" : "s";
    this.#heard = heard;
  }

  heard({ epoch, top }: Notice): void {
    if (epoch !== this.epoch || [...this.places.values()].some(({ cursor }) => cursor < top)) this.#heard();
  }
}

/** All queues of this instance's sessions. */
export class DirectQueues implements DirectEnd, SessionWatcher {
  readonly #world: DirectWorld;
  readonly #queues: Map<string, Queue> = new Map();
  /** Who waits for an acknowledgement, by queue and offset. */
  readonly #waiting: Map<string, Set<Waiter>> = new Map();

  /** Acknowledgements that are not written down. */
  readonly #owed: Owed;

  constructor(world: DirectWorld) {
    this.#world = world;
    this.#owed = new Owed(Math.max(world.window, MIN_OWED));
  }

  /** Messages that clients have, and have not acknowledged. */
  get unacknowledged(): number {
    let count = 0;
    for (const { places } of this.#queues.values()) for (const { inFlight } of places.values()) count += inFlight.size;
    return count;
  }

  /** Queues a message. @param id Makes it idempotent; null for none. */
  async send(stream: string, id: string | null, entry: NewEntry, dedupeAge: number, waits: boolean): Promise<Appended> {
    const { log, keep, instance, counts } = this.#world;
    const headers = waits ? { ...entry.headers, [WAITS]: instance } : entry.headers;
    const options = { keep, dedupeAge, ...(id === null ? {} : { id }) };
    const appended = await log.append(stream, { ...entry, headers }, options);
    if (!appended.duplicate) counts.direct.sent++;
    return appended;
  }

  /**
   * Fulfils when a message is acknowledged.
   *
   * @throws {ChannelError} It is a dead letter, or not kept any more.
   */
  async acknowledgement(letter: Letter, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = deferred<boolean>();
    const given = (): void => reject(signal!.reason);
    if (signal?.aborted === true) given();
    signal?.addEventListener("abort", given, { once: true });
    const waiter: Waiter = { settled: resolve, failed: reject };
    const stop = this.#wait(letter, waiter);
    try {
      if (await promise) throw new ChannelError("too-many", "The message was refused too often: it is a dead letter");
    } finally {
      stop();
      signal?.removeEventListener("abort", given);
    }
  }

  #wait(letter: Letter, waiter: Waiter): () => void {
    const { clock } = this.#world;
    const key = keyOf(letter.stream, letter.offset);
    const waiters = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiters.add(waiter));
    let cancel = (): void => {};
    const look = async (): Promise<void> => {
      await this.#lookFor(letter, waiter);
      if (waiters.has(waiter)) cancel = idleTimer(clock, () => void look(), LOOK);
    };
    // It may have been there already, under the same id, and have been dealt with.
    void look();
    return () => {
      cancel();
      waiters.delete(waiter);
      if (waiters.size === 0 && this.#waiting.get(key) === waiters) this.#waiting.delete(key);
    };
  }

  /** Word of an acknowledgement may be lost, or be told to another who waits for it. */
  async #lookFor({ stream, epoch, offset }: Letter, waiter: Waiter): Promise<void> {
    try {
      const page = await this.#world.log.read(stream, offset - 1, ONE);
      if (page.epoch !== epoch) {
        waiter.failed(new ChannelError("unavailable", "The log was lost, and the message with it"));
      } else if (page.first > offset) {
        waiter.failed(new ChannelError("expired", "The message was not kept until somebody acknowledged it"));
      } else if (page.entries[0]?.offset !== offset) waiter.settled(await this.#isDead(stream, wasOf(epoch, offset)));
    } catch (error) {
      this.#world.failed("Looking for an acknowledgement failed", error);
    }
  }

  /** What is not in its queue any more was acknowledged, or is among its dead letters. */
  async #isDead(stream: string, was: string): Promise<boolean> {
    const { log } = this.#world;
    for (let after = 0;;) {
      const { entries, complete } = await log.read(deadStream(stream), after, DEAD_PAGE);
      if (entries.some(({ headers }) => headers?.[WAS] === was)) return true;
      if (complete || entries.length === 0) return false;
      after = entries[entries.length - 1].offset;
    }
  }

  /** Nobody is told any more. */
  close(): void {
    const error = new ChannelError("unavailable", "The channels are closed");
    for (const waiters of this.#waiting.values()) for (const waiter of waiters) waiter.failed(error);
  }

  /** Another instance has told. */
  heard(message: ControlMessage): void {
    if (message.type !== "settled") return;
    for (const waiter of this.#waiting.get(keyOf(message.queue, message.offset)) ?? []) waiter.settled(message.dead);
  }

  attached(session: Session): void {
    void this.#look(session);
  }

  detached(session: Session): void {
    for (const stream of queuesOf(session)) this.#close(session, stream);
  }

  ended(session: Session): void {
    this.detached(session);
  }

  async acknowledged(session: Session, ids: unknown): Promise<void> {
    if (!Array.isArray(ids)) return;
    for (const [at, id] of ids.entries()) {
      // Others have their turn, however long the list is.
      if (at > 0 && at % MIN_OWED === 0) await new Promise<void>((resolve) => nextTurn(this.#world.clock, resolve));
      const letter = letterOf(session, id);
      if (letter !== null) this.#owed.add(session, this.#acknowledge(session, letter));
      const room = this.#owed.room(session);
      if (room !== null) await room;
    }
  }

  refused(session: Session, id: unknown, delay: unknown): void {
    const letter = letterOf(session, id);
    const queue = letter === null ? undefined : this.#queues.get(letter.stream);
    const place = queue?.places.get(session);
    if (letter === null || queue === undefined || place === undefined || queue.epoch !== letter.epoch) return;
    const { offset } = letter;
    if (!place.inFlight.delete(offset)) return;
    this.#world.counts.direct.refused++;
    const wait = typeof delay === "number" && delay >= 0 ? Math.min(delay, MAX_DELAY) : 0;
    const { clock } = this.#world;
    const cancel = idleTimer(clock, () => {
      place.timers.delete(offset);
      place.due.push(offset);
      void this.#pump(queue, place);
    }, wait);
    place.timers.set(offset, cancel);
    void this.#pump(queue, place);
  }

  /** A message was queued by this instance: the log tells, where it is followed. */
  wake(stream: string): void {
    for (const session of this.#world.connected(stream)) {
      const queue = this.#queues.get(stream);
      const place = queue?.places.get(session);
      if (queue === undefined || place === undefined) this.#open(session, stream);
      else void this.#pump(queue, place);
    }
  }

  /** Most sessions have no direct messages; where only this process writes some, theirs need not be followed. */
  async #look(session: Session): Promise<void> {
    const { log } = this.#world;
    let streams = queuesOf(session);
    try {
      const tops = log.shared ? [] : await log.tops(streams);
      streams = streams.filter((_, index) => log.shared || tops[index].top > 0);
    } catch (error) {
      this.#world.failed("Looking for direct messages failed", error);
    }
    for (const stream of streams) if (session.link !== null) this.#open(session, stream);
  }

  #open(session: Session, stream: string): void {
    let queue = this.#queues.get(stream);
    if (queue === undefined) {
      const made = new Queue(stream, () => this.#pumpAll(made));
      this.#queues.set(stream, queue = made);
      if (this.#world.log.shared) void this.#follow(queue);
    }
    if (queue.places.has(session)) return;
    const place: Place = {
      session,
      cursor: 0,
      inFlight: new Map(),
      due: [],
      timers: new Map(),
      isPumping: false,
      again: false,
    };
    queue.places.set(session, place);
    void this.#pump(queue, place);
  }

  async #follow(queue: Queue): Promise<void> {
    const { log, notices } = this.#world;
    notices.add(queue);
    try {
      const unfollow = await log.follow(queue.stream, (notice) => queue.heard(notice));
      if (this.#queues.get(queue.stream) !== queue) return unfollow();
      queue.unfollow = unfollow;
      // What was told before was not heard.
      this.#pumpAll(queue);
    } catch (error) {
      // It is looked at once in a while all the same.
      this.#world.failed("Following a direct queue failed", error);
    }
  }

  #close(session: Session, stream: string): void {
    const queue = this.#queues.get(stream);
    const place = queue?.places.get(session);
    if (queue === undefined || place === undefined) return;
    for (const cancel of place.timers.values()) cancel();
    queue.places.delete(session);
    if (queue.places.size > 0) return;
    this.#queues.delete(stream);
    this.#world.notices.remove(queue);
    queue.unfollow();
  }

  #pumpAll(queue: Queue): void {
    for (const place of queue.places.values()) void this.#pump(queue, place);
  }

  /** Gives a session what its window has room for. */
  async #pump(queue: Queue, place: Place): Promise<void> {
    place.again = true;
    if (place.isPumping) return;
    place.isPumping = true;
    while (place.again && isActive(queue, place)) {
      place.again = false;
      try {
        await this.#pumpOnce(queue, place);
      } catch (error) {
        if (!isActive(queue, place)) break;
        this.#world.failed(`Reading a direct queue failed, again in ${RETRY} ms`, error);
        await idle(this.#world.clock, RETRY);
        place.again = true;
      }
    }
    place.isPumping = false;
  }

  async #pumpOnce(queue: Queue, place: Place): Promise<void> {
    const { log, window } = this.#world;
    while (place.due.length > 0 && place.inFlight.size < window) {
      const [offset] = place.due;
      const { entries } = await log.read(queue.stream, offset - 1, ONE);
      if (entries[0]?.offset === offset) await this.#deliver(queue, place, entries[0]);
      if (place.due[0] === offset) place.due.shift();
    }
    const room = window - place.inFlight.size;
    if (room <= 0) {
      const [{ epoch }] = await log.tops([queue.stream]);
      return this.#isOf(queue, epoch) ? undefined : this.#begunAnew(queue);
    }
    const page = await log.read(queue.stream, place.cursor, { count: room, bytes: PAGE_BYTES });
    if (!this.#isOf(queue, page.epoch)) return this.#begunAnew(queue);
    for (const entry of page.entries) {
      if (!isActive(queue, place) || queue.epoch !== page.epoch) return;
      await this.#deliver(queue, place, entry);
      if (queue.epoch === page.epoch) place.cursor = entry.offset;
    }
    if (!page.complete) place.again = true;
    else if (queue.epoch === page.epoch) place.cursor = Math.max(place.cursor, page.top);
  }

  /** False if it was in another life of the log up to now. */
  #isOf(queue: Queue, epoch: string): boolean {
    const isOf = queue.epoch === "" || queue.epoch === epoch;
    queue.epoch = epoch;
    return isOf;
  }

  /** Another life of the log: what was under way is void. */
  #begunAnew(queue: Queue): void {
    for (const place of queue.places.values()) {
      forget(place);
      void this.#pump(queue, place);
    }
  }

  async #deliver(queue: Queue, place: Place, entry: Entry): Promise<void> {
    const { log, keep, attempts } = this.#world;
    const { offset } = entry;
    const { epoch, stream, letter } = queue;
    const { generation } = await log.take(triesOf(stream), String(offset), "", triesAge(keep), 0);
    if (!isActive(queue, place) || queue.epoch !== epoch) return;
    if (log.shared || queue.places.size > 1) {
      // Another session may have dealt with it since it was read: then nobody counts its deliveries any more.
      const { entries } = await log.read(stream, offset - 1, ONE);
      if (entries[0]?.offset !== offset) return await this.#forgetTries(stream, offset, generation);
      if (!isActive(queue, place) || queue.epoch !== epoch) return;
    }
    if (generation > attempts) return await this.#bury({ stream, epoch, offset }, entry, generation);
    place.inFlight.set(offset, generation);
    this.#world.counts.direct[generation === 1 ? "delivered" : "redelivered"]++;
    const { [WAITS]: _, ...headers } = entry.headers ?? {};
    const data = typeof entry.data === "string" ? JSON.parse(entry.data) : entry.data;
    place.session.link?.say(["d", `${letter}${offset}.${epoch}`, generation, data, headers]);
  }

  async #bury(letter: Letter, entry: Entry, generation: number): Promise<void> {
    const { log, keep } = this.#world;
    const { stream, epoch, offset } = letter;
    const { kind, data, headers } = entry;
    const id = wasOf(epoch, offset);
    const told = { ...headers, [WAS]: id };
    await log.append(deadStream(stream), { kind, data, headers: told }, { keep, dedupeAge: keep.age, id });
    this.#world.counts.direct.dead++;
    this.#world.failed(
      "A direct message is a dead letter",
      new Error(`It was given to its receiver ${generation - 1} times and not acknowledged (${stream})`),
    );
    await this.#settle(letter, generation, true);
  }

  /** Its client does not say so again on this connection: the log is asked until it has heard. */
  async #acknowledge(session: Session, letter: Letter): Promise<void> {
    const { connections } = session;
    for (;;) {
      try {
        const generation = this.#queues.get(letter.stream)?.places.get(session)?.inFlight.get(letter.offset) ?? 0;
        await this.#settle(letter, generation, false);
        return void this.#world.counts.direct.acknowledged++;
      } catch (error) {
        this.#world.failed("Acknowledging a direct message failed", error);
      }
      await idle(this.#world.clock, RETRY);
      // It comes again on the next connection, and is acknowledged there.
      if (session.link === null || session.connections !== connections) return;
    }
  }

  /** A message is dealt with. @param generation That of its last delivery, as far as is known. */
  async #settle({ stream, epoch, offset }: Letter, generation: number, dead: boolean): Promise<void> {
    const { log } = this.#world;
    const page = await log.read(stream, offset - 1, ONE);
    if (page.epoch !== epoch) return;
    const entry = page.entries[0]?.offset === offset ? page.entries[0] : null;
    const waits = entry?.headers?.[WAITS];
    // Before it is gone: whoever looks for it then takes it for acknowledged.
    if (waits !== undefined) await this.#tellWaiter(waits, stream, offset, dead);
    const isRemoved = entry !== null && await log.remove(stream, offset);
    // It may be gone by a call that failed all the same.
    if (isRemoved || (entry === null && generation > 0)) await this.#forgetTries(stream, offset, generation);
    const queue = this.#queues.get(stream);
    if (queue?.epoch !== epoch) return;
    for (const place of queue.places.values()) {
      if (place.inFlight.delete(offset)) void this.#pump(queue, place);
    }
  }

  async #forgetTries(stream: string, offset: number, generation: number): Promise<void> {
    const { log, keep } = this.#world;
    const group = triesOf(stream);
    if (await log.release(group, String(offset), generation)) return;
    // Another session of this user had it later.
    const last = await log.take(group, String(offset), "", triesAge(keep), 0);
    await log.release(group, String(offset), last.generation);
  }

  async #tellWaiter(instance: string, queue: string, offset: number, dead: boolean): Promise<void> {
    const message = { type: "settled", queue, offset, dead } as const;
    if (instance === this.#world.instance) this.heard(message);
    else await tell(this.#world.log, instanceStream(instance), message);
  }
}

/** What an id names, if it is of a queue of that session. */
function letterOf(session: Session, id: unknown): Letter | null {
  const match = typeof id === "string" ? /^([us])(\d{1,15})\.(.+)$/.exec(id) : null;
  if (match === null) return null;
  const [, letter, offset, epoch] = match;
  return {
    stream: letter === "u" ? userStream(session.user) : sessionStream(session.id),
    epoch,
    offset: Number(offset),
  };
}

/** Its session is connected, and has not come back since. */
function isActive(queue: Queue, place: Place): boolean {
  return queue.places.get(place.session) === place;
}

/** The queue of a user. */
export function userStream(user: string): string {
  return USER + user;
}

/** The queue of a session. */
export function sessionStream(session: string): string {
  return SESSION + session;
}

/** Whose queue it is. */
export function ownerOf(stream: string): { readonly user: string } | { readonly session: string } {
  return stream.startsWith(USER) ? { user: stream.slice(USER.length) } : { session: stream.slice(SESSION.length) };
}

/** Where the dead letters of a queue are. */
function deadStream(queue: string): string {
  return `${OWN}dead:${queue.slice(OWN.length)}`;
}

function queuesOf({ user, id }: Session): readonly string[] {
  return [userStream(user), sessionStream(id)];
}

function triesOf(stream: string): string {
  return `tries:${stream}`;
}

/** A message that is too old to be delivered needs no count any more. */
function triesAge({ age }: Retention): number {
  return Math.min(age, MAX_TRIES_AGE);
}

function wasOf(epoch: string, offset: number): string {
  return `${epoch}:${offset}`;
}

function keyOf(stream: string, offset: number): string {
  return `${offset} ${stream}`;
}

/** Another life of the log: what was under way is void. */
function forget(place: Place): void {
  for (const cancel of place.timers.values()) cancel();
  place.timers.clear();
  place.inFlight.clear();
  place.due = [];
  place.cursor = 0;
}
