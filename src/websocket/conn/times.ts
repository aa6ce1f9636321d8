/**
 * Everything about a WebSocket that depends on time: its heartbeat, and how long a Close waits.
 *
 * @module
 */
import { DeadlineError } from "../../errors.ts";
import type { Connection } from "../../server/conn/connection.ts";
import type { TimerTarget } from "../../server/conn/timers.ts";
import type { WebSocketLimits } from "../websocket_options.ts";

/** Who is told what is due. */
export interface TimedSocket extends TimerTarget {
  readonly conn: Connection;
  /** Sends a ping. */
  beat(): void;
  /** The peer is gone without a word. */
  dead(error: DeadlineError): void;
  /** What the Close waited for did not come. */
  closeLate(): void;
}

/** What is waited for, and since when. The socket waits in its host's queue of timers. */
export class WebSocketTimes {
  readonly #socket: TimedSocket;
  readonly #limits: WebSocketLimits;
  /** When a ping went out that no byte has followed; 0 for none. */
  #pingedAt = 0;
  #missed = 0;
  #closeAt = Infinity;
  #closeWait = 0;
  /** It is not the peer who is waited for. */
  #forTaker = false;
  /** How long the process had been deaf when that wait began, and how long it may be prolonged for that. */
  #deafAt = 0;
  #takerEndsAt = 0;
  /** Bytes that the kernel had taken at the last look, and when it was seen that it takes more: such a peer is alive. */
  #flushed = 0;
  #movedAt = 0;
  /** Bytes that had come when the Close was sent, or at the last look after that. */
  #heard = 0;

  constructor(socket: TimedSocket, limits: WebSocketLimits) {
    this.#socket = socket;
    this.#limits = limits;
    this.#flushed = socket.conn.bytesFlushed;
  }

  /** Nothing is waited for: the next ping's time can be told without any of this. */
  get isAtEase(): boolean {
    return this.#pingedAt === 0 && this.#closeAt === Infinity && this.#socket.conn.unsent === 0;
  }

  /** The closing handshake has so long from here, or from the last byte that the peer took. */
  expectClose(wait: number = this.#limits.closeTimeout): void {
    this.#forTaker = false;
    this.#closeWait = wait;
    this.#heard = this.#socket.conn.bytesRead;
    this.#closeAt = this.#now + wait;
    this.#arm(this.#closeAt);
  }

  /**
   * Whoever takes the messages that came before the peer's Close has so long for the next step. Where the process had no
   * turn meanwhile it is given as long again, for `closeTimeout` at the most: what it waited for came as late.
   */
  expectTaker(wait: number): void {
    const now = this.#now;
    this.#forTaker = true;
    this.#closeWait = wait;
    this.#deafAt = this.#deaf;
    this.#closeAt = now + wait;
    this.#takerEndsAt = now + Math.max(wait, this.#limits.closeTimeout);
    this.#arm(this.#closeAt);
  }

  /** The peer has taken everything: if a Close was behind it, its time begins. */
  taken(): void {
    if (this.#closeAt !== Infinity) this.#closeAt = this.#now + this.#closeWait;
  }

  /** Acts on what is due. */
  onTimer(now: number): void {
    const { conn } = this.#socket;
    const moves = conn.unsent > 0 && conn.bytesFlushed !== this.#flushed;
    this.#flushed = conn.bytesFlushed;
    const next = this.#closeAt === Infinity ? this.#checkHeart(now, moves) : this.#checkClose(now, moves);
    if (next !== Infinity) this.#arm(next);
  }

  #checkClose(now: number, moves: boolean): number {
    if (this.#forTaker ? this.#isExcused(now) : moves || this.#brings()) this.#closeAt = now + this.#closeWait;
    if (now < this.#closeAt) return this.#closeAt;
    this.#closeAt = Infinity;
    this.#socket.closeLate();
    return this.#closeAt;
  }

  /** The process was deaf while whoever takes messages was waited for. */
  #isExcused(now: number): boolean {
    const excused = this.#deaf > this.#deafAt && now < this.#takerEndsAt;
    this.#deafAt = this.#deaf;
    return excused;
  }

  /** In a drain, whose budget is the bound, the Close may be behind what the peer still sends or we don't take yet. */
  #brings(): boolean {
    const { conn } = this.#socket;
    const brings = conn.bytesRead !== this.#heard || conn.input.isPaused;
    this.#heard = conn.bytesRead;
    return brings && conn.isDraining;
  }

  #checkHeart(now: number, moves: boolean): number {
    const { heartbeat } = this.#limits;
    if (heartbeat === null) return Infinity;
    const { conn } = this.#socket;
    if (moves) this.#movedAt = now;
    // A silence of our own making proves nothing, unless the peer doesn't take what it is sent either.
    const unheard = conn.isWithheld || (conn.input.isPaused && conn.unsent === 0);
    const seenAt = unheard ? now : Math.max(conn.rhythm.lastIn, this.#movedAt);
    if (seenAt >= this.#pingedAt) {
      this.#pingedAt = this.#missed = 0;
      const due = seenAt + heartbeat.interval;
      if (now < due) return due;
    } else {
      const due = this.#pingedAt + heartbeat.timeout;
      if (now < due) return due;
      if (++this.#missed > heartbeat.misses) return this.#dead(now - seenAt);
    }
    this.#pingedAt = now;
    this.#socket.beat();
    return now + heartbeat.timeout;
  }

  #dead(silence: number): number {
    const pings = this.#missed === 1 ? "a ping" : `${this.#missed} pings`;
    this.#socket.dead(
      new DeadlineError(`The peer sent nothing for ${Math.round(silence)} ms and left ${pings} unanswered`),
    );
    return Infinity;
  }

  get #deaf(): number {
    return this.#socket.conn.host.timers.deaf;
  }

  get #now(): number {
    return this.#socket.conn.host.clock.now();
  }

  #arm(at: number): void {
    this.#socket.conn.host.timers.arm(this.#socket, at);
  }
}
