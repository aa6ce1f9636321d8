/** A model of direct queues and of calls, with clients that come and go, that does right or has one flaw. */
import {
  ChannelChecker,
  type ChannelLossName,
  type ChannelVerdict,
  type CheckedLetter,
} from "../../src/tools/verify/mod.ts";
import { dice } from "./dice.ts";

/** What can be wrong with it, and what that is found as: at least one of them, and nothing else. */
export const LETTER_FLAWS = {
  "drops a message that it has acknowledged": ["letterLost"],
  "forgets a message that is refused": ["letterLost"],
  "buries a message without a grave": ["letterLost"],
  "buries a message twice": ["letterAgain"],
  "keeps a message twice": ["letterAgain"],
  "sends a message again without a reason": ["letterAgain"],
  "sends a message again behind its acknowledgement": ["letterAgain"],
  "hands a message out again behind its acknowledgement": ["letterAgain"],
  "keeps what is acknowledged": ["letterAgain"],
  "brings a refused message too early": ["letterEarly"],
  "counts the deliveries of a message from 1 again": ["letterAttempt"],
  "gives a message to another user": ["letterAstray"],
  "tells a sender of an acknowledgement that there is not": ["letterAstray"],
  "never answers a sender": ["unanswered"],
  "gives a caller the answer of another": ["callSwapped"],
  "answers a call twice": ["callTwice"],
  "never answers a call": ["callLost"],
  "gives a patient call up": ["callLost"],
  "answers a call too late": ["callLost"],
} as const satisfies Readonly<Record<string, readonly ChannelLossName[]>>;

/** One of them. */
export type LetterFlaw = keyof typeof LETTER_FLAWS;

const USERS = ["u1", "u2"];
const STEPS = 600;
const FLAWED = [100, 400] as const;
/** Deliveries, after which it is a dead letter. */
const ATTEMPTS = 12;
const DELAY = 40;

interface Kept {
  readonly id: string;
  readonly queue: string;
  readonly seq: number;
  readonly isPoison: boolean;
  attempt: number;
  /** It can't be removed any more. */
  isStuck: boolean;
}

/** A client: what it has, and what it has said that may still be on its way. */
interface Reader {
  readonly name: string;
  readonly user: string;
  readonly has: Map<string, Kept>;
  /** Not before that time, by id; on this connection. */
  readonly away: Map<string, number>;
  readonly had: Set<string>;
  readonly acknowledged: Set<string>;
  readonly onTheWay: Kept[];
}

class Model {
  readonly checker = new ChannelChecker();
  readonly #flaw: LetterFlaw | null;
  readonly #roll: (below: number) => number;
  readonly #kept: Map<string, Kept[]> = new Map(USERS.map((user) => [user, []]));
  readonly #dead: Map<string, number[]> = new Map(USERS.map((user) => [user, []]));
  #readers: Reader[] = [];
  #ids = 0;
  #clients = 0;
  #calls = 0;
  #now = 0;
  #step = 0;
  #flaws = 0;

  constructor(seed: number, flaw: LetterFlaw | null) {
    this.#flaw = flaw;
    this.#roll = dice(seed);
    for (const user of [...USERS, ...USERS]) this.#join(user);
  }

  /** Null: there was no occasion for its flaw. */
  run(): ChannelVerdict | null {
    for (this.#step = 0; this.#step < STEPS; this.#step++) {
      this.#now += 10;
      this.#act();
    }
    // The end: nobody loses a connection any more, and all that is left is dealt with.
    for (let i = 0; i < 5 * ATTEMPTS; i++) {
      this.#now += 2 * DELAY;
      for (const reader of this.#readers) this.#serve(reader, true);
    }
    for (const user of USERS) this.checker.letters.dead(`user ${user}`, this.#dead.get(user)!);
    for (const kept of this.#kept.values()) for (const { queue, seq } of kept) this.checker.letters.left(queue, seq);
    return this.#flaw !== null && this.#flaws === 0 ? null : this.checker.verdict();
  }

  #act(): void {
    const roll = this.#roll(100);
    const reader = this.#readers[this.#roll(this.#readers.length)];
    if (roll < 30) this.#send(USERS[this.#roll(USERS.length)]);
    else if (roll < 80) this.#serve(reader, false);
    else if (roll < 85) this.#reconnect(reader);
    else if (roll < 87) this.#renew(reader);
    else this.#call();
  }

  #has(flaw: LetterFlaw): boolean {
    if (this.#flaw !== flaw || this.#step < FLAWED[0] || this.#step > FLAWED[1]) return false;
    if (this.#flaws > 0 && this.#roll(4) > 0) return false;
    this.#flaws++;
    return true;
  }

  #join(user: string): void {
    const name = `r${++this.#clients}`;
    this.checker.letters.arrived(name, [`user ${user}`]);
    this.checker.letters.connected(name);
    const sets = { had: new Set<string>(), acknowledged: new Set<string>() };
    this.#readers.push({ name, user, has: new Map(), away: new Map(), ...sets, onTheWay: [] });
  }

  /** What it has said may be lost with its connection; what it has acknowledged it does not hand out again. */
  #reconnect(reader: Reader): void {
    this.checker.letters.connected(reader.name);
    if (this.#roll(2) === 0) reader.onTheWay.length = 0;
    this.#arrive(reader);
    reader.has.clear();
    reader.away.clear();
  }

  #renew(reader: Reader): void {
    this.#arrive(reader);
    this.#readers = this.#readers.filter((other) => other !== reader);
    this.#join(reader.user);
  }

  #send(user: string): void {
    const { letters } = this.checker;
    const queue = `user ${user}`;
    const isPoison = this.#roll(15) === 0;
    const seq = letters.sending(queue, isPoison);
    if (this.#roll(20) === 0) return letters.refused(queue, seq);
    if (this.#has("never answers a sender")) return;
    const dropped = this.#has("drops a message that it has acknowledged");
    const kept = (): Kept => ({ id: `i${++this.#ids}`, queue, seq, isPoison, attempt: 0, isStuck: false });
    if (!dropped) this.#kept.get(user)!.push(kept());
    if (this.#has("keeps a message twice")) this.#kept.get(user)!.push(kept());
    letters.kept(queue, seq);
    if (this.#has("tells a sender of an acknowledgement that there is not")) letters.settled(queue, seq);
  }

  /** Sends a client what it has not, and lets its application deal with some. */
  #serve(reader: Reader, patiently: boolean): void {
    this.#arrive(reader);
    const wrong = !patiently && this.#has("gives a message to another user");
    const user = wrong ? USERS[1 - USERS.indexOf(reader.user)] : reader.user;
    const queue = this.#kept.get(user)!;
    if (wrong && queue.length === 0) this.#flaws--;
    for (const kept of [...queue]) {
      const early = reader.away.has(kept.id) && reader.away.get(kept.id)! > this.#now;
      if (early && !this.#has("brings a refused message too early")) continue;
      if (!reader.has.has(kept.id)) this.#deliver(reader, user, kept);
    }
    for (const kept of [...reader.has.values()]) if (patiently || this.#roll(2) === 0) this.#deal(reader, kept);
  }

  #deliver(reader: Reader, user: string, kept: Kept): void {
    kept.attempt++;
    if (kept.attempt > ATTEMPTS) return this.#bury(user, kept);
    const { letters } = this.checker;
    letters.came(reader.name, kept.id);
    reader.away.delete(kept.id);
    reader.has.set(kept.id, kept);
    if (reader.acknowledged.has(kept.id)) {
      // As our client does: the application is not bothered, the server is told again.
      letters.said(reader.name, kept.id, "ack");
      reader.onTheWay.push(kept);
      return;
    }
    if (reader.had.has(kept.id) && this.#has("counts the deliveries of a message from 1 again")) kept.attempt = 1;
    letters.handed(reader.name, lettered(kept), this.#now);
    reader.had.add(kept.id);
    if (this.#has("sends a message again without a reason")) letters.came(reader.name, kept.id);
  }

  #bury(user: string, kept: Kept): void {
    this.#remove(kept);
    if (this.#has("buries a message without a grave")) return;
    this.#dead.get(user)!.push(kept.seq);
    if (this.#has("buries a message twice")) this.#dead.get(user)!.push(kept.seq);
  }

  #deal(reader: Reader, kept: Kept): void {
    const { letters } = this.checker;
    if (reader.acknowledged.has(kept.id)) return;
    if (kept.isPoison || (kept.attempt <= 2 && this.#roll(4) === 0)) {
      const delay = this.#roll(DELAY);
      letters.nacked(reader.name, lettered(kept), this.#now + delay);
      letters.said(reader.name, kept.id, "nack");
      reader.has.delete(kept.id);
      reader.away.set(kept.id, this.#now + delay);
      const isOwed = !kept.isPoison && !this.#readers.some(({ acknowledged }) => acknowledged.has(kept.id));
      if (isOwed && this.#has("forgets a message that is refused")) this.#remove(kept);
      return;
    }
    letters.acknowledged(reader.name, lettered(kept));
    letters.said(reader.name, kept.id, "ack");
    reader.acknowledged.add(kept.id);
    reader.onTheWay.push(kept);
    if (this.#has("sends a message again behind its acknowledgement")) letters.came(reader.name, kept.id);
    if (this.#has("hands a message out again behind its acknowledgement")) {
      letters.handed(reader.name, { ...lettered(kept), attempt: kept.attempt + 1 }, this.#now);
    }
  }

  /** What a client has said is here. */
  #arrive(reader: Reader): void {
    for (const kept of reader.onTheWay.splice(0)) {
      if (!kept.isStuck && this.#has("keeps what is acknowledged")) kept.isStuck = true;
      this.#remove(kept);
    }
  }

  #remove(kept: Kept): void {
    if (kept.isStuck) return;
    for (const queue of this.#kept.values()) {
      const at = queue.indexOf(kept);
      if (at >= 0) queue.splice(at, 1);
    }
    for (const reader of this.#readers) reader.has.delete(kept.id);
  }

  #call(): void {
    const { calls } = this.checker;
    const isPatient = this.#roll(2) === 0;
    const number = calls.calling("c1", { isPatient }, this.#now + 100);
    const seq = ++this.#calls;
    if (!isPatient && this.#roll(3) === 0) {
      calls.gaveUp("c1", number);
      return calls.failed("c1", number, this.#roll(2) === 0 ? "canceled" : "timeout", this.#now);
    }
    if (!isPatient && this.#roll(5) === 0) return calls.failed("c1", number, "unavailable", this.#now);
    if (this.#has("never answers a call")) return;
    if (isPatient && this.#has("gives a patient call up")) return calls.failed("c1", number, "unavailable", this.#now);
    const late = this.#has("answers a call too late") ? 200 : 0;
    const asked = 1 + this.#roll(2);
    for (let i = 0; i < asked; i++) calls.asked("c1", seq);
    calls.came("c1", seq);
    calls.answered("c1", number, !this.#has("gives a caller the answer of another"), this.#now + late);
    if (this.#has("answers a call twice")) { for (let more = 0; more < 4; more++) calls.came("c1", seq); }
  }
}

function lettered({ queue, seq, id, attempt }: Kept): CheckedLetter {
  return { queue, seq, id, attempt };
}

/** Plays a run by chance, with a flaw in its middle or without one; null if there was no occasion for the flaw. */
export function flawedLetters(seed: number, flaw: LetterFlaw | null): ChannelVerdict | null {
  return new Model(seed, flaw).run();
}
