/**
 * Who is a member of which channel. Joins and leaves are messages of the channel; who is there is kept in leases that
 * hang under a life of their instance.
 *
 * @module
 */
import { type Clock, idleTimer } from "../../clock.ts";
import type { Member, PresenceChange } from "../channels_api.ts";
import type { ChannelLog, EntryKind, Lease } from "../log/log_api.ts";
import { FIRST_RETRY, idle, nextRetry } from "./asking.ts";
import { Owed } from "./owed.ts";
import type { Session } from "./session.ts";
import type { SessionWatcher } from "./sessions.ts";
import type { PresenceEnd } from "./subscriptions.ts";

/** What it needs. */
export interface PresenceWorld {
  readonly log: ChannelLog;
  readonly clock: Clock;
  readonly instance: string;
  /** How long a session waits for its client, in ms. */
  readonly expiry: number;
  /** Longest that a member may say of itself, as JSON. */
  readonly maxMessageBytes: number;
  /** Which life of this instance it is: another one is begun by whoever was taken for lost. */
  life(): string;
  /** Null, or what fulfils when that life has a lease: what is written under one without, nobody would find. */
  held(): Promise<void> | null;
  failed(what: string, error: unknown): void;
  /** Appends to a channel. @param id Makes it idempotent. */
  append(channel: string, kind: EntryKind, json: string, id: string): Promise<unknown>;
  /** Tells the instance where a session was before that it is here, and of which channels it is a member. */
  arrived(instance: string, session: string, turn: number, channels: readonly string[]): Promise<void>;
  /** Whether another instance has a session by now. */
  isElsewhere(session: string): Promise<boolean>;
  /** Whether anybody has taken a session since this instance did. */
  isTakenSince(session: Session): Promise<boolean>;
}

/** One membership that was taken here. */
interface Membership {
  readonly session: Session;
  readonly channel: string;
  readonly life: string;
  readonly data: unknown;
  readonly generation: number;
  /** Arrival of the session under which it was taken: meanwhile it may have been elsewhere. */
  readonly turn: number;
  /** Connection of the session in which its client has said so last. */
  connection: number;
}

/** Where this instance has members, as it is written down for whoever finds it lost. */
interface Room {
  readonly life: string;
  readonly generation: number;
  members: number;
}

/** What a lease of a member has. Its name has the life under which it was taken: no other life can take it for its own. */
interface Kept extends Member {
  /** Of several leases of one session the one with the highest turn counts. */
  readonly turn: number;
  /** Under which its join is announced. */
  readonly id: string;
}

/** A room whose members are being removed: who goes on with it has to say so, though none may be left. */
const LOSING = "losing";

/** Where members come and go all the time, a list is told though it is behind. */
const MAX_TRIES = 8;

/** So many comings and goings of one session may be under way: all sessions wait in one line. */
const MAX_OWED = 16;

/** Members of this instance. */
export class Presence implements PresenceEnd, SessionWatcher {
  readonly #world: PresenceWorld;
  readonly #bySession: Map<string, Map<string, Membership>> = new Map();
  /** What sessions have left behind that went elsewhere, and may take up there. */
  readonly #behind: Map<string, { readonly memberships: readonly Membership[]; readonly cancel: () => void }> =
    new Map();
  readonly #rooms: Map<string, Room> = new Map();
  readonly #owed: Owed = new Owed(MAX_OWED);
  /** One after the other: what was said last holds. */
  #last: Promise<void> = Promise.resolve();
  #announced = 0;
  #isClosed = false;
  #closing: () => void = () => {};
  readonly #whenClosed: Promise<void> = new Promise((resolve) => this.#closing = resolve);

  constructor(world: PresenceWorld) {
    this.#world = world;
  }

  enter(session: Session, channel: string, data: unknown, announced: Promise<void>): void {
    const { connections } = session;
    const entering = this.#next(`Entering ${channel} failed`, async () => {
      if (session.isOver) return;
      if (JSON.stringify(data ?? null).length > this.#world.maxMessageBytes) {
        return session.link?.say(["refused", channel, "too-large", "A member says too much of itself"]);
      }
      await this.#enter(session, channel, data ?? null, connections);
      // Not waited for here: others enter meanwhile.
      const telling = announced.then(() => this.#tellMembers(session, channel)).catch((error) =>
        this.#world.failed(`Telling who is in ${channel} failed`, error)
      );
      this.#owed.add(session, telling);
    });
    this.#owed.add(session, entering);
  }

  confirm(session: Session): void {
    const { connections, cameFrom, arrival } = session;
    session.cameFrom = null;
    this.#next("Leaving channels failed", async () => {
      for (const { channel, connection } of [...this.#bySession.get(session.id)?.values() ?? []]) {
        if (connection < connections) await this.#leave(session, channel);
      }
      if (cameFrom === null) return;
      const channels = [...this.#bySession.get(session.id)?.keys() ?? []];
      await this.#must(() => this.#world.arrived(cameFrom, session.id, arrival, channels));
    });
  }

  leave(session: Session, channel: string): void {
    this.#owed.add(session, this.#next(`Leaving ${channel} failed`, () => this.#leave(session, channel)));
  }

  room(session: Session): Promise<void> | null {
    return this.#owed.room(session);
  }

  ended(session: Session, moved: boolean): void {
    this.#next("Leaving channels failed", async () => {
      const memberships = [...this.#bySession.get(session.id)?.values() ?? []];
      if (moved) return this.#leaveBehind(session, memberships);
      for (const { channel } of memberships) await this.#leave(session, channel);
    });
  }

  /** A session that was here has said at its new instance of which channels it is a member; null if it has not. */
  arrived(session: string, turn: number, channels: readonly string[] | null): void {
    this.#next("Leaving channels failed", async () => {
      const behind = this.#behind.get(session);
      if (behind === undefined) return;
      behind.cancel();
      this.#behind.delete(session);
      for (const membership of behind.memberships) {
        // A log that has lost its leases counts turns anew: this one may have been taken for the one that counts.
        const isKnown = channels !== null && membership.turn < turn;
        await this.#end(membership, isKnown ? channels.includes(membership.channel) : null);
      }
    });
  }

  /** Who is there. */
  async members(channel: string): Promise<Member[]> {
    return (await this.#countedIn(channel)).map(shown);
  }

  /** A life of an instance is over, and with it all members that it had: one event for each channel. */
  async lost(instance: string, life: string): Promise<void> {
    const { log } = this.#world;
    for (const room of await log.leases(roomsOf(life))) {
      const { name: channel, generation } = room;
      const members = (await log.leases(groupOf(channel))).filter(({ name }) => name.startsWith(`${life}:`));
      if (members.length > 0 || room.value === LOSING) {
        await log.renew(roomsOf(life), channel, generation, Infinity, LOSING);
        for (const member of members) await log.release(groupOf(channel), member.name, member.generation);
        await this.#world.append(channel, "lost", JSON.stringify({ type: "lost", instance }), `lost:${life}`);
        // Who came back before this was written would be gone for all who read it.
        await this.#sayAgain(channel, life, (kept) => kept.instance === instance);
      }
      await log.release(roomsOf(life), channel, generation);
    }
  }

  /** A life of an instance that has left in order is over: who did not go on elsewhere since leaves, one by one. */
  async left(life: string): Promise<void> {
    const { log } = this.#world;
    for (const { name: channel, generation } of await log.leases(roomsOf(life))) {
      for (const lease of await log.leases(groupOf(channel))) {
        if (!lease.name.startsWith(`${life}:`)) continue;
        // First the word: if this process dies meanwhile, another one finds the lease all the same.
        await this.#sayGone(channel, life, keptOf(lease));
        await log.release(groupOf(channel), lease.name, lease.generation);
      }
      await log.release(roomsOf(life), channel, generation);
    }
  }

  async #sayGone(channel: string, life: string, { member, user, instance, id }: Kept): Promise<void> {
    const isHere = (await this.#countedIn(channel)).some((kept) => kept.id === id);
    if (!isHere) return;
    const leave: PresenceChange = { type: "leave", member, user, instance };
    await this.#world.append(channel, "leave", JSON.stringify(leave), `left:${id}`);
    // Who came back before this was written would be gone for all who read it.
    const isOther = (kept: Kept) => !kept.id.startsWith(`${life}:`);
    await this.#sayAgain(channel, `left:${id}`, (kept) => kept.member === member, isOther);
  }

  /** This instance was taken for lost: its members are there all the same. */
  revived(): void {
    this.#next("Coming back failed", async () => {
      for (const memberships of [...this.#bySession.values()]) {
        for (const membership of [...memberships.values()]) {
          const { session, channel, data, connection, life } = membership;
          if (life === this.#world.life()) continue;
          this.#remove(session.id, channel);
          // Where it is elsewhere by now, this one will hear of it.
          if (!await this.#isElsewhere(session)) await this.#enter(session, channel, data, connection);
          // Whoever took this one for lost may have looked before it was there.
          await this.#release(membership);
          await this.#close(channel);
        }
      }
    });
  }

  /** Fulfils when all that was said is done, as far as the log does it. */
  async close(): Promise<void> {
    for (const { cancel } of this.#behind.values()) cancel();
    this.#isClosed = true;
    this.#closing();
    await this.#last;
  }

  #next(what: string, work: () => Promise<unknown> | unknown): Promise<void> {
    return this.#last = this.#last.then(work).then(() => {}, (error) => this.#world.failed(what, error));
  }

  /** Asks the log until it has done it, or there is no more time: else somebody would be there who is not. */
  async #must<T>(ask: () => Promise<T>): Promise<T> {
    for (let delay = FIRST_RETRY;; delay = nextRetry(delay)) {
      try {
        return await ask();
      } catch (error) {
        if (this.#isClosed) throw error;
        this.#world.failed(`Writing down who is there failed, again in ${delay} ms`, error);
      }
      await Promise.race([idle(this.#world.clock, delay), this.#whenClosed]);
    }
  }

  async #enter(session: Session, channel: string, data: unknown, connection: number): Promise<void> {
    const { log, instance } = this.#world;
    const known = this.#bySession.get(session.id)?.get(channel);
    const turn = session.arrival;
    if (known !== undefined && known.turn === turn && JSON.stringify(known.data) === JSON.stringify(data)) {
      known.connection = connection;
      return;
    }
    const room = await this.#open(channel);
    const { life } = room;
    const id = `${life}:${++this.#announced}`;
    const kept: Kept = { member: session.id, user: session.user, instance, data, turn, id };
    const value = JSON.stringify(kept);
    const { generation } = await this.#must(() =>
      log.take(groupOf(channel), leaseOf(life, session.id), value, Infinity)
    );
    let memberships = this.#bySession.get(session.id);
    if (memberships === undefined) this.#bySession.set(session.id, memberships = new Map());
    if (known === undefined) room.members++;
    const membership: Membership = { session, channel, life, data, generation, turn, connection };
    memberships.set(channel, membership);
    await this.#must(() => this.#world.append(channel, "join", joinOf(kept), id));
    await this.#yield(membership, id);
  }

  async #leave(session: Session, channel: string): Promise<void> {
    const membership = this.#remove(session.id, channel);
    if (membership !== undefined) await this.#end(membership, null);
  }

  /** It is one no more here. @param isTakenUp Whether its session is one elsewhere; null if that is not known. */
  async #end(membership: Membership, isTakenUp: boolean | null): Promise<void> {
    const { session, channel } = membership;
    // Where its session was elsewhere, and is back, what was said of it here since holds.
    const current = this.#bySession.get(session.id)?.get(channel);
    // Of one life the lease is the same one, which is not this one's any more. Generations don't tell, they begin anew.
    const isReleased = current?.life !== membership.life && await this.#release(membership);
    if (isReleased && current === undefined && isTakenUp !== true) {
      const isTaken = isTakenUp === null && await this.#isTakenSince(session);
      // Whoever took this one for the one that counts hears of the other.
      const id = `${membership.life}:${++this.#announced}`;
      if (!isTaken || !await this.#sayOther(membership, id)) await this.#sayLeave(membership);
    }
    await this.#close(channel);
  }

  async #sayLeave(membership: Membership): Promise<void> {
    const { session, channel } = membership;
    const { instance } = this.#world;
    const leave: PresenceChange = { type: "leave", member: session.id, user: session.user, instance };
    const id = `${this.#world.life()}:${++this.#announced}`;
    await this.#must(() => this.#world.append(channel, "leave", JSON.stringify(leave), id));
    await this.#yield(membership, id);
  }

  /** Where its session is elsewhere by now, what was said there last holds, though this was written behind it. */
  async #yield(membership: Membership, id: string): Promise<void> {
    if (await this.#isTakenSince(membership.session)) await this.#sayOther(membership, id);
  }

  /**
   * Says again where the session has gone since; false if that is nowhere. What it was elsewhere before it came here is
   * about to be given back without a word: who is told of it again would see it there for good.
   *
   * @param behind Behind what.
   */
  #sayOther({ session, channel, turn }: Membership, behind: string): Promise<boolean> {
    const isLater = (kept: Kept) => kept.turn > turn;
    return this.#must(() => this.#sayAgain(channel, behind, ({ member }) => member === session.id, isLater));
  }

  /** Gives its lease back; false if somebody else has. */
  async #release({ session, channel, life, generation }: Membership): Promise<boolean> {
    let asked = 0;
    return await this.#must(async () => {
      asked++;
      const isReleased = await this.#world.log.release(groupOf(channel), leaseOf(life, session.id), generation);
      // A call that failed may have done it all the same.
      return isReleased || asked > 1;
    });
  }

  #isElsewhere(session: Session): Promise<boolean> {
    return this.#must(() => this.#world.isElsewhere(session.id));
  }

  #isTakenSince(session: Session): Promise<boolean> {
    return this.#must(() => this.#world.isTakenSince(session));
  }

  /** Of each session the lease that counts. @param mayCount Others don't. */
  async #countedIn(channel: string, mayCount: (kept: Kept) => boolean = () => true): Promise<readonly Kept[]> {
    const bySession = new Map<string, Kept>();
    for (const kept of await this.#keptIn(channel)) {
      if (!mayCount(kept)) continue;
      const known = bySession.get(kept.member);
      if (known === undefined || this.#isNewer(kept, known)) bySession.set(kept.member, kept);
    }
    return [...bySession.values()];
  }

  /** Where one process has the log, turns do not rise from one to the next: what this one has written is newer. */
  #isNewer(kept: Kept, known: Kept): boolean {
    return kept.turn > known.turn || (kept.turn === known.turn && !known.id.startsWith(`${this.#world.life()}:`));
  }

  async #keptIn(channel: string): Promise<readonly Kept[]> {
    return (await this.#world.log.leases(groupOf(channel))).map(keptOf);
  }

  /**
   * Says once more that some are there; false if none is. Who went elsewhere while it was said is said again: what was
   * said last holds.
   *
   * @param behind Behind what: for each such word once.
   * @param mayCount Other leases don't.
   */
  async #sayAgain(
    channel: string,
    behind: string,
    isMeant: (kept: Kept) => boolean,
    mayCount?: (kept: Kept) => boolean,
  ): Promise<boolean> {
    const said = new Map<string, string>();
    for (let before = -1; before < said.size;) {
      before = said.size;
      for (const kept of await this.#countedIn(channel, mayCount)) {
        const { member, id } = kept;
        if (said.has(id) || !(isMeant(kept) || [...said.values()].includes(member))) continue;
        await this.#world.append(channel, "join", joinOf(kept), `${id}:${behind}`);
        said.set(id, member);
      }
    }
    return said.size > 0;
  }

  #remove(session: string, channel: string): Membership | undefined {
    const memberships = this.#bySession.get(session);
    const membership = memberships?.get(channel);
    memberships?.delete(channel);
    if (memberships?.size === 0) this.#bySession.delete(session);
    return membership;
  }

  #leaveBehind(session: Session, memberships: readonly Membership[]): void {
    if (memberships.length === 0) return;
    this.#bySession.delete(session.id);
    const { clock, expiry } = this.#world;
    const known = this.#behind.get(session.id);
    known?.cancel();
    this.#behind.set(session.id, {
      memberships: [...known?.memberships ?? [], ...memberships],
      cancel: idleTimer(clock, () => this.arrived(session.id, 0, null), expiry),
    });
  }

  /** Writes down that this instance has members there, before it has: whoever finds it lost has to know. */
  #open(channel: string): Promise<Room> {
    return this.#must(async () => {
      await this.#held();
      // While the log failed it may have become another one.
      const life = this.#world.life();
      const known = this.#rooms.get(channel);
      if (known?.life === life) return known;
      const { generation } = await this.#world.log.take(roomsOf(life), channel, "", Infinity);
      const room: Room = { life, generation, members: known?.members ?? 0 };
      this.#rooms.set(channel, room);
      return room;
    });
  }

  /** Fulfils when this instance's life has a lease. Rejects if there is no more time. */
  async #held(): Promise<void> {
    for (let held = this.#world.held(); held !== null; held = this.#world.held()) {
      if (this.#isClosed) throw new Error("This instance was taken for lost, and leaves");
      await Promise.race([held, this.#whenClosed]);
    }
  }

  async #close(channel: string): Promise<void> {
    const room = this.#rooms.get(channel);
    if (room === undefined || --room.members > 0) return;
    this.#rooms.delete(channel);
    await this.#must(() => this.#world.log.release(roomsOf(room.life), channel, room.generation));
  }

  /** The position first, then who is there: what comes behind it changes that. */
  async #tellMembers(session: Session, channel: string): Promise<void> {
    const { log } = this.#world;
    for (let tries = 1;; tries++) {
      const [{ epoch, top }] = await this.#must(() => log.tops([channel]));
      const members = await this.#must(() => this.members(channel));
      const [after] = await this.#must(() => log.tops([channel]));
      const place = session.link?.placeOf(channel) ?? null;
      // Offsets of another life say nothing to its client: behind the gap that leads there it is told anew.
      if (place?.epoch !== epoch) return;
      // What its client knows already behind that place it would not apply to this.
      const isBehind = after.epoch !== epoch || place.change > top;
      if (isBehind && tries < MAX_TRIES) continue;
      return session.link?.say(["members", channel, top, members]);
    }
  }
}

function groupOf(channel: string): string {
  return `members:${channel}`;
}

function roomsOf(life: string): string {
  return `rooms:${life}`;
}

function leaseOf(life: string, session: string): string {
  return `${life}:${session}`;
}

function keptOf({ value }: Lease): Kept {
  return JSON.parse(value) as Kept;
}

function shown({ member, user, instance, data }: Kept): Member {
  return { member, user, instance, data };
}

function joinOf(kept: Kept): string {
  return JSON.stringify({ type: "join", ...shown(kept) } satisfies PresenceChange);
}
