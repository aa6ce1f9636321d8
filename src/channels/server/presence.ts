/**
 * Who is a member of which channel. Joins and leaves are messages of the channel; who is there is kept in leases that
 * hang under their instance.
 *
 * @module
 */
import type { Member, PresenceChange } from "../channels_api.ts";
import type { ChannelLog, EntryKind, Lease } from "../log/log_api.ts";
import type { Session } from "./session.ts";
import type { SessionWatcher } from "./sessions.ts";
import type { PresenceEnd } from "./subscriptions.ts";

/** What it needs. */
export interface PresenceWorld {
  readonly log: ChannelLog;
  readonly instance: string;
  /** Longest that a member may say of itself, as JSON. */
  readonly maxMessageBytes: number;
  failed(what: string, error: unknown): void;
  /** Appends to a channel. */
  append(channel: string, kind: EntryKind, json: string): Promise<unknown>;
}

/** One membership that was taken here. */
interface Membership {
  readonly session: Session;
  readonly channel: string;
  readonly data: unknown;
  generation: number;
  /** Its client has said so since it came back. */
  isConfirmed: boolean;
}

/** Members of this instance. */
export class Presence implements PresenceEnd, SessionWatcher {
  readonly #world: PresenceWorld;
  readonly #bySession: Map<string, Map<string, Membership>> = new Map();
  /** Members here by channel, of channels that are written down as having some. */
  readonly #rooms: Map<string, number> = new Map();
  /** One after the other: what was said last holds. */
  #last: Promise<void> = Promise.resolve();

  constructor(world: PresenceWorld) {
    this.#world = world;
  }

  enter(session: Session, channel: string, data: unknown): void {
    this.#next(`Entering ${channel} failed`, async () => {
      if (JSON.stringify(data ?? null).length > this.#world.maxMessageBytes) {
        return session.link?.say(["refused", channel, "too-large", "A member says too much of itself"]);
      }
      await this.#enter(session, channel, data ?? null);
      await this.#tellMembers(session, channel);
    });
  }

  confirm(session: Session): void {
    if (!this.#bySession.has(session.id)) return;
    this.#next("Leaving channels failed", async () => {
      for (const { channel, isConfirmed } of [...this.#bySession.get(session.id)?.values() ?? []]) {
        if (!isConfirmed) await this.#leave(session, channel);
      }
    });
  }

  leave(session: Session, channel: string): void {
    this.#next(`Leaving ${channel} failed`, () => this.#leave(session, channel));
  }

  attached(): void {}

  detached(session: Session): void {
    for (const membership of this.#bySession.get(session.id)?.values() ?? []) membership.isConfirmed = false;
  }

  ended(session: Session, moved: boolean): void {
    this.#next("Leaving channels failed", async () => {
      for (const channel of [...this.#bySession.get(session.id)?.keys() ?? []]) {
        if (moved) await this.#forget(session, channel);
        else await this.#leave(session, channel);
      }
    });
  }

  /** Who is there. */
  async members(channel: string): Promise<Member[]> {
    return (await this.#world.log.leases(groupOf(channel))).map(memberOf);
  }

  /** An instance is lost, and with it all members that it had: one event for each channel. */
  async lost(instance: string): Promise<void> {
    const { log } = this.#world;
    for (const room of await log.leases(roomsOf(instance))) {
      const channel = room.name;
      const members = (await log.leases(groupOf(channel))).filter((lease) => memberOf(lease).instance === instance);
      for (const { name, generation } of members) await log.release(groupOf(channel), name, generation);
      await this.#announce(channel, { type: "lost", instance });
      await log.release(roomsOf(instance), channel, room.generation);
    }
  }

  /** This instance was taken for lost: its members are there all the same. */
  revived(): void {
    this.#next("Coming back failed", async () => {
      this.#rooms.clear();
      for (const memberships of [...this.#bySession.values()]) {
        for (const { session, channel, data } of [...memberships.values()]) {
          memberships.delete(channel);
          await this.#enter(session, channel, data);
        }
      }
    });
  }

  /** Fulfils when all that was said is done. */
  settled(): Promise<void> {
    return this.#last;
  }

  #next(what: string, work: () => Promise<unknown> | unknown): void {
    this.#last = this.#last.then(work).then(() => {}, (error) => this.#world.failed(what, error));
  }

  async #enter(session: Session, channel: string, data: unknown): Promise<void> {
    const { log, instance } = this.#world;
    const known = this.#bySession.get(session.id)?.get(channel);
    if (known !== undefined && JSON.stringify(known.data) === JSON.stringify(data)) {
      known.isConfirmed = true;
      return;
    }
    await this.#open(channel);
    const value = JSON.stringify({ user: session.user, instance, data });
    const { generation, previous } = await log.take(groupOf(channel), session.id, value, Infinity);
    const memberships = this.#bySession.get(session.id) ?? new Map<string, Membership>();
    this.#bySession.set(session.id, memberships);
    if (known === undefined) this.#rooms.set(channel, this.#rooms.get(channel)! + 1);
    memberships.set(channel, { session, channel, data, generation, isConfirmed: true });
    if (previous?.value === value) return;
    await this.#announce(channel, { type: "join", member: session.id, user: session.user, instance, data });
  }

  async #leave(session: Session, channel: string): Promise<void> {
    const membership = await this.#forget(session, channel);
    if (membership === undefined) return;
    const { log, instance } = this.#world;
    if (!await log.release(groupOf(channel), session.id, membership.generation)) return;
    await this.#announce(channel, { type: "leave", member: session.id, user: session.user, instance });
  }

  /** It is no matter of this instance any more. */
  async #forget(session: Session, channel: string): Promise<Membership | undefined> {
    const memberships = this.#bySession.get(session.id);
    const membership = memberships?.get(channel);
    if (memberships === undefined || membership === undefined) return undefined;
    memberships.delete(channel);
    if (memberships.size === 0) this.#bySession.delete(session.id);
    await this.#close(channel);
    return membership;
  }

  /** Writes down that this instance has members there, before it has: whoever finds it lost has to know. */
  async #open(channel: string): Promise<void> {
    if (this.#rooms.has(channel)) return;
    const { log, instance } = this.#world;
    await log.take(roomsOf(instance), channel, "", Infinity);
    this.#rooms.set(channel, 0);
  }

  async #close(channel: string): Promise<void> {
    const left = (this.#rooms.get(channel) ?? 1) - 1;
    if (left > 0) return void this.#rooms.set(channel, left);
    this.#rooms.delete(channel);
    const { log, instance } = this.#world;
    for (const { name, generation } of await log.leases(roomsOf(instance))) {
      if (name === channel) await log.release(roomsOf(instance), channel, generation);
    }
  }

  /** The position first, then who is there: what comes behind it changes that. */
  async #tellMembers(session: Session, channel: string): Promise<void> {
    const [{ top }] = await this.#world.log.tops([channel]);
    session.link?.say(["members", channel, top, await this.members(channel)]);
  }

  async #announce(channel: string, change: PresenceChange): Promise<void> {
    await this.#world.append(channel, change.type, JSON.stringify(change));
  }
}

function groupOf(channel: string): string {
  return `members:${channel}`;
}

function roomsOf(instance: string): string {
  return `rooms:${instance}`;
}

function memberOf({ name, value }: Lease): Member {
  const { user, instance, data } = JSON.parse(value) as Omit<Member, "member">;
  return { member: name, user, instance, data };
}
