/**
 * The account of calls: each is answered once, with its own answer, or fails by its deadline or because its caller did
 * not wait. It touches no socket and no timer.
 *
 * @module
 */
import type { CallFigures } from "./channel_api.ts";
import type { Blamed } from "./blamed.ts";

/** How a call is made. */
export interface CheckedCall {
  /** Its caller waits for as long as servers take to come back, and has it asked again: it has to be answered. */
  readonly isPatient: boolean;
}

/** Why a call may fail that nobody has given up: what it was asked by is gone, and nobody knows. */
const EXCUSES: readonly string[] = ["unavailable", "draining"];

interface Call extends CheckedCall {
  readonly caller: string;
  readonly number: number;
  /** It should have come to an end by then, in ms. */
  readonly due: number;
  /** Its caller does not wait any more. */
  isGivenUp: boolean;
  isOver: boolean;
}

/** Takes events; what it finds goes to whoever counts. */
export class CallChecker {
  readonly #calls: Map<string, Call[]> = new Map();
  /** By client, and by its own numbers: how often it has asked, less the answers. */
  readonly #asked: Map<string, Map<number, number>> = new Map();
  readonly #blamed: Blamed;
  #open = 0;
  #made = 0;
  #answers = 0;
  #failed = 0;

  constructor(blamed: Blamed) {
    this.#blamed = blamed;
  }

  /** A call is made. @param due It has an end by then, in ms. @returns Its number. */
  calling(caller: string, call: CheckedCall, due: number): number {
    let calls = this.#calls.get(caller);
    if (calls === undefined) this.#calls.set(caller, calls = []);
    const number = calls.length + 1;
    calls.push({ ...call, caller, number, due, isGivenUp: false, isOver: false });
    this.#open++;
    this.#made++;
    return number;
  }

  /** Its caller does not wait any more. */
  gaveUp(caller: string, number: number): void {
    const call = this.#call(caller, number);
    if (call !== undefined) call.isGivenUp = true;
  }

  /** It is answered. @param own Whether that is its own answer. @param now In ms. */
  answered(caller: string, number: number, own: boolean, now: number): void {
    const call = this.#end(caller, number, now);
    if (call === null) return;
    this.#answers++;
    if (!own) this.#blamed.add("callSwapped", `${nameOf(call)} was given the answer of another one`);
  }

  /** It has failed. @param reason In the words of the wire. */
  failed(caller: string, number: number, reason: string, now: number): void {
    const call = this.#end(caller, number, now);
    if (call === null) return;
    this.#failed++;
    const isDue = call.isGivenUp || (!call.isPatient && (reason === "timeout" || EXCUSES.includes(reason)));
    if (!isDue) this.#blamed.add("callLost", `${nameOf(call)} failed: ${reason}`);
  }

  /** A client asks on its connection, again if that is another one. @param seq What the client calls it. */
  asked(client: string, seq: number): void {
    this.#count(client, seq, 1);
  }

  /** A call is answered, or said to have failed, on its client's connection: at most as often as it was asked. */
  came(client: string, seq: number): void {
    if (this.#count(client, seq, -1) < 0) this.#blamed.add("callTwice", `call ${seq} of ${client}, on the wire`);
  }

  /** Each has come to an end. */
  get isSettled(): boolean {
    return this.#open === 0;
  }

  /** Figures of what was seen. */
  get figures(): CallFigures {
    return { made: this.#made, answered: this.#answers, failed: this.#failed };
  }

  /** What has no end by now never has one. @param all Takes it. */
  conclude(all: Blamed): void {
    for (const calls of this.#calls.values()) {
      for (const call of calls) if (!call.isOver) all.add("callLost", `${nameOf(call)} has no end`);
    }
  }

  #count(client: string, seq: number, more: number): number {
    const asked = this.#asked.get(client) ?? new Map<number, number>();
    this.#asked.set(client, asked);
    const left = (asked.get(seq) ?? 0) + more;
    asked.set(seq, left);
    return left;
  }

  #end(caller: string, number: number, now: number): Call | null {
    const call = this.#call(caller, number);
    if (call === undefined || call.isOver) {
      if (call !== undefined) this.#blamed.add("callTwice", nameOf(call));
      return null;
    }
    call.isOver = true;
    this.#open--;
    if (now > call.due) this.#blamed.add("callLost", `${nameOf(call)} ended ${Math.ceil(now - call.due)} ms too late`);
    return call;
  }

  #call(caller: string, number: number): Call | undefined {
    return this.#calls.get(caller)?.[number - 1];
  }
}

function nameOf({ caller, number }: Call): string {
  return `call ${number} of ${caller}`;
}
