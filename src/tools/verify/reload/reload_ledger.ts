/**
 * The account of a server through its reloads: every connection that was made or refused, every message, and how long
 * clients waited.
 *
 * @module
 */
import { Account, type AccountLoss, type Message } from "../account.ts";
import { Ledger } from "../ledger.ts";
import { ORDERLY } from "../scenarios/roles.ts";
import type { LossName, StopResult } from "../verify_api.ts";
import type { ClientKind, ReloadLossName, ReloadReport } from "./reload_api.ts";
import { countLosses, OF_ACCOUNTS, RELOAD_LOSSES } from "./reload_classes.ts";
import { Tally } from "./tally.ts";
import { type Part, Timeline } from "./timeline.ts";

/** How many losses of a class are told one by one: the others are alike. */
const MOST_DETAILS = 5;
/** The connection was made, and the server's end of it is gone. */
const RESETS: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "ECONNABORTED"]);

/** One connection, from the moment when its client asked for it. */
export interface Visit {
  readonly kind: ClientKind;
  /** When the connection was asked for, in ms of the clock. */
  readonly dialledAt: number;
  readonly account: Account;
  /** The client's port; null: it has none, as on a Unix socket. */
  readonly port: number | null;
  /** The client has asked all that it wanted and goes: what its connection ends with costs nobody anything. */
  left: boolean;
}

/** Who tried to connect. */
export type Newcomer = Pick<Visit, "kind" | "dialledAt">;

/** What a ledger of reloads needs to know. */
export interface ReloadLedgerOptions {
  /** When the clients were let loose, in ms of the clock. */
  readonly begunAt: number;
  /** Time in ms within which clients see that a killed worker is gone. */
  readonly killSeen: number;
  /** Time in ms that the server has from its signal to its exit when all is over. */
  readonly grace: number;
}

/** What an end that the client began may look like. */
const AFTER_LEAVING: ReadonlySet<LossName> = new Set<LossName>([
  "truncated",
  "noClose",
  "wrongCode",
  "resetInsteadOfFin",
]);
/** Clients whose answers take as long as they do on purpose. */
const SLOW: ReadonlySet<ClientKind> = new Set<ClientKind>(["upload", "stream"]);

/** Writes down what happens, part by part. */
export class ReloadLedger {
  readonly #options: ReloadLedgerOptions;
  readonly #timeline: Timeline = new Timeline();
  readonly #details: Map<ReloadLossName, string[]> = new Map();
  #visits = 0;
  #stop: StopResult | null = null;

  /** Opens an empty ledger. */
  constructor(options: ReloadLedgerOptions) {
    this.#options = options;
  }

  /**
   * A reload is about to be asked for, or a worker is about to be killed.
   *
   * @param held Ports of the clients whose connections the worker holds; null: nobody knows.
   */
  begins(kind: Part["kind"], now: number, held: ReadonlySet<number> | null = null): void {
    this.#timeline.begins(kind, now, held);
  }

  /** The worker that was to be killed is gone. */
  gone(now: number): void {
    this.#timeline.gone(now);
  }

  /** It is over; `failure` says why it was none, in words. */
  ends(now: number, failure: string | null = null): void {
    this.#timeline.ends(now);
    if (failure !== null) this.#blame("reloadFailed", now, now, "", failure);
  }

  /** A connection was made. */
  open({ kind, dialledAt }: Newcomer, now: number, port: number | null = null): Visit {
    const tally = this.#timeline.tallyOf(dialledAt, now);
    tally.connections++;
    tally.connectWaits.push(now - dialledAt);
    return { kind, dialledAt, account: new Account(++this.#visits, now), port, left: false };
  }

  /** No connection was made; `code` is the system's word for why. */
  refuse({ kind, dialledAt }: Newcomer, now: number, code: string, detail: string): void {
    const reset = RESETS.has(code);
    // A worker can have held it only if it was made; its port was not seen.
    const held = reset ? this.#heldBy(dialledAt, now, null) : null;
    if (held !== null) held.tally.heldConnections++;
    else this.#blame(reset ? "reset" : "refused", dialledAt, now, kind, detail);
  }

  /** A connection is over, and its client has seen its end: it is accounted for. */
  settle(visit: Visit): void {
    const { account, dialledAt, port } = visit;
    const losses = lossesOf(visit);
    const held = losses.length === 0 ? null : this.#heldBy(dialledAt, account.endedAt, port);
    if (held !== null) held.tally.heldConnections++;
    for (const message of account.messages) this.#count(visit, message, held);
    if (held !== null) return;
    const who = `${visit.kind} client on connection ${account.client}`;
    losses.forEach(({ name, at, detail }, i) => {
      // Many messages of one connection are lost alike: others have something to tell as well.
      const isFirst = losses.findIndex((other) => other.name === name) === i;
      this.#blame(OF_ACCOUNTS[name]!, at, account.endedAt, who, isFirst ? detail : null);
    });
  }

  /** The server is gone though nobody has asked it to go. */
  ended(now: number, words: string): void {
    this.#blame("ended", now, now, "", words);
    this.#timeline.ends(now);
  }

  /** The server was asked to go when all reloads were made. */
  stopped(now: number, stop: StopResult): void {
    this.#timeline.ends(now);
    this.#stop = stop;
    const exit = new Ledger(ORDERLY, this.#options.grace);
    exit.signalled(now);
    exit.stopped(stop);
    for (const { name, detail } of exit.losses()) this.#blame(OF_ACCOUNTS[name]!, now, now, "", detail);
  }

  /** What was found; `server` is what only the caller knows. */
  report(server: Pick<ReloadReport, "command" | "kind" | "clients">, wanted: number): ReloadReport {
    const { parts, between } = this.#timeline;
    const of = (kind: Part["kind"]) => Tally.sum(parts.filter((part) => part.kind === kind).map(({ tally }) => tally));
    const total = Tally.sum([between, ...parts.map(({ tally }) => tally)]).figures();
    const made = parts.filter(({ kind }) => kind === "reload").length;
    return {
      ...server,
      parts: parts.map(({ kind, number, at, until, tally }) => {
        return { kind, number, at: at - this.#options.begunAt, took: until - at, ...tally.figures() };
      }),
      during: of("reload").figures(),
      kills: of("kill").figures(),
      between: between.figures(),
      total,
      details: RELOAD_LOSSES.flatMap(({ name }) => this.#details.get(name) ?? []),
      stop: this.#stop,
      clean: made === wanted && this.#stop !== null && total.sent > 0 && countLosses(total.losses) === 0,
    };
  }

  /** One message, where it ended. */
  #count({ kind, account }: Visit, { begunAt, answer, answeredAt }: Message, held: Part | null): void {
    const tally = this.#timeline.tallyOf(begunAt, answeredAt ?? account.endedAt);
    if (answer !== "whole" && begunAt > account.seenAt) return void tally.afterEnd++;
    tally.sent++;
    if (answer !== "whole") {
      if (held === null) tally.lost++;
      else held.tally.heldMessages++;
      return;
    }
    tally.answered++;
    if (!SLOW.has(kind)) tally.answerWaits.push(answeredAt! - begunAt);
  }

  #heldBy(dialledAt: number, endedAt: number, port: number | null): Part | null {
    return this.#timeline.killIn(dialledAt, endedAt, this.#options.killSeen, port);
  }

  /** `detail` null: it is counted and not told. */
  #blame(name: ReloadLossName, from: number, to: number, who: string, detail: string | null): void {
    this.#timeline.tallyOf(from, to).losses[name]++;
    const told = this.#details.get(name) ?? [];
    this.#details.set(name, told);
    if (detail === null || told.length >= MOST_DETAILS) return;
    const { words } = RELOAD_LOSSES.find((each) => each.name === name)!;
    const where = [who, this.#when(from, to)].filter((text) => text !== "").join(", ");
    told.push(`${words} (${where}): ${detail}`);
  }

  /** When something happened, as people say it. */
  #when(from: number, to: number): string {
    const part = this.#timeline.partOf(from, to);
    if (part !== null) return `${Math.max(0, Math.round(to - part.at))} ms into ${part.kind} ${part.number}`;
    const last = this.#timeline.parts.findLast(({ until }) => until <= to);
    if (last === undefined) return "before the first reload";
    return `${Math.round(to - last.until)} ms after ${last.kind} ${last.number}`;
  }
}

/** What a connection has lost; who was let in and sent away unheard has lost what it came for. */
function lossesOf({ account, left }: Visit): AccountLoss[] {
  // Nobody knows of a signal here: whatever was sent before the end could be seen is owed an answer.
  const losses = account.losses(-Infinity).filter(({ name }) =>
    OF_ACCOUNTS[name] !== null && !(left && AFTER_LEAVING.has(name))
  );
  const unheard = account.messages.length === 0 && account.end === "fin";
  if (!unheard || losses.length > 0) return losses;
  return [{ name: "unansweredBeforeEnd", at: account.endedAt, detail: "ended before its client could ask" }];
}
