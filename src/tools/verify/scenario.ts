/**
 * A way for clients to behave around a stop: what it is given, and how it runs.
 *
 * @module
 */
import type { Clock } from "@sluice/sluice";
import type { Ledger } from "./ledger.ts";
import type { Expectation, ScenarioName, StopResult, VerifyKind } from "./verify_api.ts";
import type { ClientConn } from "./wire.ts";

/** Where a scenario takes place: the server under test as its clients see it. */
export interface ScenarioWorld {
  /** What the server speaks. */
  readonly kind: VerifyKind;
  /** Opens a connection to the server; rejects if it is refused. TLS, addresses and distance are its matter. */
  connect(): Promise<ClientConn>;
  /** Time. */
  readonly clock: Clock;
  /** The next random number in [0, 1), from a seed. */
  random(): number;
  /** Clients at the same time. */
  readonly clients: number;
  /** Time that the server has from the signal to its exit in ms. */
  readonly grace: number;
  /** Text of the Host field (http and ws). */
  readonly host: string;
  /** Request target of ordinary requests, of uploads and of the WebSocket (http and ws). */
  readonly path: string;
  /** Request target of uploads (POST); the ordinary one if it is null. */
  readonly uploadPath: string | null;
  /** Target of a long answer (http) or of a flow of messages from the server (ws); null: it has none. */
  readonly streamPath: string | null;
  /** "echo": an answer must carry what was sent; "any": any answer counts, in order. */
  readonly expect: "echo" | "any";
  /** Longest message in bytes that the server takes: the big message is as long. */
  readonly bigSize: number;
  /** Longest think time of a client between two messages in ms. */
  readonly think: number;
  /** Longest time in ms that something takes to the server and back: what clients wait for may come so much later. */
  readonly roundTrip: number;
  /** How many times longer a wait may be than on a machine that has nothing else to do. */
  readonly stretch: number;
}

/** One way for clients to behave around a stop. */
export interface Scenario {
  /** Its name. */
  readonly name: ScenarioName;
  /** What the clients do, and what a good server does, in plain sentences. */
  readonly about: string;
  /** Kinds for which it makes sense. */
  readonly kinds: readonly VerifyKind[];
  /** What a good exit is. */
  readonly expectation: Expectation;
  /** Why it can't be run here, in words ("give a path of a long answer"); null: it can. */
  unfit(world: ScenarioWorld): string | null;
  /** Starts the clients. */
  start(world: ScenarioWorld): ScenarioRun;
}

/** A scenario while it runs. */
export interface ScenarioRun {
  /**
   * Fulfils when the clients are as busy as the scenario wants: the signal may come. Rejects, in bounded time, if they
   * can't get there; then `abort()` is to be called.
   */
  readonly ready: Promise<void>;
  /** To be called just before each signal is sent, in the same turn: clients send something in it. */
  signalled(): void;
  /** To be called when the server has gone or its grace is over: clients that see no end soon are given up. */
  gone(stop: StopResult): void;
  /** Fulfils when every client has seen its end or was given up, in bounded time after `signalled()`; never rejects. */
  readonly finished: Promise<void>;
  /** Ends all clients at once, whatever they see. */
  abort(): void;
  /** The account of every message. */
  readonly ledger: Ledger;
}
