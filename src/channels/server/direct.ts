/**
 * Direct messages: a queue for each user, and for each session, kept until the application at the other end has
 * acknowledged them.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { OWN } from "../channel_name.ts";
import { ChannelError } from "../channels_errors.ts";
import type { ChannelLog, Entry, NewEntry, Notice, Retention } from "../log/log_api.ts";
import { type ControlMessage, instanceStream, tell } from "./control.ts";
import type { DirectEnd } from "./link.ts";
import type { Follower, Notices } from "./notices.ts";
import type { Session } from "./session.ts";
import type { SessionWatcher } from "./sessions.ts";

/** What it needs. */
export interface DirectWorld {
  readonly log: ChannelLog;
  readonly clock: Clock;
  readonly notices: Notices;
  readonly instance: string;
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

/** Queues of users, and of sessions. */
const USER = `${OWN}user:`;
const SESSION = `${OWN}session:`;

/** What is read at once. */
const PAGE_BYTES = 256 * 1024;

/** Nacked messages come back after so long at the most, in ms. */
const MAX_DELAY = 24 * 60 * 60 * 1000;

/** A message that a session has, and has not acknowledged. */
interface InFlight {
  readonly offset: number;
  readonly generation: number;
}

/** One session's place in one queue. */
interface Place {
  readonly session: Session;
  /** Offset of what was given to it last. */
  cursor: number;
  readonly inFlight: Map<number, InFlight>;
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

  heard(notice: Notice): void {
    if (this.epoch === "" || notice.epoch !== this.epoch || notice.top > 0) this.#heard();
  }
}

/** All queues of this instance's sessions. */
export class DirectQueues implements DirectEnd, SessionWatcher {
  readonly #world: DirectWorld;
  readonly #queues: Map<string, Queue> = new Map();
  /** Who waits for an acknowledgement, by queue and offset. */
  readonly #waiting: Map<string, (dead: boolean) => void> = new Map();

  constructor(world: DirectWorld) {
    this.#world = world;
  }

  /** Queues a message. @param id Makes it idempotent; null for none. */
  async send(stream: string, id: string | null, entry: NewEntry, dedupeAge: number, waits: boolean): Promise<number> {
    const { log, keep, instance } = this.#world;
    const headers = waits ? { ...entry.headers, [WAITS]: instance } : entry.headers;
    const options = { keep, dedupeAge, ...(id === null ? {} : { id }) };
    return (await log.append(stream, { ...entry, headers }, options)).offset;
  }

  /**
   * Fulfils when a message is acknowledged.
   *
   * @throws {ChannelError} It is a dead letter.
   */
  async acknowledgement(stream: string, offset: number, signal: AbortSignal | undefined): Promise<void> {
    const key = keyOf(stream, offset);
    const { promise, resolve, reject } = deferred<boolean>();
    const given = (): void => reject(signal!.reason);
    signal?.addEventListener("abort", given, { once: true });
    this.#waiting.set(key, resolve);
    try {
      // It may have been there already, under the same id, and have been dealt with.
      const { entries } = await this.#world.log.read(stream, offset - 1, { count: 1, bytes: 1 });
      if (entries[0]?.offset !== offset) return;
      if (await promise) throw new ChannelError("too-many", "The message was refused too often: it is a dead letter");
    } finally {
      this.#waiting.delete(key);
      signal?.removeEventListener("abort", given);
    }
  }

  /** Another instance has told. */
  heard(message: ControlMessage): void {
    if (message.type === "settled") this.#waiting.get(keyOf(message.queue, message.offset))?.(message.dead);
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

  acknowledged(session: Session, ids: unknown): void {
    if (!Array.isArray(ids)) return;
    for (const id of ids) {
      const found = this.#find(session, id);
      if (found === null) continue;
      const [queue, { offset }] = found;
      void this.#settle(queue, session, offset, false).catch((error) =>
        this.#world.failed("Acknowledging a direct message failed", error)
      );
    }
  }

  refused(session: Session, id: unknown, delay: unknown): void {
    const found = this.#find(session, id);
    if (found === null) return;
    const [queue, { offset }] = found;
    const place = queue.places.get(session)!;
    place.inFlight.delete(offset);
    const wait = typeof delay === "number" && delay >= 0 ? Math.min(delay, MAX_DELAY) : 0;
    const { clock } = this.#world;
    const later = clock.setIdleTimer ?? clock.setTimer;
    place.timers.set(
      offset,
      later.call(clock, () => {
        place.timers.delete(offset);
        place.due.push(offset);
        void this.#pump(queue, place);
      }, wait),
    );
    void this.#pump(queue, place);
  }

  /** A message was queued by this instance: the log tells, where it is followed. */
  wake(stream: string): void {
    for (const session of this.#world.connected(stream)) {
      const place = this.#queues.get(stream)?.places.get(session);
      if (place === undefined) void this.#open(session, stream);
      else void this.#pump(this.#queues.get(stream)!, place);
    }
  }

  /** Most sessions have no direct messages; where only this process writes some, theirs need not be followed. */
  async #look(session: Session): Promise<void> {
    const { log } = this.#world;
    const streams = queuesOf(session);
    try {
      const tops = await log.tops(streams);
      const wanted = streams.filter((_, index) => log.shared || tops[index].top > 0);
      await Promise.all(wanted.map((stream) => session.link === null ? undefined : this.#open(session, stream)));
    } catch (error) {
      this.#world.failed("Looking for direct messages failed", error);
    }
  }

  async #open(session: Session, stream: string): Promise<void> {
    const { log, notices } = this.#world;
    let queue = this.#queues.get(stream);
    const isNew = queue === undefined;
    if (queue === undefined) {
      const made = new Queue(stream, () => this.#pumpAll(made));
      this.#queues.set(stream, queue = made);
    }
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
    try {
      if (isNew && log.shared) {
        const unfollow = await log.follow(stream, (notice) => queue.heard(notice));
        if (this.#queues.get(stream) !== queue) return unfollow();
        queue.unfollow = unfollow;
        notices.add(queue);
      }
      await this.#pump(queue, place);
    } catch (error) {
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
    try {
      while (place.again && queue.places.get(place.session) === place) {
        place.again = false;
        await this.#pumpOnce(queue, place);
      }
    } catch (error) {
      this.#world.failed("Reading a direct queue failed", error);
    } finally {
      place.isPumping = false;
    }
  }

  async #pumpOnce(queue: Queue, place: Place): Promise<void> {
    const { log, window } = this.#world;
    while (place.due.length > 0 && place.inFlight.size < window) {
      const offset = place.due.shift()!;
      const { entries } = await log.read(queue.stream, offset - 1, { count: 1, bytes: 1 });
      if (entries[0]?.offset === offset) await this.#deliver(queue, place, entries[0]);
    }
    const room = window - place.inFlight.size;
    if (room <= 0) return;
    const page = await log.read(queue.stream, place.cursor, { count: room, bytes: PAGE_BYTES });
    if (queue.epoch !== page.epoch) {
      const isAnother = queue.epoch !== "";
      queue.epoch = page.epoch;
      if (isAnother) { for (const each of queue.places.values()) forget(each); }
      if (isAnother) return void (place.again = true);
    }
    for (const entry of page.entries) {
      if (queue.places.get(place.session) !== place) return;
      place.cursor = entry.offset;
      await this.#deliver(queue, place, entry);
    }
    if (!page.complete) place.again = true;
  }

  async #deliver(queue: Queue, place: Place, entry: Entry): Promise<void> {
    const { log, keep, attempts } = this.#world;
    const { offset } = entry;
    const { generation } = await log.take(triesOf(queue.stream), String(offset), "", keep.age);
    if (generation > attempts) return await this.#bury(queue, place.session, entry, generation);
    place.inFlight.set(offset, { offset, generation });
    const { [WAITS]: _, ...headers } = entry.headers ?? {};
    const data = typeof entry.data === "string" ? JSON.parse(entry.data) : entry.data;
    const id = `${queue.letter}${offset}.${queue.epoch}`;
    place.session.link?.say(["d", id, generation, data, headers]);
  }

  async #bury(queue: Queue, session: Session, entry: Entry, generation: number): Promise<void> {
    const { log, keep } = this.#world;
    const { kind, data, headers } = entry;
    await log.append(deadStream(queue.stream), { kind, data, headers }, {
      keep,
      dedupeAge: keep.age,
      id: `${queue.epoch}:${entry.offset}`,
    });
    this.#world.failed(
      "A direct message is a dead letter",
      new Error(`It was given to its receiver ${generation - 1} times and not acknowledged (${queue.stream})`),
    );
    await this.#settle(queue, session, entry.offset, true);
  }

  /** A message is dealt with. */
  async #settle(queue: Queue, session: Session, offset: number, dead: boolean): Promise<void> {
    const { log } = this.#world;
    const inFlight = queue.places.get(session)?.inFlight.get(offset);
    const waits = await this.#waiterOf(queue.stream, offset);
    if (await log.remove(queue.stream, offset)) {
      if (waits !== null) await this.#tellWaiter(waits, queue.stream, offset, dead);
      if (inFlight !== undefined) await log.release(triesOf(queue.stream), String(offset), inFlight.generation);
    }
    for (const place of queue.places.values()) {
      if (place.inFlight.delete(offset)) void this.#pump(queue, place);
    }
  }

  async #waiterOf(stream: string, offset: number): Promise<string | null> {
    const { entries } = await this.#world.log.read(stream, offset - 1, { count: 1, bytes: 1 });
    return entries[0]?.offset === offset ? entries[0].headers?.[WAITS] ?? null : null;
  }

  async #tellWaiter(instance: string, queue: string, offset: number, dead: boolean): Promise<void> {
    const message = { type: "settled", queue, offset, dead } as const;
    if (instance === this.#world.instance) this.heard(message);
    else await tell(this.#world.log, instanceStream(instance), message);
  }

  /** What an id names, if this session has it. */
  #find(session: Session, id: unknown): readonly [Queue, InFlight] | null {
    const match = typeof id === "string" ? /^([us])(\d{1,16})\.(.+)$/.exec(id) : null;
    if (match === null) return null;
    const [, letter, offset, epoch] = match;
    const queue = this.#queues.get(letter === "u" ? userStream(session.user) : sessionStream(session.id));
    const inFlight = queue?.places.get(session)?.inFlight.get(Number(offset));
    return queue === undefined || inFlight === undefined || queue.epoch !== epoch ? null : [queue, inFlight];
  }
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
export function deadStream(queue: string): string {
  return `${OWN}dead:${queue.slice(OWN.length)}`;
}

function queuesOf({ user, id }: Session): readonly string[] {
  return [userStream(user), sessionStream(id)];
}

function triesOf(stream: string): string {
  return `tries:${stream}`;
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

function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((fulfil, fail) => {
    resolve = fulfil;
    reject = fail;
  });
  return { promise, resolve, reject };
}
