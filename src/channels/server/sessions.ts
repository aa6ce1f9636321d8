/**
 * The sessions of this instance: who has which connection, and who may come back.
 *
 * @module
 */
import { type Clock, idleTimer } from "../../clock.ts";
import { ChannelError } from "../channels_errors.ts";
import type { Identity } from "../channels_api.ts";
import type { ChannelLog, Taken } from "../log/log_api.ts";
import { CLOSE_CODES } from "../wire/frames.ts";
import type { ChannelCounts } from "./counts.ts";
import { ANONYMOUS_PREFIX, Session, type SessionLink } from "./session.ts";
import { randomText, type Signer } from "./signer.ts";
import { readTicket, ticketOf } from "./tickets.ts";

/** Bytes of a session's id. */
const ID_BYTES = 15;
/** A session that is connected is written so seldom, in ms. */
const DAY = 24 * 60 * 60 * 1000;

/** How long it is known who had a session that is over, in ms. */
const LINGER = DAY;

/** Nobody asks for a revocation that is over. */
const AT_ONCE = 0;

/** Who was asked nothing: each of its sessions is a user of its own. */
export const ANONYMOUS = "";

/** Hears of sessions: what hangs on them. */
export interface SessionWatcher {
  /** It has a connection, after its `welcome`. */
  attached?(session: Session, resumed: boolean): void;
  /** Its connection is gone; it may come back. */
  detached?(session: Session): void;
  /** It did not come back in time, went to another instance (`moved`), or was revoked. */
  ended(session: Session, moved: boolean): void;
}

/** What sessions need. */
export interface SessionWorld {
  readonly log: ChannelLog;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly instance: string;
  readonly counts: ChannelCounts;
  /** How long a session waits for its client, in ms. */
  readonly expiry: number;
  failed(what: string, error: unknown): void;
  /** Fulfils when this instance is one of the cluster. */
  ready(): Promise<void>;
  /** Tells another instance that a session of its is ours from now on; null: whoever has it. */
  fence(instance: string | null, session: string, generation: number): Promise<void>;
}

/** What a client gets that has said hello. */
export interface Attached {
  readonly session: Session;
  readonly ticket: string;
  /** What it had is still there. */
  readonly resumed: boolean;
}

/** A session for which somebody has said hello, and what was said of it meanwhile. */
interface Attaching {
  readonly id: string;
  readonly user: string;
  /** Its turn; 0 while it has none. */
  taken: number;
  fencedBy: number;
  isRevoked: boolean;
}

/** What was known of a session where others share the log. */
interface Elsewhere {
  readonly generation: number;
  readonly resumed: boolean;
  /** Another instance that had it; null for none, or one that nobody knows. */
  readonly instance: string | null;
  /** Another one had it. */
  readonly wasAway: boolean;
}

/** All of them. */
export class Sessions {
  readonly #world: SessionWorld;
  readonly #watchers: readonly SessionWatcher[];
  readonly #sessions: Map<string, Session> = new Map();
  /** Most have one: no set of their own is made for it. */
  readonly #byUser: Map<string, Session | Set<Session>> = new Map();
  readonly #writing: Set<Promise<void>> = new Set();
  readonly #attaching: Set<Attaching> = new Set();
  #cancelRenewal: (() => void) | null = null;
  #isClosed = false;

  constructor(world: SessionWorld, watchers: readonly SessionWatcher[]) {
    this.#world = world;
    this.#watchers = watchers;
  }

  /** Sessions of this instance, those included whose client is away. */
  get size(): number {
    return this.#sessions.size;
  }

  /** How many of them have their client, and of how many it is away. */
  get states(): Record<"connected" | "away", number> {
    let connected = 0;
    for (const { link } of this.#sessions.values()) if (link !== null) connected++;
    return { connected, away: this.#sessions.size - connected };
  }

  /** A session of this instance. */
  get(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  /** Those of a user, of this instance. */
  ofUser(user: string): readonly Session[] {
    const found = this.#byUser.get(user) ?? [];
    const named = found instanceof Session ? [found] : [...found];
    const own = user.startsWith(ANONYMOUS_PREFIX) ? this.#sessions.get(user.slice(ANONYMOUS_PREFIX.length)) : undefined;
    return own?.isAnonymous === true ? [...named, own] : named;
  }

  /** All of this instance. */
  all(): readonly Session[] {
    return [...this.#sessions.values()];
  }

  /**
   * Gives a client its session, and closes the connection that it had before.
   *
   * @param ticket What it kept of its session; null for a new one.
   * @throws {ChannelError} The ticket is none of ours, another user's, or revoked.
   */
  async attach(link: SessionLink, identity: Identity, ticket: unknown): Promise<Attached> {
    await this.#world.ready();
    const { signer, clock } = this.#world;
    const id = ticket === null ? newId(clock) : await readTicket(signer, ticket, identity.user);
    if (id === null) throw new ChannelError("bad-session", "The session is none of this server's, or another user's");
    const signed = ticket === null ? await ticketOf(signer, id, identity.user) : ticket as string;
    const user = userOf(identity, id);
    const attaching: Attaching = { id, user, taken: 0, fencedBy: 0, isRevoked: false };
    this.#attaching.add(attaching);
    try {
      if (ticket !== null && await this.#isRevoked(id, user)) throw revoked();
      const elsewhere = await this.#take(attaching, ticket !== null, link);
      // From here on nothing is waited for: of two connections the later one has it.
      if (attaching.isRevoked) throw revoked();
      if (attaching.fencedBy > elsewhere.generation) throw fenced();
      return { ...this.#put(link, identity, id, elsewhere), ticket: signed };
    } finally {
      this.#attaching.delete(attaching);
    }
  }

  #put(link: SessionLink, identity: Identity, id: string, elsewhere: Elsewhere): Omit<Attached, "ticket"> {
    const here = this.#sessions.get(id);
    if (here !== undefined && here.generation > elsewhere.generation) throw fenced();
    const user = identity.user === ANONYMOUS ? null : identity.user;
    const session = here ?? new Session(id, user, identity.data, this.#world.clock);
    session.data = identity.data;
    session.generation = elsewhere.generation;
    session.connections++;
    if (here === undefined || elsewhere.wasAway) session.arrival = elsewhere.generation;
    session.cameFrom = elsewhere.instance;
    session.inbound?.arrived();
    stopWaiting(session);
    if (session.link !== null) this.#fence(session);
    session.link = link;
    if (here === undefined) this.#add(session);
    return { session, resumed: here !== undefined || elsewhere.resumed };
  }

  /** The client has been told of its session. */
  welcomed(session: Session, resumed: boolean): void {
    for (const watcher of this.#watchers) watcher.attached?.(session, resumed);
  }

  /** A connection has ended: its session waits, if it has no other by now. */
  detach(session: Session, link: SessionLink): void {
    if (session.link !== link) return;
    session.link = null;
    for (const watcher of this.#watchers) watcher.detached?.(session);
    const { clock, expiry } = this.#world;
    session.cancelExpiry = idleTimer(clock, () => void this.#expire(session), expiry);
    this.#write(this.#renew(session));
  }

  /** Another instance has it. */
  moved(id: string, generation: number): void {
    for (const attaching of this.#attaching) {
      if (attaching.id === id) attaching.fencedBy = Math.max(attaching.fencedBy, generation);
    }
    const session = this.#sessions.get(id);
    if (session === undefined || session.generation >= generation) return;
    this.#end(session, true, CLOSE_CODES.fenced, "The session goes on at another instance");
  }

  /** It is over, by order: its ticket is good for nothing any more. */
  async revoke(id: string): Promise<void> {
    const { log, expiry } = this.#world;
    await log.take(revokedGroup(id), "", "", DAY + expiry, AT_ONCE);
    this.endRevoked(id);
  }

  /** All of a user are over, and no ticket that was given before is good for anything. */
  async revokeUser(user: string): Promise<void> {
    const { log, clock, expiry } = this.#world;
    await log.take(revokedUserGroup(user), "", String(wallOf(clock)), DAY + expiry, AT_ONCE);
    this.endRevokedUser(user);
  }

  /** Somebody has revoked them. */
  endRevokedUser(user: string): void {
    for (const attaching of this.#attaching) if (attaching.user === user) attaching.isRevoked = true;
    for (const { id } of this.ofUser(user)) this.endRevoked(id);
  }

  /** Somebody has revoked it. */
  endRevoked(id: string): void {
    for (const attaching of this.#attaching) if (attaching.id === id) attaching.isRevoked = true;
    const session = this.#sessions.get(id);
    if (session !== undefined) this.#end(session, false, CLOSE_CODES.revoked, "The session was revoked");
  }

  /** The log has forgotten this instance, and perhaps who is connected to it: that is written again. */
  revived(): void {
    this.#write(this.#renewAll(true));
  }

  /** Whether another instance has it by now. */
  async isElsewhere(id: string): Promise<boolean> {
    const { log, instance } = this.#world;
    return log.shared && (await log.leases(groupOf(id))).some(({ value }) => value !== instance);
  }

  /**
   * Whether anybody has taken it since this instance did. Who did last need not be where it is: a call of an instance
   * that has given it up may be done later, and takes it for nobody.
   */
  async isTakenSince({ id, generation }: Session): Promise<boolean> {
    const { log } = this.#world;
    return log.shared && (await log.leases(groupOf(id))).some((lease) => lease.generation !== generation);
  }

  /** Nobody waits any more: the process ends, and others may take them over. Fulfils when that is written down. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRenewal?.();
    for (const session of this.#sessions.values()) stopWaiting(session);
    await Promise.all(this.#writing);
  }

  #write(writing: Promise<void>): void {
    this.#writing.add(writing);
    void writing.then(() => this.#writing.delete(writing));
  }

  #add(session: Session): void {
    this.#renewLater();
    this.#sessions.set(session.id, session);
    if (session.isAnonymous) return;
    const others = this.#byUser.get(session.user);
    if (others === undefined) this.#byUser.set(session.user, session);
    else if (others instanceof Session) this.#byUser.set(session.user, new Set([others, session]));
    else others.add(session);
  }

  #fence(session: Session): void {
    const { link } = session;
    session.link = null;
    for (const watcher of this.#watchers) watcher.detached?.(session);
    link!.end(CLOSE_CODES.fenced, "The session goes on in another connection");
  }

  #end(session: Session, moved: boolean, code: number, reason: string): void {
    stopWaiting(session);
    const { link } = session;
    session.link = null;
    this.#remove(session);
    this.#world.counts.ended[moved ? "moved" : "revoked"]++;
    session.end(new ChannelError(moved ? "fenced" : "revoked", reason));
    for (const watcher of this.#watchers) watcher.ended(session, moved);
    link?.end(code, reason);
  }

  #remove(session: Session): void {
    if (this.#sessions.get(session.id) === session) this.#sessions.delete(session.id);
    const others = this.#byUser.get(session.user);
    if (others instanceof Set) others.delete(session);
    if (others === session || (others instanceof Set && others.size === 0)) this.#byUser.delete(session.user);
  }

  /** Its client did not come back. */
  async #expire(session: Session): Promise<void> {
    if (session.link !== null) return;
    this.#remove(session);
    this.#world.counts.ended.expired++;
    session.end(new ChannelError("expired", "The session has expired"));
    for (const watcher of this.#watchers) watcher.ended(session, false);
    const { log } = this.#world;
    if (!log.shared) return;
    await log.release(groupOf(session.id), "", session.generation).catch((error) =>
      this.#world.failed("Giving a session back failed", error)
    );
  }

  /** Where others share the log, one instance at a time has a session. */
  async #take(attaching: Attaching, isOld: boolean, link: SessionLink): Promise<Elsewhere> {
    const { log, instance, expiry } = this.#world;
    const { id } = attaching;
    if (isOld && link.isGone) throw fenced();
    if (!log.shared) return { generation: 0, resumed: false, instance: null, wasAway: false };
    const { generation, previous } = await this.#takeLease(id);
    const isElsewhere = previous !== null && previous.value !== instance;
    // A call of ours that failed may have taken it all the same, from one that nobody knows any more.
    const isUnknown = previous !== null && !isElsewhere && !this.#hasTaken(id, previous.generation);
    attaching.taken = generation;
    const wasAway = isElsewhere || isUnknown;
    if (wasAway && link.isGone) {
      // It may be connected there again, which must not end for one that has nobody any more.
      if (isElsewhere) await log.renew(groupOf(id), "", generation, DAY + expiry, previous.value, LINGER);
      throw fenced();
    }
    if (wasAway) await this.#world.fence(isElsewhere ? previous.value : null, id, generation);
    const resumed = isOld && previous !== null && !previous.expired;
    return { generation, resumed, instance: isElsewhere ? previous.value : null, wasAway };
  }

  /** Whether this instance knows that it had that turn. */
  #hasTaken(id: string, generation: number): boolean {
    if (this.#sessions.get(id)?.generation === generation) return true;
    return [...this.#attaching].some((one) => one.id === id && one.taken === generation);
  }

  /**
   * Turns rise, whatever becomes of the lease: one that the log has lost or forgotten, or that was given back, goes on
   * with the time of day. Else whoever had it before would take the next one's turn for its own.
   */
  #takeLease(id: string, ttl: number = DAY + this.#world.expiry): Promise<Taken> {
    const { log, clock, instance } = this.#world;
    return log.take(groupOf(id), "", instance, ttl, LINGER, Math.floor(wallOf(clock)));
  }

  async #isRevoked(id: string, user: string): Promise<boolean> {
    const { log } = this.#world;
    const [session, all] = await Promise.all([log.leases(revokedGroup(id)), log.leases(revokedUserGroup(user))]);
    return session.some(({ expired }) => !expired) ||
      all.some(({ expired, value }) => !expired && bornAt(id) <= Number(value));
  }

  /** Those that stay connected for long are written once in a while. */
  #renewLater(): void {
    const { log, clock } = this.#world;
    if (!log.shared || this.#cancelRenewal !== null || this.#isClosed) return;
    this.#cancelRenewal = idleTimer(clock, () => void this.#renewAll(false), DAY / 2);
  }

  /** @param isLost Those whose clients are away, too, may have to be written again. */
  async #renewAll(isLost: boolean): Promise<void> {
    const { log, expiry, instance } = this.#world;
    for (const session of this.all()) {
      if (session.link === null && !isLost) continue;
      const { id, generation } = session;
      const ttl = session.link === null ? expiry : DAY + expiry;
      try {
        if (await log.renew(groupOf(id), "", generation, ttl, undefined, LINGER)) continue;
        const [lease] = await log.leases(groupOf(id));
        // Whoever has it by now may have failed to say so, or has given it back; or the log has lost it.
        if (lease !== undefined && lease.value !== instance) this.moved(id, generation + 1);
        else session.generation = (await this.#takeLease(id, ttl)).generation;
      } catch (error) {
        this.#world.failed("Prolonging a session failed", error);
      }
    }
    this.#cancelRenewal?.();
    this.#cancelRenewal = null;
    if (this.#sessions.size > 0) this.#renewLater();
  }

  async #renew(session: Session): Promise<void> {
    const { log, expiry } = this.#world;
    if (!log.shared) return;
    await log.renew(groupOf(session.id), "", session.generation, expiry, undefined, LINGER).catch((error) =>
      this.#world.failed("Writing down that a session's client is away failed", error)
    );
  }
}

function stopWaiting(session: Session): void {
  session.cancelExpiry?.();
  session.cancelExpiry = null;
}

function userOf({ user }: Identity, session: string): string {
  return user === ANONYMOUS ? ANONYMOUS_PREFIX + session : user;
}

function groupOf(session: string): string {
  return `session:${session}`;
}

function revokedGroup(session: string): string {
  return `revoked:${session}`;
}

function revokedUserGroup(user: string): string {
  return `revoked-user:${user}`;
}

function wallOf(clock: Clock): number {
  return clock.wall?.() ?? Date.now();
}

/** It says when it was made: what was revoked then is known by that. */
function newId(clock: Clock): string {
  // Joined it is one piece; of a template, which keeps its parts, a map would make another.
  return [Math.floor(wallOf(clock)).toString(36), randomText(ID_BYTES)].join("-");
}

function bornAt(id: string): number {
  return Number.parseInt(id.slice(0, id.indexOf("-")), 36);
}

function revoked(): ChannelError {
  return new ChannelError("revoked", "The session was revoked");
}

function fenced(): ChannelError {
  return new ChannelError("fenced", "The session goes on in another connection");
}
