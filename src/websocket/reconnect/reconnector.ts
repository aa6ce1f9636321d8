/**
 * A connection that comes back: what a `ReconnectingWebSocket` and the client of channels have in common. It queues
 * nothing, and checks nothing that it is given.
 *
 * @module
 */
import type { Timers } from "../../clock.ts";
import { BEAT } from "../beat.ts";
import { parseFarewell } from "../farewell.ts";
import type { HandshakeError } from "../websocket_errors.ts";
import { Announcer } from "./announcer.ts";
import { delayAfter } from "./backoff.ts";
import { GOING_AWAY, NO_CLOSE } from "./close_codes.ts";
import type { StateChange } from "./events.ts";
import { guarded } from "./guarded.ts";
import { Heart } from "./heart.ts";
import { watchPage } from "./page.ts";
import type { ConnectionEnd, Hello, ReconnectUrl, TransportClose, TransportSocket } from "./reconnect_api.ts";
import type { ReconnectSettings } from "./reconnect_settings.ts";
import { type ReconnectState, TRANSITIONS, type Trigger } from "./reconnect_states.ts";
import { webSocketUrl } from "./websocket_url.ts";

/** One attempt and the connection it becomes. */
interface Link {
  /** From when the address is known. */
  socket?: TransportSocket;
  opened: boolean;
  /** What comes first was said. */
  ready?: boolean;
  /** From when it is open, if it has one. */
  heart?: Heart;
}

/** Who is told, once all is in order again; `ready` and `stopped` are called in the middle of it. */
export interface ReconnectorEvents {
  /** The state changed. */
  state(change: StateChange): void;
  /** There is a connection. */
  open?(): void;
  /** What comes first was said: what waits may follow. */
  ready?(): void;
  /** A message came. */
  message(data: string | Uint8Array): void;
  /** A connection, or an attempt, has ended. */
  end(end: ConnectionEnd, willReconnect: boolean): void;
  /** Nothing more is sent. */
  stopped?(): void;
  /** It is over for good: once, and last. */
  close(end: ConnectionEnd): void;
}

/** Why this side gives a connection, or an attempt, up. */
export type DropReason =
  /** It was not there within `connectTimeout`. */
  | "connect"
  /** `hello()` failed. */
  | "hello"
  /** It took too long. */
  | "late hello"
  /** Nothing came for so many ms. */
  | "silence"
  /** The page is put away. */
  | "away"
  /** `close()` came before it was open. */
  | "unopened"
  /** No Close came back within `closeTimeout`. */
  | "close";

/** What decides about connections. */
export interface ReconnectorSettings
  extends
    Omit<ReconnectSettings, "maxAttempts" | "maxQueued" | "maxQueuedBytes" | "whenFull" | "shouldReconnect" | "clock"> {
  readonly clock: Timers;
  /** What `hello` gave, if it can be sent. @default it can @throws It can't. */
  readonly checked?: (hello: Hello) => Hello;
  /** What a connection ends with that is given up; its words are those of the Close. @param ms Time that was waited. */
  readonly dropped: (why: DropReason, ms: number, cause: unknown) => Error;
  /** Whether to come back, after so many attempts in a row; a number of ms to stay away for so long as well. */
  readonly shouldReconnect: (end: ConnectionEnd, byDefault: boolean, attempt: number) => boolean | number;
}

/** One connection after another. */
export class Reconnector {
  /** State at that moment; nobody else writes it. */
  state: ReconnectState = "connecting";
  /** The subprotocol of the connection, or of the last one. */
  protocol = "";
  /** The address of the connection, or of the last one; empty before a function was asked for the first time. */
  url = "";
  /** Fulfils when it is over for good. */
  readonly closed: Promise<void>;
  readonly #url: ReconnectUrl;
  readonly #settings: ReconnectorSettings;
  readonly #events: ReconnectorEvents;
  readonly #leavePage: () => void;
  readonly #announcer: Announcer = new Announcer();
  #resolveClosed!: () => void;
  #link: Link | null = null;
  /** Delays drawn since all was well. */
  #retries = 0;
  /** The one timer of the state: of an attempt, of a stable connection, of a wait, of a Close. */
  #cancelTimer: (() => void) | undefined;
  /** When the server lets us come back, in the clock's time. */
  #notBefore = 0;

  /** Begins to connect. Nobody is told before the next job. */
  constructor(url: ReconnectUrl, settings: ReconnectorSettings, events: ReconnectorEvents) {
    if (typeof url !== "function") url = this.url = webSocketUrl(url);
    this.#url = url;
    this.#settings = settings;
    this.#events = events;
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.#leavePage = watchPage(settings.page, {
      away: () => this.#announcer.run(() => this.#away()),
      back: () => this.#announcer.run(() => this.#back()),
      // A hint, and no verdict: only silence proves it.
      offline: () => this.#link?.heart?.check(),
      awake: () => this.#announcer.run(() => this.#awake()),
    });
    queueMicrotask(() => this.#announcer.run(() => this.state === "connecting" && this.#connect()));
  }

  /** Bytes that wait in the connection. */
  get unsent(): number {
    return this.#link?.socket?.bufferedAmount ?? 0;
  }

  /** Ends it for good. Idempotent. @param reason At most 123 bytes. */
  close(code: number, reason: string): void {
    this.#announcer.run(() => this.#leave(code, reason));
  }

  #move(trigger: Trigger, delay: number = 0): void {
    const previous = this.state;
    const state = TRANSITIONS[previous][trigger];
    if (!state) throw new Error(`Got ${trigger} while ${previous}`);
    this.#cancelTimer?.();
    this.state = state;
    const change = { state, previous, delay, attempt: this.#retries };
    this.#announcer.add(() => this.#events.state(change));
  }

  #after(delay: number, act: () => void): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#settings.clock.setTimer(() => this.#announcer.run(act), delay);
  }

  #connect(): void {
    const link: Link = { opened: false };
    this.#link = link;
    this.#limit(link, "connect", this.#settings.connectTimeout);
    const url = this.#url;
    if (typeof url !== "function") return this.#dial(link, url as string);
    void Promise.resolve().then(url).then(
      (fresh) => this.#announcer.run(() => this.#dial(link, fresh)),
      (error) => this.#announcer.run(() => this.#ended(link, { ...NO_CLOSE, error })),
    );
  }

  #dial(link: Link, url: string | URL): void {
    if (link !== this.#link) return;
    const { transport, protocols } = this.#settings;
    try {
      this.url = webSocketUrl(url);
      link.socket = transport(this.url, protocols, {
        open: (protocol) => this.#announcer.run(() => this.#opened(link, protocol)),
        message: (data) => this.#announcer.run(() => this.#message(link, data)),
        close: (close) => this.#announcer.run(() => this.#ended(link, close)),
      });
    } catch (error) {
      this.#ended(link, { ...NO_CLOSE, error: error as Error });
    }
  }

  #opened(link: Link, protocol: string): void {
    if (link !== this.#link || link.opened) return;
    link.opened = true;
    this.protocol = protocol;
    this.#move("opened");
    this.#announcer.add(() => this.#events.open?.());
    link.heart = this.#heartOf(link);
    if (this.#settings.heartbeat?.message) link.heart?.begin();
    this.#greet(link);
  }

  #greet(link: Link): void {
    const failed = (error: unknown) => this.#ungreeted(link, error);
    let hello: Hello | Promise<Hello>;
    try {
      hello = this.#settings.hello();
    } catch (error) {
      return failed(error);
    }
    if (typeof (hello as Promise<Hello>)?.then !== "function") return this.#say(link, hello as Hello);
    this.#limit(link, "late hello", this.#settings.connectTimeout);
    Promise.resolve(hello).then(
      (hello) => this.#announcer.run(() => this.#say(link, hello)),
      (error) => this.#announcer.run(() => failed(error)),
    );
  }

  /** Says what comes first, then what has waited. */
  #say(link: Link, hello: Hello): void {
    if (link !== this.#link || this.state !== "open") return;
    try {
      for (const message of this.#settings.checked?.(hello) ?? hello) link.socket!.send(message);
    } catch (error) {
      return this.#ungreeted(link, error);
    }
    link.ready = true;
    this.#after(this.#settings.stableAfter, () => this.#retries = 0);
    this.#events.ready?.();
  }

  /** Without its first words a connection is of no use. */
  #ungreeted(link: Link, cause: unknown): void {
    if (link === this.#link && this.state === "open") this.#late(link, "hello", 0, cause);
  }

  /** None where nobody wants one, or the transport has one of its own. */
  #heartOf(link: Link): Heart | undefined {
    const { heartbeat, clock } = this.#settings;
    if (!heartbeat || (!heartbeat.message && link.socket!.pings)) return;
    const { message } = heartbeat;
    return new Heart({
      ...heartbeat,
      clock,
      ask: () => guarded(() => void link.socket!.send(message ? message() : BEAT)),
      unsent: () => link.socket!.bufferedAmount,
      dead: (silence) => this.#announcer.run(() => this.#late(link, "silence", silence)),
    });
  }

  #message(link: Link, data: string | Uint8Array): void {
    if (link !== this.#link) return;
    link.heart?.heard();
    // An answer to ours; the first one says that there is somebody who gives them.
    if (data === BEAT && this.#settings.offersBeat) return link.heart?.begin();
    this.#announcer.add(() => this.#events.message(data));
  }

  /** False if there is no connection that takes it. */
  hand(message: string | Uint8Array): boolean {
    return this.state === "open" && !!this.#link!.ready && this.#link!.socket!.send(message);
  }

  /** The transport says that its connection, or the attempt, has ended. */
  #ended(link: Link, close: TransportClose): void {
    if (link === this.#link) this.#afterwards(this.#unlink(link, close));
  }

  /** So long it may take. */
  #limit(link: Link, why: DropReason, ms: number): void {
    this.#after(ms, () => this.#late(link, why, ms));
  }

  /** This side has waited long enough. */
  #late(link: Link, why: DropReason, ms: number, cause?: unknown): void {
    this.#afterwards(this.#drop(link, why, ms, cause));
  }

  #afterwards(end: ConnectionEnd): void {
    const { clock, shouldReconnect } = this.#settings;
    const byDefault = comesBackAfter(end.code);
    const again = this.state !== "closing" &&
      guarded<boolean | number>(() => shouldReconnect(end, byDefault, this.#retries), byDefault);
    this.#announcer.add(() => this.#events.end(end, again !== false));
    if (again === false) return this.#end(end);
    if (end.farewell) this.#notBefore = clock.now() + end.farewell.retry;
    // Only a transport of ours sees Retry-After. By what the error has: its class would weigh on pages, which never see it.
    this.#wait("lost", again === true ? (end.error as Partial<HandshakeError> | undefined)?.retryAfter ?? 0 : again);
  }

  /** @param heldOff What a server that refused the attempt said in Retry-After, in ms. */
  #wait(trigger: "lost" | "back", heldOff: number = 0): void {
    const { clock } = this.#settings;
    // A farewell's time is drawn for each client; Retry-After is the same for all, who must not return together.
    const delay = Math.max(delayAfter(this.#retries++, this.#settings) + heldOff, this.#notBefore - clock.now());
    this.#move(trigger, delay);
    this.#after(delay, () => {
      this.#move("due");
      this.#connect();
    });
  }

  #away(): void {
    const link = this.#link;
    if (link) {
      const end = this.#drop(link, "away");
      this.#announcer.add(() => this.#events.end(end, true));
    }
    this.#move("away");
  }

  /** With a first delay's jitter: the whole office is back at this moment. */
  #back(): void {
    this.#retries = 0;
    this.#wait("back");
  }

  #awake(): void {
    if (this.state === "waiting") this.#back();
    else this.#link?.heart?.awake();
  }

  #leave(code: number, reason: string): void {
    if (this.state.startsWith("clos")) return;
    const link = this.#link;
    if (this.state !== "open") {
      if (link) this.#drop(link, "unopened", 0, undefined, code);
      return this.#end({ code, reason, wasClean: true, opened: false, unsentBytes: 0, farewell: null });
    }
    this.#stop();
    link!.heart?.stop();
    this.#move("leave");
    this.#limit(link!, "close", this.#settings.closeTimeout);
    link!.socket!.close(code, reason);
  }

  #end(end: ConnectionEnd): void {
    this.#stop();
    this.#move("end");
    this.#announcer.add(() => this.#events.close(end));
    this.#resolveClosed();
  }

  /** No more is sent, and the page is no concern any more. */
  #stop(): void {
    this.#leavePage();
    this.#events.stopped?.();
  }

  /** Gives a connection up; what its transport still says is not heard. */
  #drop(link: Link, why: DropReason, ms: number = 0, cause?: unknown, code: number = GOING_AWAY): ConnectionEnd {
    const error = this.#settings.dropped(why, ms, cause);
    const end = this.#unlink(link, { ...NO_CLOSE, error });
    guarded(() => link.socket?.close(code, error.message));
    return end;
  }

  #unlink(link: Link, close: TransportClose): ConnectionEnd {
    this.#link = null;
    link.heart?.stop();
    const { opened } = link;
    const unsentBytes = opened ? link.socket!.bufferedAmount : 0;
    return { ...close, opened, unsentBytes, farewell: parseFarewell(close.reason) };
  }
}

/** False for what a server, or an application, decides; all else is an accident. */
function comesBackAfter(code: number): boolean {
  return ![1000, 1008, 1010].includes(code) && code < 3000;
}
