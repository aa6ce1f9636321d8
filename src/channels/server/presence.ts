/**
 * Who is a member of which channel. Joins and leaves are messages of the channel; who is there is kept in leases that
 * hang under a life of their instance.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Member, PresenceChange } from "../channels_api.ts";
import type { ChannelLog, EntryKind, Lease } from "../log/log_api.ts";
import { idle } from "./feed.ts";
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
  failed(what: string, error: unknown): void;
  /** Appends to a channel. @param id Makes it idempotent. */
  append(channel: string, kind: EntryKind, json: string, id: string): Promise<unknown>;
  /** Tells the instance where a session was before that it is here, and of what it is a member. */
  arrived(instance: string, session: string): Promise<void>;
}

/** One membership that was taken here. */
interface Membership {
  readonly session: Session;
  readonly channel: string;
  readonly data: unknown;
  readonly generation: number;
  /** Connection of the session in which its client has said so last. */
  connection: number;
}

/** Where this instance has members, as it is written down for whoever finds it lost. */
interface Room {
  readonly life: string;
  readonly generation: number;
  members: number;
}

/** What a lease of a member has. */
interface Kept extends Omit<Member, "member"> {
  readonly life: string;
}

/** A room whose members are being removed: who goes on with it has to say so, though none may be left. */
const LOSING = "losing";

/** Waits before a log that failed is asked again, in ms: the first, and the longest. */
const RETRY: readonly [least: number, most: number] = [100, 5000];

/** Members of this instance. */
export class Presence implements PresenceEnd, SessionWatcher {
  readonly #world: PresenceWorld;
  readonly #bySession: Map<string, Map<string, Membership>> = new Map();
  /** What sessions have left behind that went elsewhere, and may take up there. */
  readonly #behind: Map<string, { readonly memberships: readonly Membership[]; readonly cancel: () => void }> =
    new Map();
  readonly #rooms: Map<string, Room> = new Map();
  /** One after the other: what was said last holds. */
  #last: Promise<void> = Promise.resolve();
  #announced = 0;
  #isClosed = false;
  #closing: () => void = () => {};
  readonly #whenClosed: Promise<void> = new Promise((resolve) => this.#closing = resolve);

  constructor(world: PresenceWorld) {
    this.#world = world;
  }

  enter(session: Session, channel: string, data: unknown): void {
    const { connections } = session;
    this.#next(`Entering ${channel} failed`, async () => {
      if (session.isOver) return;
      if (JSON.stringify(data ?? null).length > this.#world.maxMessageBytes) {
        return session.link?.say(["refused", channel, "too-large", "A member says too much of itself"]);
      }
      await this.#enter(session, channel, data ?? null, connections);
      await this.#tellMembers(session, channel);
    });
  }

  confirm(session: Session): void {
    const { connections, cameFrom } = session;
    session.cameFrom = null;
    this.#next("Leaving channels failed", async () => {
      for (const { channel, connection } of [...this.#bySession.get(session.id)?.values() ?? []]) {
        if (connection < connections) await this.#leave(session, channel);
      }
      if (cameFrom !== null) await this.#must(() => this.#world.arrived(cameFrom, session.id));
    });
  }

  leave(session: Session, channel: string): void {
    this.#next(`Leaving ${channel} failed`, () => this.#leave(session, channel));
  }

  attached(): void {}

  detached(): void {}

  ended(session: Session, moved: boolean): void {
    this.#next("Leaving channels failed", async () => {
      const memberships = [...this.#bySession.get(session.id)?.values() ?? []];
      if (moved) return this.#leaveBehind(session, memberships);
      for (const { channel } of memberships) await this.#leave(session, channel);
    });
  }

  /** A session that was here has said at its new instance of what it is a member: of nothing else. */
  arrived(session: string): void {
    this.#next("Leaving channels failed", () => this.#clearBehind(session));
  }

  /** Who is there. */
  async members(channel: string): Promise<Member[]> {
    return (await this.#world.log.leases(groupOf(channel))).map(memberOf);
  }

  /** A life of an instance is over, and with it all members that it had: one event for each channel. */
  async lost(instance: string, life: string): Promise<void> {
    const { log } = this.#world;
    for (const room of await log.leases(roomsOf(life))) {
      const { name: channel, generation } = room;
      const members = (await log.leases(groupOf(channel))).filter((lease) => keptOf(lease).life === life);
      if (members.length > 0 || room.value === LOSING) {
        await log.renew(roomsOf(life), channel, generation, Infinity, LOSING);
        for (const member of members) await log.release(groupOf(channel), member.name, member.generation);
        await this.#world.append(channel, "lost", JSON.stringify({ type: "lost", instance }), `lost:${life}`);
        await this.#joinAgain(channel, instance, life);
      }
      await log.release(roomsOf(life), channel, generation);
    }
  }

  /** This instance was taken for lost: its members are there all the same. */
  revived(): void {
    this.#next("Coming back failed", async () => {
      for (const memberships of [...this.#bySession.values()]) {
        for (const { session, channel, data, connection } of [...memberships.values()]) {
          await this.#forget(session, channel);
          await this.#enter(session, channel, data, connection);
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

  #next(what: string, work: () => Promise<unknown> | unknown): void {
    this.#last = this.#last.then(work).then(() => {}, (error) => this.#world.failed(what, error));
  }

  /** Asks the log until it has done it, or there is no more time: else somebody would be there who is not. */
  async #must<T>(ask: () => Promise<T>): Promise<T> {
    for (let [delay] = RETRY;; delay = Math.min(2 * delay, RETRY[1])) {
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
    if (known !== undefined && JSON.stringify(known.data) === JSON.stringify(data)) {
      known.connection = connection;
      return;
    }
    const room = await this.#open(channel);
    const value = JSON.stringify({ user: session.user, instance, data, life: room.life } satisfies Kept);
    const { generation } = await this.#must(() => log.take(groupOf(channel), session.id, value, Infinity));
    let memberships = this.#bySession.get(session.id);
    if (memberships === undefined) this.#bySession.set(session.id, memberships = new Map());
    if (known === undefined) room.members++;
    memberships.set(channel, { session, channel, data, generation, connection });
    await this.#announce(channel, { type: "join", member: session.id, user: session.user, instance, data });
  }

  async #leave(session: Session, channel: string): Promise<void> {
    const membership = this.#remove(session.id, channel);
    if (membership !== undefined) await this.#end(membership);
  }

  /** It is one no more, if nobody has taken it up elsewhere. */
  async #end({ session, channel, generation }: Membership): Promise<void> {
    const { log, instance } = this.#world;
    const isOurs = await this.#held(channel, session.id, generation);
    if (isOurs) await this.#must(() => log.release(groupOf(channel), session.id, generation));
    if (isOurs) await this.#announce(channel, { type: "leave", member: session.id, user: session.user, instance });
    await this.#close(channel);
  }

  /** Asked apart from the release: one that failed may have taken place all the same. */
  async #held(channel: string, member: string, generation: number): Promise<boolean> {
    const leases = await this.#must(() => this.#world.log.leases(groupOf(channel)));
    return leases.some((lease) => lease.name === member && lease.generation === generation);
  }

  async #forget(session: Session, channel: string): Promise<void> {
    if (this.#remove(session.id, channel) !== undefined) await this.#close(channel);
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
    const later = clock.setIdleTimer ?? clock.setTimer;
    const known = this.#behind.get(session.id);
    known?.cancel();
    this.#behind.set(session.id, {
      memberships: [...known?.memberships ?? [], ...memberships],
      cancel: later.call(clock, () => this.arrived(session.id), expiry),
    });
  }

  async #clearBehind(session: string): Promise<void> {
    const behind = this.#behind.get(session);
    if (behind === undefined) return;
    behind.cancel();
    this.#behind.delete(session);
    for (const membership of behind.memberships) await this.#end(membership);
  }

  /** Writes down that this instance has members there, before it has: whoever finds it lost has to know. */
  async #open(channel: string): Promise<Room> {
    const life = this.#world.life();
    const known = this.#rooms.get(channel);
    if (known?.life === life) return known;
    const { generation } = await this.#must(() => this.#world.log.take(roomsOf(life), channel, "", Infinity));
    const room: Room = { life, generation, members: known?.members ?? 0 };
    this.#rooms.set(channel, room);
    return room;
  }

  async #close(channel: string): Promise<void> {
    const room = this.#rooms.get(channel);
    if (room === undefined || --room.members > 0) return;
    this.#rooms.delete(channel);
    await this.#must(() => this.#world.log.release(roomsOf(room.life), channel, room.generation));
  }

  /** Who came back before the word of the loss was written would be gone for all who read it. */
  async #joinAgain(channel: string, instance: string, life: string): Promise<void> {
    for (const lease of await this.#world.log.leases(groupOf(channel))) {
      const { life: other, ...member } = keptOf(lease);
      if (member.instance !== instance || other === life) continue;
      const json = JSON.stringify({ type: "join", member: lease.name, ...member } satisfies PresenceChange);
      await this.#world.append(channel, "join", json, `again:${life}:${lease.name}`);
    }
  }

  /** The position first, then who is there: what comes behind it changes that. */
  async #tellMembers(session: Session, channel: string): Promise<void> {
    const [{ top }] = await this.#must(() => this.#world.log.tops([channel]));
    const members = await this.#must(() => this.members(channel));
    session.link?.say(["members", channel, top, members]);
  }

  async #announce(channel: string, change: PresenceChange): Promise<void> {
    const id = `${this.#world.life()}:${++this.#announced}`;
    await this.#must(() => this.#world.append(channel, change.type, JSON.stringify(change), id));
  }
}

function groupOf(channel: string): string {
  return `members:${channel}`;
}

function roomsOf(life: string): string {
  return `rooms:${life}`;
}

function keptOf({ value }: Lease): Kept {
  return JSON.parse(value) as Kept;
}

function memberOf(lease: Lease): Member {
  const { user, instance, data } = keptOf(lease);
  return { member: lease.name, user, instance, data };
}
