/** One client of the soak: what it does next is a matter of chance, and every message is accounted for. */
import { Buffer } from "node:buffer";
import { pattern } from "../support/rig.ts";
import { deflatedLine, type Line, type LineEnd, type Message, rawLine } from "./lines.ts";

/** What all clients count together. */
export class Ledger {
  sent = 0;
  sentBytes = 0;
  echoed = 0;
  /** Without an echo, on connections that the client itself dropped. */
  lost = 0;
  /** Messages whose echo may still come. */
  awaited = 0;
  opened = 0;
  /** Connections by the way that their client ended them. */
  readonly ends: Record<Ending, number> = { reset: 0, half: 0, fin: 0, close: 0 };
  slow = 0;
  /** What should not have happened. */
  readonly problems: string[] = [];

  /** True if no message is missing. */
  get balances(): boolean {
    return this.sent === this.echoed + this.lost + this.awaited;
  }

  problem(words: string): void {
    this.problems.push(words);
  }
}

/** How a client ends its connection: a reset, a reset within a frame, a FIN alone, a Close. */
export type Ending = "reset" | "half" | "fin" | "close";

type Deed = "talk" | "slow" | Ending;

/** Of a hundred deeds, so many are of each kind. */
const DEEDS: readonly (readonly [Deed, number])[] = [
  ["talk", 84],
  ["slow", 4],
  ["reset", 3],
  ["half", 1],
  ["fin", 2],
  ["close", 6],
];

/** Of a hundred messages, so many are of each size, up to so many bytes. */
const SIZES: readonly (readonly [upTo: number, share: number])[] = [
  [200, 70],
  [8192, 20],
  [65_536, 9],
  [1 << 20, 1],
];

/** Clients think for so long between two bursts on the average, in ms. */
const THINK = 4000;
const BURST = 4;
/** A slow reader stops reading for so long at the most, in ms. */
const NAP = 4000;

const BYTES = pattern(3 << 20);
const TEXT = Buffer.from(BYTES).toString("hex").slice(0, 3 << 20);
/** Room behind every offset for the largest message. */
const OFFSETS = 2 << 20;

const below = (end: number) => Math.floor(Math.random() * end);

function chosen<T>(table: readonly (readonly [T, number])[]): T {
  let left = Math.random() * 100;
  for (const [what, share] of table) if ((left -= share) < 0) return what;
  return table[0][0];
}

/** A message; small ones bear a number, so that none is like another. */
function made(number: number): Message {
  const size = below(chosen(SIZES) + 1);
  const offset = below(OFFSETS);
  if (Math.random() < 0.5) return BYTES.subarray(offset, offset + size);
  return `${number} ${TEXT.slice(offset, offset + size)}`.slice(0, 1 << 20);
}

function same(a: Message, b: Message): boolean {
  if (typeof a === "string" || typeof b === "string") return a === b;
  return Buffer.compare(a, b) === 0;
}

/** Connects, talks, ends, and connects again. */
export class SoakClient {
  /** No more is begun. */
  static stopping = false;
  readonly #ledger: Ledger;
  readonly #open: () => Line;
  #line: Line | null = null;
  #awaited: Message[] = [];
  #ending: Ending | null = null;

  constructor(port: number, ledger: Ledger, deflates: boolean) {
    this.#ledger = ledger;
    this.#open = () => deflates ? deflatedLine(port) : rawLine(port);
    this.#connect();
  }

  get isConnected(): boolean {
    return this.#line !== null;
  }

  #connect(): void {
    if (SoakClient.stopping) return;
    const line = this.#line = this.#open();
    line.onOpen = () => {
      this.#ledger.opened++;
      this.#think();
    };
    line.onMessage = (message) => this.#take(message);
    line.onEnd = (end, words) => this.#ended(end, words);
  }

  #think(): void {
    const line = this.#line;
    setTimeout(() => {
      if (line === this.#line && !SoakClient.stopping) this.#act(chosen(DEEDS));
    }, -Math.log(1 - Math.random()) * THINK);
  }

  #act(deed: Deed): void {
    const line = this.#line!;
    if (deed === "slow") this.#nap(line);
    for (let i = below(BURST); i >= 0; i--) this.#send(line);
    if (deed === "talk" || deed === "slow") return;
    this.#ending = deed;
    this.#ledger.ends[deed]++;
    if (deed === "close") line.close();
    else if (deed === "fin") line.finish();
    else setTimeout(() => line.reset(deed === "half"), below(8));
  }

  #send(line: Line): void {
    const message = made(this.#ledger.sent++);
    this.#ledger.sentBytes += message.length;
    this.#ledger.awaited++;
    this.#awaited.push(message);
    line.send(message);
  }

  #nap(line: Line): void {
    this.#ledger.slow++;
    line.pause();
    setTimeout(() => line.resume(), below(NAP));
  }

  #take(message: Message): void {
    const expected = this.#awaited.shift();
    if (expected === undefined || !same(message, expected)) {
      return this.#ledger.problem(`an echo of ${message.length} for ${expected?.length ?? "nothing"}`);
    }
    this.#ledger.awaited--;
    this.#ledger.echoed++;
    if (this.#awaited.length === 0 && this.#ending === null) this.#think();
  }

  #ended(end: LineEnd, words: string): void {
    const ending = this.#ending;
    const missing = this.#awaited.length;
    if (ending === null) this.#ledger.problem(`ended by the server: ${words}`);
    else if (ending === "close" && (end !== "clean" || missing > 0)) {
      this.#ledger.problem(`a Close was answered ${end} with ${missing} messages unanswered: ${words}`);
    }
    this.#ledger.lost += missing;
    this.#ledger.awaited -= missing;
    this.#awaited = [];
    this.#line = this.#ending = null;
    setTimeout(() => this.#connect(), below(1000));
  }

  /** Ends well: what happens now is no problem. */
  leave(): void {
    if (this.#line === null) return;
    this.#ending = "close";
    this.#line.close();
  }
}
