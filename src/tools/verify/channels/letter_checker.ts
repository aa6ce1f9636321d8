/**
 * The account of direct messages: takes what was sent, handed out and dealt with, and says what was lost. It touches no
 * socket and no timer.
 *
 * A message that was acknowledged to its sender is owed until an application has acknowledged it, or it is a dead letter.
 * To one client it is not handed out any more behind that client's own acknowledgement; on one connection it is not sent
 * again unless it was refused there. Between an application's acknowledgement and the server lies a network: that
 * another client gets the message meanwhile is nobody's fault, until all has settled.
 *
 * @module
 */
import type { LetterFigures } from "./channel_api.ts";
import type { Blamed } from "./blamed.ts";

/** On no connection. */
const NOWHERE = -1;

/** A direct message as an application sees it. */
export interface CheckedLetter {
  /** Whose queue it says that it was sent to. */
  readonly queue: string;
  /** Its number among those of this queue. */
  readonly seq: number;
  /** What the server calls it. */
  readonly id: string;
  /** Which delivery it says that it is. */
  readonly attempt: number;
}

/** One message of one queue. */
interface Letter {
  readonly queue: string;
  readonly seq: number;
  /** Nobody will acknowledge it: it has to become a dead letter. */
  readonly isPoison: boolean;
  state: "open" | "kept" | "refused";
  /** An application has acknowledged it. */
  isDealt: boolean;
  isDead: boolean;
  /** The log that had it was lost, which was declared. */
  isExcused: boolean;
  /** What the server has called it. */
  readonly ids: Set<string>;
}

/** What one client knows of one message, by what the server calls it. */
interface Holding {
  attempt: number;
  isAcknowledged: boolean;
  /** Not before this time, on the connection on which its client has said so. */
  notBefore: number;
  refusedOn: number;
}

/** One client, across its connections. */
interface Receiver {
  readonly queues: ReadonlySet<string>;
  /** Its connections so far. */
  connection: number;
  readonly holdings: Map<string, Holding>;
  /** What went over this connection, by what the server calls the message. */
  readonly traffic: Map<string, Traffic>;
}

/** Of one message, on one connection. */
interface Traffic {
  /** How often it came. */
  came: number;
  /** How often it was refused, which may be before it comes: it was handed out on another one. */
  refused: number;
  /** It had come here, and was acknowledged. */
  isAcknowledged: boolean;
}

/** Seemingly twice in its queue: none if its log is declared lost yet. */
interface Suspicion {
  readonly letter: Letter;
  readonly detail: string;
}

/** Takes events; what it finds goes to whoever counts. */
export class LetterChecker {
  readonly #queues: Map<string, Letter[]> = new Map();
  readonly #receivers: Map<string, Receiver> = new Map();
  readonly #suspicions: Suspicion[] = [];
  readonly #blamed: Blamed;
  #sent = 0;
  #kept = 0;
  #refused = 0;
  #handed = 0;
  #dealt = 0;
  #dead = 0;

  constructor(blamed: Blamed) {
    this.#blamed = blamed;
  }

  /** Somebody begins to send the next message of a queue. @param isPoison Nobody will acknowledge it. @returns Its number. */
  sending(queue: string, isPoison: boolean = false): number {
    const letters = this.#letters(queue);
    const seq = letters.length + 1;
    const letter: Letter = {
      ...{ queue, seq, isPoison, state: "open", isDealt: false, isDead: false, isExcused: false },
      ids: new Set(),
    };
    letters.push(letter);
    this.#sent++;
    return seq;
  }

  /** The server says that it has it. */
  kept(queue: string, seq: number): void {
    const letter = this.#letter(queue, seq);
    if (letter?.state !== "open") return;
    letter.state = "kept";
    this.#kept++;
  }

  /** The server says that it was not taken: nothing is promised. */
  refused(queue: string, seq: number): void {
    const letter = this.#letter(queue, seq);
    if (letter?.state !== "open") return;
    letter.state = "refused";
    this.#refused++;
  }

  /** The server says to its sender that an application has acknowledged it. */
  settled(queue: string, seq: number): void {
    const letter = this.#letter(queue, seq);
    if (letter === undefined || letter.isDealt || letter.isExcused) return;
    this.#blamed.add("letterAstray", `${nameOf(letter)} is said to be acknowledged, and no application has`);
  }

  /** A client is there. @param queues What may come to it. */
  arrived(receiver: string, queues: readonly string[]): void {
    const { holdings = new Map(), connection = 0 } = this.#receivers.get(receiver) ?? {};
    this.#receivers.set(receiver, { queues: new Set(queues), connection, holdings, traffic: new Map() });
  }

  /** It has another connection from here on. */
  connected(receiver: string): void {
    const found = this.#receivers.get(receiver);
    if (found === undefined) return;
    found.connection++;
    found.traffic.clear();
  }

  /** A message comes to it on its connection, whether or not its application is handed it. */
  came(receiver: string, id: string): void {
    const found = this.#receivers.get(receiver);
    if (found === undefined) return;
    const traffic = trafficOf(found, id);
    traffic.came++;
    if (!traffic.isAcknowledged && traffic.came <= 1 + traffic.refused) return;
    const why = traffic.isAcknowledged ? "behind its acknowledgement" : "without a reason";
    this.#blamed.add("letterAgain", `${id} came to ${receiver} again ${why}, on one connection`);
  }

  /** Its client says on its connection that a message is dealt with, or is to come again. */
  said(receiver: string, id: string, word: "ack" | "nack"): void {
    const found = this.#receivers.get(receiver);
    if (found === undefined) return;
    const traffic = trafficOf(found, id);
    if (word === "ack") traffic.isAcknowledged = traffic.came > 0;
    else {
      traffic.refused++;
      const holding = found.holdings.get(id);
      // One that is refused before it comes may be on its way.
      if (holding !== undefined && traffic.came > 0) holding.refusedOn = found.connection;
    }
  }

  /** Its application is handed a message. @param now In ms. */
  handed(receiver: string, { queue, seq, id, attempt }: CheckedLetter, now: number): void {
    const found = this.#receivers.get(receiver);
    const letter = this.#letter(queue, seq);
    if (found === undefined || letter === undefined) return;
    this.#handed++;
    const name = nameOf(letter);
    if (!found.queues.has(queue)) this.#blamed.add("letterAstray", `${name} came to ${receiver}`);
    if (!letter.ids.has(id) && letter.ids.size > 0) {
      this.#suspicions.push({ letter, detail: `${name} is in its queue twice` });
    }
    letter.ids.add(id);
    const holding = found.holdings.get(id);
    if (holding !== undefined) {
      this.#handedAgain(receiver, found, holding, `${name}, delivery ${attempt},`, attempt, now);
    }
    found.holdings.set(id, {
      attempt,
      isAcknowledged: holding?.isAcknowledged ?? false,
      notBefore: 0,
      refusedOn: NOWHERE,
    });
  }

  /** Its application has acknowledged it. */
  acknowledged(receiver: string, { queue, seq, id }: Pick<CheckedLetter, "queue" | "seq" | "id">): void {
    const letter = this.#letter(queue, seq);
    const holding = this.#receivers.get(receiver)?.holdings.get(id);
    if (letter === undefined || holding === undefined) return;
    holding.isAcknowledged = true;
    if (!letter.isDealt) this.#dealt++;
    letter.isDealt = true;
  }

  /** Its application refuses it, before its client says so. @param until It is not to come again on this connection before, in ms. */
  nacked(receiver: string, { id }: Pick<CheckedLetter, "id">, until: number): void {
    const found = this.#receivers.get(receiver);
    const holding = found?.holdings.get(id);
    if (holding !== undefined) Object.assign(holding, { notBefore: until, refusedOn: NOWHERE });
  }

  /** The dead letters of a queue, all of them. */
  dead(queue: string, seqs: readonly number[]): void {
    for (const [index, seq] of seqs.entries()) {
      const letter = this.#letter(queue, seq);
      if (letter === undefined) continue;
      if (seqs.indexOf(seq) < index) {
        this.#suspicions.push({ letter, detail: `${nameOf(letter)} is a dead letter twice` });
        continue;
      }
      if (!letter.isDead) this.#dead++;
      letter.isDead = true;
    }
  }

  /** When all has settled: a newcomer has this in its queue. Nothing that was dealt with may be there. */
  left(queue: string, seq: number): void {
    if (!this.isOver(queue, seq)) return;
    const letter = this.#letter(queue, seq)!;
    const what = letter.isDealt ? "acknowledged" : "a dead letter";
    this.#blamed.add("letterAgain", `${nameOf(letter)} is ${what}, and comes to a newcomer`);
  }

  /** A log was declared lost: it may have been that of any queue. */
  logLost(): void {
    for (const letters of this.#queues.values()) for (const letter of letters) letter.isExcused = true;
  }

  /** Everything that was begun is answered, and everything that was kept is dealt with. */
  get isSettled(): boolean {
    for (const letters of this.#queues.values()) {
      if (letters.some((letter) => letter.state === "open" || isOwed(letter))) return false;
    }
    return true;
  }

  /** Queues in which something is owed: it may have become a dead letter. */
  get owing(): readonly string[] {
    return [...this.#queues].filter(([, letters]) => letters.some(isOwed)).map(([queue]) => queue);
  }

  /** Whether it is dealt with: nobody should see it again. */
  isOver(queue: string, seq: number): boolean {
    const letter = this.#letter(queue, seq);
    return letter !== undefined && (letter.isDealt || letter.isDead);
  }

  /** Figures of what was seen. */
  get figures(): LetterFigures {
    return {
      queues: this.#queues.size,
      sent: this.#sent,
      kept: this.#kept,
      refused: this.#refused,
      handed: this.#handed,
      dealt: this.#dealt,
      dead: this.#dead,
    };
  }

  /** What has not come by now is lost. @param all Takes it. */
  conclude(all: Blamed): void {
    for (const letters of this.#queues.values()) {
      for (const letter of letters) {
        if (isOwed(letter)) {
          all.add("letterLost", `${nameOf(letter)} ${letter.isPoison ? "is no dead letter" : "was never dealt with"}`);
        }
        if (letter.state === "open" && !letter.isExcused) all.add("unanswered", nameOf(letter));
      }
    }
    for (const { letter, detail } of this.#suspicions) if (!letter.isExcused) all.add("letterAgain", detail);
  }

  #handedAgain(who: string, found: Receiver, before: Holding, name: string, attempt: number, now: number): void {
    if (before.isAcknowledged) this.#blamed.add("letterAgain", `${name} came to ${who} behind its acknowledgement`);
    if (attempt <= before.attempt) this.#blamed.add("letterAttempt", `${name} came to ${who} behind ${before.attempt}`);
    if (before.refusedOn === found.connection && now < before.notBefore) {
      this.#blamed.add("letterEarly", `${name} came to ${who} ${Math.ceil(before.notBefore - now)} ms too early`);
    }
  }

  #letters(queue: string): Letter[] {
    let letters = this.#queues.get(queue);
    if (letters === undefined) this.#queues.set(queue, letters = []);
    return letters;
  }

  #letter(queue: string, seq: number): Letter | undefined {
    return this.#queues.get(queue)?.[seq - 1];
  }
}

function trafficOf({ traffic }: Receiver, id: string): Traffic {
  let found = traffic.get(id);
  if (found === undefined) traffic.set(id, found = { came: 0, refused: 0, isAcknowledged: false });
  return found;
}

/** The server has it, and nobody has dealt with it. */
function isOwed({ state, isPoison, isDealt, isDead, isExcused }: Letter): boolean {
  return state === "kept" && !isExcused && !isDead && (isPoison || !isDealt);
}

function nameOf({ queue, seq }: Letter): string {
  return `direct message ${seq} of ${queue}`;
}
