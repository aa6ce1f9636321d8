/**
 * The state machine of one WebSocket: what comes in, the closing handshake, and the end.
 *
 * @module
 */
import { nextTurn } from "../../clock.ts";
import { ConnResetError, DeadlineError } from "../../errors.ts";
import { Boundary } from "../../server/conn/boundary.ts";
import type { Consumer } from "../../server/conn/conn.ts";
import type { Connection } from "../../server/conn/connection.ts";
import { Delivery, type ItemSource } from "../../server/conn/hand_out.ts";
import type { TimerTarget } from "../../server/conn/timers.ts";
import { BEAT } from "../beat.ts";
import { ABNORMAL, NO_STATUS } from "../close_code.ts";
import { BOTH, type Closing, type ClosingEvent, HEARD, OPEN, SAID, TRANSITIONS } from "./closing.ts";
import type { ControlEvent, FrameDecoder } from "../codec/mod.ts";
import type { PerMessageDeflate } from "../deflate/mod.ts";
import { WebSocketClosedError, WebSocketError } from "../websocket_errors.ts";
import { MessageQueue } from "./message_queue.ts";
import { Outflow } from "./outflow.ts";
import { Pings } from "./pings.ts";
import type { WebSocketAgreement, WebSocketSettings } from "./settings.ts";
import { type TimedSocket, WebSocketTimes } from "./times.ts";
import type { WebSocketClose, WebSocketMessage } from "../websocket_api.ts";

/**
 * A Close is answered when whoever takes the messages before it has neither taken nor answered one for so long, in ms:
 * as soon as practical (RFC 6455 §5.5.1), but not before answers that come at once.
 */
const TAKER_REST = 100;

/** After so many messages in one chunk the others' turn comes: a flood of small ones is read on after theirs. */
const TURN_MESSAGES = 2048;

/** Of what waits to be decoded when a connection ends, so many messages of the largest size are taken all the same. */
const REST_MESSAGES = 4;

/** What the link asks of the WebSocket above it. */
export interface LinkOwner {
  /** A drain, or the connection's own graceful end, has found its quiet moment. Fulfils when all is said. */
  sayGoodbye(): Promise<void>;
  /** It has ended. */
  over(outcome: WebSocketClose): void;
}

/** Both directions of one WebSocket. */
export class WebSocketLink implements Consumer, ItemSource<WebSocketMessage>, TimedSocket, TimerTarget {
  readonly conn: Connection;
  readonly settings: WebSocketSettings;
  readonly out: Outflow;
  readonly delivery: Delivery<WebSocketMessage>;
  timerSlot = 0;
  /** Round trip of the last answered ping, in ms. */
  roundTrip: number | null = null;
  /** How it ended; null while it has not. */
  outcome: WebSocketClose | null = null;
  readonly #openedAt: number;
  readonly #owner: LinkOwner;
  /** Null while nothing is here to be decoded; with compression, until something was. */
  #decoder: FrameDecoder | null = null;
  readonly #deflate: PerMessageDeflate | null;
  readonly #beats: boolean;
  readonly #inbox: MessageQueue = new MessageQueue();
  /** Null while nothing is waited for: there may be many thousands of these. */
  #times: WebSocketTimes | null = null;
  #pings: Pings | null = null;
  /** A message is with its taker. */
  #taken = false;
  /** Messages that were taken, and one more. */
  #number = 1;
  /** Nobody will take a message any more. */
  #unwanted = false;
  /** How far its end has come: see `closing.ts`. */
  #closing: Closing = OPEN;
  /** Messages that were taken when our Close was out. */
  #takenLate = 0;
  #received: ControlEvent | null = null;
  /** Why nothing more comes, while frames that came before wait to be decoded; null otherwise. */
  #cutOff: Error | null = null;
  #error: Error | undefined = undefined;
  /** Frames may be here that wait until there is room for them. */
  #behind = false;
  readonly #boundary: Boundary;
  /** Reads on when the others have had their turn. */
  #resting = false;

  constructor(conn: Connection, settings: WebSocketSettings, agreement: WebSocketAgreement, owner: LinkOwner) {
    const { limits } = settings;
    const { deflate } = agreement;
    this.conn = conn;
    this.#openedAt = Math.floor(conn.host.clock.now());
    this.#boundary = new Boundary(conn);
    this.settings = settings;
    conn.work.expectAnswers(limits.answers);
    this.out = new Outflow(conn, settings, deflate);
    this.delivery = new Delivery<WebSocketMessage>(this);
    this.#owner = owner;
    this.#deflate = deflate;
    this.#beats = agreement.beats;
  }

  /** Takes the connection's bytes, unread ones first. */
  start(): void {
    const { heartbeat } = this.settings.limits;
    const { clock, timers } = this.conn.host;
    if (heartbeat !== null) timers.arm(this, clock.now() + heartbeat.interval);
    this.settings.counts.begin();
    this.conn.consume(this);
    this.#boundary.begin();
  }

  /** A heartbeat takes the place of the idle timeout. */
  get longLived(): boolean {
    return true;
  }

  /** The closing handshake has limits of its own. */
  get timesGoodbye(): boolean {
    return true;
  }

  /** Our Close is out. */
  get sentClose(): boolean {
    return this.#closing === SAID || this.#closing >= BOTH;
  }

  /** Nothing more is taken in. */
  get #deaf(): boolean {
    return this.#closing >= HEARD;
  }

  /** A Close is out, or came. */
  get isClosing(): boolean {
    return this.#closing !== OPEN;
  }

  #enter(event: ClosingEvent): void {
    this.#closing = TRANSITIONS[event][this.#closing];
  }

  // For whoever takes messages.

  get size(): number {
    return this.#inbox.size;
  }

  get ended(): boolean {
    return this.#deaf || this.#unwanted;
  }

  get handling(): number {
    return this.#handled ? 0 : this.#number;
  }

  take(): WebSocketMessage {
    this.#taken = true;
    this.#number++;
    this.conn.owe("messages");
    if (this.sentClose) this.#takenLate++;
    this.#stirred();
    return this.#inbox.take();
  }

  /** An answer was given, as far as can be told. */
  gave(): void {
    const { dues } = this.conn.work;
    if (dues === null || dues.owed === 0) return;
    dues.gave();
    this.#stirred();
  }

  /**
   * Our Close is out: a message is dropped. A drain tells of it where messages are taken here, unless it may answer one
   * that was taken behind the Close.
   */
  refuse(data: string | Uint8Array | ArrayBuffer): Promise<void> {
    const { dues } = this.conn.work;
    if (this.#takenLate > 0) this.#takenLate--;
    else if (dues !== null && this.conn.ending.hasSaidGoodbye) {
      this.conn.refused(typeof data === "string" ? data.length : data.byteLength);
    }
    return this.out.drop();
  }

  /** What comes before a Close is being dealt with. */
  #stirred(): void {
    if (this.#deaf && this.outcome === null) this.#timed().expectTaker(this.#takerRest);
  }

  get #takerRest(): number {
    return Math.min(TAKER_REST, this.settings.limits.closeTimeout);
  }

  takeEnd(): null {
    return null;
  }

  idle(): void {
    if (this.#inbox.size > 0) return;
    this.#taken = false;
    this.#settle();
  }

  /** Nobody will take a message any more. */
  unwant(): void {
    this.#unwanted = true;
    this.#taken = false;
    this.#inbox.clear();
    this.delivery.wake();
    this.#settle();
  }

  // What the connection says.

  get buffered(): number {
    return this.#decoder === null ? 0 : this.#decoder.buffered;
  }

  data(chunk: Uint8Array): void {
    if (this.#deaf) return;
    (this.#decoder ??= this.#takeDecoder()).feed(chunk);
    this.out.cork();
    if (this.#decode() >= TURN_MESSAGES) this.#rest();
    this.#settle();
    this.out.uncork();
  }

  end(): void {
    this.#over(new ConnResetError("The peer closed the connection without a Close frame"));
    if (this.outcome !== null) this.conn.close();
    else this.#settle();
  }

  drained(): void {
    this.out.drained();
    if (this.sentClose && !this.#deaf) this.#times?.taken();
    this.#settle();
  }

  closed(error?: Error): void {
    const reason = this.#cutOff ?? error ?? new ConnResetError("The connection ended without a Close frame");
    const isReset = this.conn.ending.isReset;
    if (!this.#deaf && !isReset) this.#decodeRest(reason);
    this.#enter("hear");
    this.#taken = false;
    // What came is handed out all the same, but not behind a reset of ours; in a drain nothing runs that can't be
    // answered.
    if (isReset || this.conn.isDraining) this.#inbox.clear();
    if (this.outcome === null) {
      this.#error ??= this.#received === null ? reason : undefined;
      this.#conclude();
    }
    this.conn.host.timers.disarm(this);
    this.#deflate?.close();
    this.delivery.wake();
  }

  hurry(): void {
    this.#settle();
  }

  goodbye(): Promise<void> {
    return this.#owner.sayGoodbye();
  }

  // Frames.

  /** Gives how many messages came out. */
  #decode(): number {
    let count = 0;
    try {
      this.#behind = true;
      while (!this.#deaf && !this.#full && this.#behind) {
        this.#behind = this.#decodeOne();
        if (this.#behind) count++;
      }
    } catch (error) {
      this.#deafen(error as Error);
    }
    if (this.#unwanted) this.#inbox.clear();
    if (!this.#behind && this.#cutOff !== null && !this.#deaf) this.#deafen(this.#cutOff);
    this.delivery.wake();
    return count;
  }

  /** False if nothing whole is here. @throws {WebSocketError} The peer broke the protocol. */
  #decodeOne(): boolean {
    const event = this.#decoder!.next();
    if (event === null) return false;
    if (typeof event === "string" || event instanceof Uint8Array) {
      if (this.#beats && event === BEAT) this.sayBeat();
      else this.#arrived(event);
    } else this.#control(event);
    return true;
  }

  #arrived(message: WebSocketMessage): void {
    this.settings.counts.received++;
    this.#inbox.push(message);
  }

  /** Nothing more comes. What waits for room in the inbox is decoded as that gets free: a Close may be behind it. */
  #over(reason: Error): void {
    if (this.#deaf || this.#cutOff !== null) return;
    this.#cutOff = reason;
    if (!this.#behind) this.#deafen(reason);
    else this.#timed().expectTaker(this.#takerRest);
  }

  /** The rest of what came, whether there is room or not; what a peer could blow up beyond reason is left. */
  #decodeRest(reason: Error): void {
    const { readHighWaterMark, maxMessageBytes } = this.settings.limits;
    const most = readHighWaterMark + REST_MESSAGES * maxMessageBytes;
    try {
      while (!this.#deaf && this.#behind && this.#inbox.volume <= most) this.#behind = this.#decodeOne();
    } catch (error) {
      this.#deafen(error as Error);
    }
    if (this.#unwanted) this.#inbox.clear();
    if (!this.#deaf) this.#deafen(reason);
  }

  #rest(): void {
    this.#resting = true;
    nextTurn(this.conn.host.clock, () => {
      this.#resting = false;
      this.#settle();
    });
  }

  #control(event: ControlEvent): void {
    if (event.type === "ping") {
      if (!this.sentClose) this.out.pong(event.data);
    } else if (event.type === "pong") {
      this.roundTrip = this.#pings?.answered(event.data) ?? this.roundTrip;
    } else {
      this.#received = event;
      this.#deafen(undefined);
    }
  }

  /** Takes in nothing more. */
  #deafen(error: Error | undefined): void {
    this.#enter("hear");
    this.#error = error;
    this.#timed().expectTaker(this.#takerRest);
  }

  /** Says to a client that can't ping that we are here; what waits for it to read says so, too. */
  sayBeat(): void {
    if (!this.sentClose && !this.conn.output.isClogged) void this.out.message(BEAT, false);
  }

  /** Sends a ping. */
  beat(): void {
    if (!this.isClosing) this.ping();
  }

  ping(data?: Uint8Array): Promise<number> {
    const pings = this.#pings ?? (this.#pings = new Pings(this.conn.host.clock));
    const payload = data ?? pings.payload();
    this.out.ping(payload);
    return pings.sent(payload);
  }

  // Ends.

  /** Begins the closing handshake, or answers the peer's at once. */
  close(code: number | null, reason: string, wait: number = this.settings.limits.closeTimeout): void {
    if (this.sentClose || this.outcome !== null) return;
    this.#enter("say");
    this.out.close(code, reason);
    this.out.uncork();
    // What patience withheld leaves in one write with the Close: a client that saw it before would send more.
    this.conn.output.flushAll();
    if (!this.#deaf) this.#timed().expectClose(wait);
    this.#settle();
  }

  /** As `close`, by whoever takes the messages: the one in hand needs no answer any more. */
  closeByTaker(code: number, reason: string): void {
    this.#taken = false;
    this.close(code, reason);
  }

  dead(error: DeadlineError): void {
    this.#error = error;
    this.conn.abort(error);
  }

  closeLate(): void {
    if (this.outcome !== null) return void this.conn.close();
    if (this.#cutOff !== null && !this.#deaf) this.#decodeRest(this.#cutOff);
    if (this.#deaf) this.#conclude();
    else this.dead(new DeadlineError("The peer did not answer the Close in time"));
  }

  /** Nothing of what came is left to deal with. */
  get #handled(): boolean {
    return this.#unwanted || (this.#inbox.size === 0 && !this.#taken);
  }

  /** The last word, and the end. */
  #conclude(): void {
    const received = this.#received;
    if (!this.sentClose && !this.conn.ending.isGone) this.#answer(received);
    const wasClean = received !== null && !this.conn.ending.isReset;
    this.#enter("conclude");
    this.outcome = { ...this.#lastWord(received), wasClean, error: this.#error };
    if (this.#error instanceof WebSocketError) {
      this.#tell("A peer broke the WebSocket protocol, closing its connection");
    } else if (this.#error instanceof DeadlineError) this.#tell("A WebSocket's peer is gone, dropping its connection");
    this.#pings?.fail(new WebSocketClosedError("The WebSocket closed before the pong came"));
    this.out.uncork();
    this.#boundary.report(false, false);
    // A client leaves the end of the connection to its server (RFC 6455 §7.1.1).
    if (this.settings.role === "client" && wasClean && !this.conn.input.isEnded) this.#timed().expectClose();
    else this.conn.close();
    this.settings.counts.end(this.outcome.code);
    this.settings.ended(this.outcome, this.conn, this.#openedAt);
    this.#owner.over(this.outcome);
  }

  /** The peer's Close; or ours, to a peer that broke the protocol and is not listened to any more. */
  #lastWord(received: ControlEvent | null): { code: number; reason: string } {
    if (received !== null) return { code: received.code, reason: received.reason };
    const error = this.#error;
    return error instanceof WebSocketError
      ? { code: error.closeCode, reason: error.message }
      : { code: ABNORMAL, reason: "" };
  }

  #tell(what: string): void {
    this.settings.failed(what, this.#error, this.conn);
  }

  #answer(received: ControlEvent | null): void {
    this.#enter("say");
    if (received !== null) this.out.close(received.code === NO_STATUS ? null : received.code, received.reason);
    else if (this.#error instanceof WebSocketError) this.out.close(this.#error.closeCode, this.#error.message);
  }

  // State.

  /** More is here than its takers, or the peer, should have waiting. */
  get #full(): boolean {
    const { readHighWaterMark, slowConsumer } = this.settings.limits;
    if (this.#inbox.volume >= readHighWaterMark || this.out.owesPongs) return true;
    return slowConsumer === "wait" && this.out.isPiled;
  }

  #settle(): void {
    while (this.outcome === null && this.#behind && !this.#deaf && !this.#full) this.#decode();
    if (this.outcome !== null) return;
    if (this.#deaf && this.#handled) return this.#conclude();
    this.#boundary.press(!this.#deaf && (this.#full || this.#resting || this.#isLast));
    const isPartial = this.#isPartial;
    this.#boundary.report(this.#deaf || !this.#handled, isPartial);
    if (!isPartial && !this.#deaf && !this.#behind) this.#giveDecoderBack();
  }

  /** Part of a message is here. */
  get #isPartial(): boolean {
    return !this.#deaf && this.#decoder !== null && this.#decoder.partial;
  }

  /** What is here is answered, and nothing more is taken in until the Close is out. */
  get #isLast(): boolean {
    return this.conn.ending.isDue && !this.sentClose && !this.#isPartial;
  }

  #takeDecoder(): FrameDecoder {
    const { decoders } = this.settings;
    const deflate = this.#deflate;
    return deflate === null ? decoders.take() : decoders.make((data, limit) => deflate.inflate(data, limit));
  }

  /** One with a compressor's memory is this connection's alone. */
  #giveDecoderBack(): void {
    if (this.#decoder === null || this.#deflate !== null) return;
    this.settings.decoders.giveBack(this.#decoder);
    this.#decoder = null;
  }

  // Time.

  onTimer(now: number): void {
    const times = this.#timed();
    times.onTimer(now);
    if (times.isAtEase) this.#times = null;
  }

  timerFailed(error: unknown): void {
    this.conn.abort(error);
  }

  #timed(): WebSocketTimes {
    return this.#times ??= new WebSocketTimes(this, this.settings.limits);
  }
}
