/**
 * One connection of a client: what it says, and what it is told.
 *
 * @module
 */
import { type Clock, idleTimer, MAX_TIMER_DELAY, wallOf } from "../../clock.ts";
import type { AcceptOptions, ChannelHeaders, Identity } from "../channels_api.ts";
import { ChannelError } from "../channels_errors.ts";
import { TRY_AGAIN_LATER } from "../../websocket/close_code.ts";
import { type ChannelCode, CLOSE_CODES, decodeFrame, encodeFrame, type Frame, VERSION } from "../wire/frames.ts";
import { areHeaders, HEADERS_RULE, NO_HEADERS } from "./headers.ts";
import { Inbound, type InboundWorld } from "./inbound.ts";
import { LINK_STATES, type LinkEvent, type LinkState } from "./link_states.ts";
import type { Peer } from "./peer.ts";
import type { ClientPlace, Session, SessionLink } from "./session.ts";
import { ANONYMOUS, type Attached, type Sessions } from "./sessions.ts";
import { Subscriptions, type SubscriptionWorld } from "./subscriptions.ts";

/** What a client does with its direct messages. */
export interface DirectEnd {
  /** Fulfils when there is room for more. */
  acknowledged(session: Session, ids: unknown): Promise<void>;
  refused(session: Session, id: unknown, delay: unknown): void;
}

/** What connections of one instance share. */
export interface LinkWorld extends InboundWorld, SubscriptionWorld {
  readonly clock: Clock;
  readonly instance: string;
  readonly sessions: Sessions;
  readonly direct: DirectEnd;
  readonly maxPending: number;
}

/** A token is asked for so long before it ends, in ms, or in the last fifth of its life. */
const REFRESH_BEFORE = 30_000;

/** What is so many times less than the time of day, in ms since 1970, is meant in seconds. */
const FAR_PAST = 100;

/** Longest name of a user: it is part of a stream's name. */
const MAX_USER = 200;

/** In words, for a message that is refused for them. */
const WRONG_HEADERS = `Headers are an object of texts, of ${HEADERS_RULE}`;

type Act = (link: Link, frame: Frame) => void | Promise<void>;

/** What may be said when: everything else is a breach of the protocol. */
const ACTS: Readonly<Record<LinkState, Readonly<Record<string, Act>>>> = {
  greeting: { hello: (link, frame) => link.greet(frame) },
  open: {
    sub: (link, [, wishes]) => link.subscribe(wishes),
    unsub: (link, [, names]) => link.subscriptions.unsubscribe(names),
    pub: (link, frame) => link.said(frame),
    msg: (link, frame) => link.said(frame),
    call: (link, frame) => link.asked(frame),
    cancel: (link, [, seq]) => link.session!.inbound?.cancel(seq),
    ack: (link, [, ids]) => link.acknowledged(ids),
    nack: (link, [, id, delay]) => link.refused(id, delay),
    token: (link, [, token]) => link.refresh(token),
  },
  leaving: {},
  closed: {},
};

/** One connection. */
export class Link implements SessionLink {
  session: Session | null = null;
  subscriptions!: Subscriptions;
  readonly #world: LinkWorld;
  readonly #peer: Peer;
  readonly #options: AcceptOptions;
  readonly #request: Request | null;
  #state: LinkState = "greeting";
  /** Null where its token has no end. */
  #cancelExpiry: (() => void) | null = null;

  constructor(world: LinkWorld, peer: Peer, options: AcceptOptions, request: Request | null) {
    this.#world = world;
    this.#peer = peer;
    this.#options = options;
    // Nobody else asks for it, and it has all of its exchange with it.
    this.#request = options.authenticate === undefined ? null : request;
  }

  get isGone(): boolean {
    return this.#state === "closed";
  }

  /** A message came; while a promise of this is pending the next one waits. */
  received(message: string | Uint8Array): void | Promise<void> {
    // What comes behind our goodbye was not handled, and its client knows.
    if (this.#state === "leaving" || this.#state === "closed") return;
    const frame = decodeFrame(message);
    if (frame === null) return this.#breach("That is no frame");
    const act = ACTS[this.#state][frame[0] as string];
    if (act === undefined || !Object.hasOwn(ACTS[this.#state], frame[0] as string)) {
      return this.#breach(`${JSON.stringify(String(frame[0]).slice(0, 32))} is nothing to be said now`);
    }
    try {
      const acting = act(this, frame);
      if (acting !== undefined) return acting.catch((error) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The connection has ended. */
  gone(): void {
    if (!this.#move("gone")) return;
    this.#cancelExpiry?.();
    if (this.session === null) return;
    this.subscriptions.end();
    this.#world.sessions.detach(this.session, this);
  }

  /** A drain's last words: nothing is sent behind them. */
  bye(): string | undefined {
    if (this.#state !== "open" || !this.#move("leave")) return undefined;
    return JSON.stringify(["bye", this.subscriptions.end()]);
  }

  say(frame: Frame): void {
    if (this.#state === "open") this.#peer.say(encodeFrame(frame));
  }

  end(code: number, reason: string): void {
    if (!this.#move("leave")) return;
    if (this.session !== null) this.subscriptions.end();
    this.#peer.close(code, reason);
  }

  placeOf(channel: string): ClientPlace | null {
    return this.session === null ? null : this.subscriptions.placeOf(channel);
  }

  /** `hello` */
  async greet([, version, token, ticket, wishes]: Frame): Promise<void> {
    if (version !== VERSION) return this.#breach(`This server speaks version ${VERSION}`);
    const { sessions, instance, pace, counts, maxMessageBytes } = this.#world;
    await pace.begin();
    if (this.isGone) return;
    const identity = await this.#authenticate(token ?? null, null);
    if (identity === null) {
      counts.connects.refused++;
      return this.#refuse("unauthorized", "The token is not accepted", CLOSE_CODES.unauthorized);
    }
    if (this.#isOver(identity)) {
      counts.connects.refused++;
      return this.#refuseExpired();
    }
    await pace.goOn();
    if (this.isGone) return;
    let attached: Attached;
    try {
      attached = await sessions.attach(this, identity, ticket ?? null);
    } catch (error) {
      counts.connects.refused++;
      throw error;
    }
    const { session, resumed } = attached;
    counts.connects[resumed ? "resumed" : "new"]++;
    this.session = session;
    this.subscriptions = new Subscriptions(this.#world, this.#peer, session, this.#options);
    if (!this.#move("welcomed")) {
      // It ended meanwhile, or another one took the session.
      this.subscriptions.end();
      return void sessions.detach(session, this);
    }
    this.#peer.say(JSON.stringify(["welcome", attached.ticket, resumed, session.user, instance, maxMessageBytes]));
    this.#expireAt(identity.expires);
    sessions.welcomed(session, resumed);
    await this.subscriptions.subscribe(wishes);
    this.#world.presence.confirm(session);
  }

  /** `sub` */
  subscribe(wishes: unknown): void | Promise<void> {
    const turn = this.#world.pace.begin();
    if (turn === null) return this.subscriptions.subscribe(wishes);
    return turn.then(() => this.subscriptions.subscribe(wishes));
  }

  /** `token` */
  async refresh(token: unknown): Promise<void> {
    const session = this.session!;
    const identity = await this.#authenticate(token, session);
    if (identity === null || (identity.user !== session.user && this.#options.authenticate !== undefined)) {
      return this.#refuse("unauthorized", "The fresh token is not accepted", CLOSE_CODES.unauthorized);
    }
    if (this.#isOver(identity)) return this.#refuseExpired();
    session.data = identity.data;
    this.#expireAt(identity.expires);
    await this.subscriptions.authorizeAgain();
  }

  /** `pub` and `msg` */
  said([word, seq, channel, data = null, headers]: Frame): void | Promise<void> {
    if (!isSequence(seq)) return this.#breach("A message needs a sequence number");
    if (!isHeaders(headers)) return this.say(["no", seq, "bad-frame", WRONG_HEADERS]);
    const said = {
      seq,
      channel: word === "msg" ? null : channel ?? "",
      data: own(data),
      headers: headers ?? NO_HEADERS,
    };
    const { inbound } = this;
    this.#peer.hold(inbound.say(said, this.#options, this.#peer));
    return this.#room(inbound);
  }

  /** `call` */
  asked([, seq, what, data = null, headers]: Frame): void | Promise<void> {
    const [method, timeout] = Array.isArray(what) ? what : [];
    if (!isSequence(seq)) return this.#breach("A call needs a number");
    if (!isHeaders(headers)) return this.say(["failed", seq, "bad-frame", WRONG_HEADERS]);
    if (typeof method !== "string" || !isDelay(timeout)) {
      return this.say(["failed", seq, "bad-frame", "A call needs a method and a time"]);
    }
    const { inbound } = this;
    this.#peer.hold(
      inbound.ask({ seq, method, timeout, data: own(data), headers: headers ?? NO_HEADERS }, this.#options, this.#peer),
    );
    return this.#room(inbound);
  }

  /** `ack` */
  acknowledged(ids: unknown): Promise<void> {
    return this.#world.direct.acknowledged(this.session!, ids);
  }

  /** `nack` */
  refused(id: unknown, delay: unknown): void {
    this.#world.direct.refused(this.session!, id, delay);
  }

  /** What this session says, by whichever connection. */
  get inbound(): Inbound {
    const session = this.session!;
    return (session.inbound ??= new Inbound(this.#world, session)) as Inbound;
  }

  #room(inbound: Inbound): void | Promise<void> {
    if (inbound.pending >= this.#world.maxPending) return inbound.room();
  }

  #move(event: LinkEvent): boolean {
    const next = LINK_STATES[this.#state][event];
    const moved = next !== this.#state;
    this.#state = next;
    return moved;
  }

  async #authenticate(token: unknown, session: Session | null): Promise<Identity | null> {
    if (token !== null && typeof token !== "string") return null;
    const { authenticate } = this.#options;
    if (authenticate === undefined) return { user: session?.user ?? ANONYMOUS };
    const identity = await authenticate({ token, request: this.#request, session });
    if (identity === null || identity === undefined || identity === false || !isUser(identity.user)) return null;
    checkExpires(identity.expires, this.#wall);
    return identity;
  }

  /** A token whose time is over lets nobody in, whatever `authenticate()` thinks of it. */
  #isOver({ expires = Infinity }: Identity): boolean {
    return expires <= this.#wall;
  }

  /** A token has its time: another is asked for before it is over. */
  #expireAt(expires: number | undefined): void {
    this.#cancelExpiry?.();
    if (expires === undefined || expires === Infinity || this.#state !== "open") return;
    const left = Math.max(0, expires - this.#wall);
    const before = Math.min(REFRESH_BEFORE, left / 5);
    this.#expireIn(left - before, () => {
      this.say(["token"]);
      this.#expireIn(before, () => this.#refuseExpired());
    });
  }

  #refuseExpired(): void {
    this.#refuse("expired", "The token's time is over", CLOSE_CODES.expired);
  }

  #expireIn(ms: number, then: () => void): void {
    const { clock } = this.#world;
    // No runtime's timer waits for longer.
    const wait = Math.min(ms, MAX_TIMER_DELAY);
    this.#cancelExpiry = idleTimer(clock, () => wait < ms ? this.#expireIn(ms - wait, then) : then(), wait);
  }

  get #wall(): number {
    return wallOf(this.#world.clock);
  }

  #breach(message: string): void {
    this.#refuse("bad-frame", message, CLOSE_CODES.protocol);
  }

  #fail(error: unknown): void {
    if (error instanceof ChannelError) {
      const code = CLOSED_FOR[error.reason] ?? CLOSE_CODES.protocol;
      return this.#refuse(error.reason, error.message, code);
    }
    this.#world.failed("Serving a client of channels failed", error);
    this.#refuse("unavailable", "The server failed", TRY_AGAIN_LATER);
  }

  #refuse(code: string, message: string, close: number): void {
    if (this.#state === "leaving" || this.#state === "closed") return;
    this.#peer.say(JSON.stringify(["error", code, message]));
    this.end(close, message);
  }
}

/** How a connection is closed for an error of channels; for any other it is a breach of the protocol. */
const CLOSED_FOR: Readonly<Partial<Record<ChannelCode, number>>> = {
  revoked: CLOSE_CODES.revoked,
  fenced: CLOSE_CODES.fenced,
  unavailable: TRY_AGAIN_LATER,
};

/** What is kept must not share memory with what was received. */
function own(data: unknown): unknown {
  return data instanceof Uint8Array ? data.slice() : data;
}

/** @throws {TypeError} It is no time in ms. */
function checkExpires(expires: unknown, wall: number): void {
  const isTime = expires === undefined || (typeof expires === "number" && !Number.isNaN(expires));
  const isSeconds = isTime && expires !== undefined && expires > 0 && expires < wall / FAR_PAST;
  if (isTime && !isSeconds) return;
  const got = isSeconds ? `${expires}, which looks like seconds: multiply it by 1000` : String(expires);
  throw new TypeError(`authenticate() gives expires in ms since 1970, got ${got}`);
}

function isUser(user: unknown): boolean {
  return typeof user === "string" && user.length > 0 && user.length <= MAX_USER;
}

function isSequence(seq: unknown): seq is number {
  return Number.isSafeInteger(seq) && (seq as number) > 0;
}

function isDelay(ms: unknown): ms is number {
  return typeof ms === "number" && ms >= 0 && ms <= MAX_TIMER_DELAY;
}

function isHeaders(headers: unknown): headers is ChannelHeaders | null | undefined {
  return headers === undefined || headers === null || areHeaders(headers);
}
