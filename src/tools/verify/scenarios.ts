/**
 * The scenarios by name: what the clients do, and what a good server does.
 *
 * @module
 */
import { lateRequest, pingPong, pipelined } from "./scenarios/asking.ts";
import { bigMessage, halfMessage, slowReader, stream, upload } from "./scenarios/large.ts";
import { connectStorm, halfClosed, secondSignal, silent } from "./scenarios/leaving.ts";
import { fits, ORDERLY } from "./scenarios/roles.ts";
import { type Role, Stage } from "./stage.ts";
import type { Scenario, ScenarioWorld } from "./scenario.ts";
import type { Expectation, ScenarioName, VerifyKind } from "./verify_api.ts";

const ALL: readonly VerifyKind[] = ["tcp", "http", "ws"];

/** A silent client can only be cut, and a good server says so by its exit code. */
const RUDE: Expectation = { ...ORDERLY, rude: true };

/**
 * 300 ms is longer than what counts as one signal sent twice, and shorter than a drain with work; 2 s is what a process
 * needs to end when it no longer waits for anybody, on a busy machine.
 */
const FORCED: Expectation = { signals: 2, secondAfter: 300, within: 2000, forced: true, rude: false };

interface Spec {
  readonly about: string;
  readonly role: Role;
  readonly kinds?: readonly VerifyKind[];
  readonly expectation?: Expectation;
  readonly unfit?: (world: ScenarioWorld) => string | null;
}

const SPECS: Readonly<Record<ScenarioName, Spec>> = {
  "ping-pong": {
    about:
      "Clients send one message after the other. A good server answers what is in flight, then ends the connection " +
      "with the last answer or in a quiet moment.",
    role: pingPong,
  },
  "pipelined": {
    about: "Clients send 16 messages at once, and again when all are answered. A good server answers all of a batch " +
      "before it ends the connection, and says goodbye with the last answer only.",
    role: pipelined,
  },
  "slow-reader": {
    about:
      "Clients ask for more than the kernel's buffers hold and read it slowly. A good server waits until everything " +
      "is read, as long as its grace lasts.",
    role: slowReader,
  },
  "half-message": {
    about:
      "Clients have sent the first part of a message when the signal comes; the rest follows. A good server waits " +
      "for the rest and answers.",
    role: halfMessage,
  },
  "big-message": {
    about: "A long message, or its answer, is in transit at the signal. A good server takes in the whole message and " +
      "sends the whole answer before FIN.",
    role: bigMessage,
  },
  "late-request": {
    about: "Idle clients send one more message after the signal, unless they have seen the end before. A good server " +
      "waits for a quiet moment, or for the next message, before it closes what is idle.",
    role: lateRequest,
  },
  "upload": {
    about:
      "Clients are in the middle of an upload that goes on after the signal. A good server takes it to its end and " +
      "answers.",
    role: upload,
    kinds: ["http", "ws"],
  },
  "stream": {
    about:
      "A long answer (http), or a flow of messages (ws), is under way at the signal. A good server sends the answer " +
      "to its end, and ends a flow between two messages with a Close.",
    role: stream,
    kinds: ["http", "ws"],
    unfit: (world) => world.streamPath === null ? "there is no path of a long answer, give one" : null,
  },
  "half-closed": {
    about: "Clients send messages and FIN, then only read. A good server answers everything, then closes.",
    role: halfClosed,
    kinds: ["tcp", "http"],
  },
  "connect-storm": {
    about: "Clients connect, ask once and leave, before, during and after the signal. A good server serves every " +
      "connection that it lets in, and refuses the others.",
    role: connectStorm,
  },
  "silent": {
    about:
      "Some clients answer neither FIN nor Close, and never close. A good server is gone within its grace all the " +
      "same, and nobody else suffers; it may exit with 1, since it had to cut these.",
    role: silent,
    expectation: RUDE,
  },
  "second-signal": {
    about:
      "A second signal comes while the server still waits for its clients. A good server is gone at once; what is " +
      "lost then is counted and not blamed, a reset is right, and the exit code is 128 and the signal's number.",
    role: secondSignal,
    expectation: FORCED,
  },
};

/**
 * What a good exit is where waits may be so many times longer. A server that gets its core late hears two signals as
 * one if they follow each other as they would on a quiet machine.
 */
export function expectationIn(expectation: Expectation, stretch: number): Expectation {
  const { secondAfter, within } = expectation;
  return { ...expectation, secondAfter: secondAfter * stretch, within: within === null ? null : within * stretch };
}

/** Every scenario, in the order in which they are run. */
export const SCENARIOS: readonly Scenario[] = Object.entries(SPECS).map(([name, spec]) => {
  const { about, role, kinds = ALL, expectation = ORDERLY, unfit = fits } = spec;
  const start = (world: ScenarioWorld) => new Stage(world, expectationIn(expectation, world.stretch), role);
  return { name: name as ScenarioName, about, kinds, expectation, unfit, start };
});
