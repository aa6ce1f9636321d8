/** Rounds of the seeded drains of WebSockets: clients that behave in all ways, a drain, and what must hold after it. */
import { assert, assertEquals } from "@std/assert";
import type { DrainReport } from "../../mod.ts";
import type { WebSocketHandler } from "../../src/websocket/mod.ts";
import { dice } from "./dice.ts";
import { type WsWorld, wsWorld, type WsWorldOptions } from "./websocket_world.ts";
import type { NetworkOptions } from "./world.ts";
import { masked, type RawPeer } from "./ws_raw.ts";
import { TEXT } from "./ws_wire.ts";

const GRACE = 8000;

type Roll = (below: number) => number;

/** What one client did. */
interface Played {
  readonly peer: RawPeer;
  /** Messages written as a whole. */
  sent: number;
  /** It went away by itself, without a Close. */
  left: boolean;
  /** It never answers a Close. */
  silent: boolean;
  /** It sends only while it has all answers, and looks at what has come before. */
  patient: boolean;
}

/** What became of the messages, by the number of the connection. */
interface Handled {
  readonly got: Map<number, string[]>;
}

/** Answers each message with itself, at once or later, pulled or pushed. */
function worker(w: () => WsWorld, roll: Roll, work: number, { got }: Handled): WebSocketHandler {
  return async (ws) => {
    const mine: string[] = [];
    got.set(ws.conn.id, mine);
    const deal = (message: unknown): void => {
      mine.push(`${message}`);
      ws.send(`${message}`);
    };
    if (roll(2) === 0) {
      return await ws.forEach((message) => {
        if (work === 0 || roll(3) === 0) return deal(message);
        return w().sleep(roll(work)).then(() => deal(message));
      });
    }
    for await (const message of ws) {
      if (work > 0 && roll(3) > 0) await w().sleep(roll(work));
      deal(message);
    }
  };
}

/** One of the ways a client behaves, until it sees the Close or its connection ends. */
async function play(w: WsWorld, played: Played, roll: Roll): Promise<void> {
  const { peer } = played;
  const goesOn = () => peer.end === "open" && peer.close === null;
  const send = (size = 1): void => {
    const texts = Array.from({ length: size }, () => masked(TEXT, `${played.sent++}`.padEnd(1 + roll(300), " ")));
    peer.write(...texts);
  };
  switch (roll(7)) {
    case 0: // only listens
      return;
    case 1: // one message after the other
      played.patient = true;
      while (goesOn()) {
        send();
        while (goesOn() && peer.messages.length < played.sent) await peer.changed();
        await w.sleep(roll(12));
      }
      return;
    case 2: // a window of messages in flight
      played.patient = true;
      while (goesOn()) {
        const room = peer.messages.length + 16 - played.sent;
        if (room > 0) send(room);
        await peer.changed();
      }
      return;
    case 3: { // a part of a message now, the rest later, whether or not a Close has come
      const bytes = masked(TEXT, `${played.sent}`.padEnd(200, " "));
      const cut = 1 + roll(bytes.length - 1);
      peer.write(bytes.subarray(0, cut));
      await w.sleep(roll(600));
      if (peer.close !== null || peer.end !== "open") return;
      played.sent++;
      return peer.write(bytes.subarray(cut));
    }
    case 4: // a batch, then a Close
      send(10 + roll(40));
      if (roll(2) === 0) await w.sleep(roll(300));
      return goesOn() ? peer.sayClose(1000) : undefined;
    case 5: // sends for a while, whatever is answered
      for (let i = 0; i < 40 && goesOn(); i++) {
        send();
        await w.sleep(roll(40));
      }
      return;
    default: // goes away in the middle
      played.left = true;
      send(3);
      peer.write(masked(TEXT, "never whole").subarray(0, 1 + roll(12)));
      await w.sleep(roll(500));
      if (roll(2) === 0) peer.conn.abort();
      else void peer.conn.close();
  }
}

/** What must hold after every drain, whatever happened. */
function check(w: WsWorld, report: DrainReport, all: readonly Played[], { got }: Handled, harmed: boolean): void {
  assert(report.duration <= GRACE, `the drain took ${report.duration} ms`);
  const outcomes = new Map(report.all.map((conn) => [conn.peer, conn]));
  const served = new Map(w.served.map((ws) => [portOf(ws.conn.remote), ws]));
  for (const { peer, sent, left, silent, patient } of all) {
    const port = portOf(peer.conn.local);
    const [entry, ws] = [outcomes.get(`127.0.0.1:${port}`), served.get(port)];
    const name = `${JSON.stringify(entry)}, ${peer.seen.slice(-3)}, ${peer.end}`;
    assertEquals(peer.problem, null, name);
    if (ws === undefined) continue;
    const handled = got.get(ws.conn.id)!.map(Number);
    // In order, each once, and an answer for each that was handled while answers could be sent.
    assertEquals(handled, handled.map((_, i) => i), name);
    assertEquals(peer.messages.map(Number), peer.messages.map((_, i) => i), name);
    assertEquals(ws.state, "closed", name);
    if (silent) {
      if (!harmed && entry !== undefined && !left && peer.end === "reset") assertEquals(entry.outcome, "cut", name);
      continue;
    }
    if (left || (harmed && peer.end !== "fin")) continue;
    assert(entry === undefined || entry.outcome !== "cut", name);
    assertEquals([peer.end, peer.seen.at(-1)?.startsWith("close 100")], ["fin", true], name);
    assertEquals(handled.length, sent, `${name}: every message is handled`);
    assertEquals(peer.messages.length + ws.dropped, sent, `${name}: every message is answered, or its answer counted`);
    if (patient) assert(ws.dropped <= 16, `${name}: ${ws.dropped} answers dropped`);
  }
  if (!harmed) assertEquals(report.cut.length, all.filter(({ peer }) => wasCut(report, peer)).length);
  const silent = all.filter((played) => played.silent).length;
  if (!harmed && silent === 0) assertEquals([report.clean, report.afterFin.messages], [true, 0]);
}

function wasCut(report: DrainReport, peer: RawPeer): boolean {
  return report.cut.some((conn) => conn.peer === `127.0.0.1:${portOf(peer.conn.local)}`);
}

function portOf(address: RawPeer["conn"]["local"]): number {
  return address.transport === "tcp" ? address.port : 0;
}

/** Plays a round: clients that behave in all ways, a drain, and what must hold then. */
export async function wsRound(network: NetworkOptions, options: WsWorldOptions, work: number): Promise<DrainReport> {
  const { seed = 1, faults = {} } = network;
  const roll = dice(seed);
  const handled: Handled = { got: new Map() };
  let made: WsWorld | null = null;
  const ws = { heartbeat: { interval: 500, timeout: 300 }, closeTimeout: 2500, ...options.ws };
  await using w = await wsWorld(worker(() => made!, roll, work, handled), {
    ...network,
    grace: GRACE,
    ...options,
    ws: (faults.vanish ?? 0) > 0 ? ws : { ...ws, heartbeat: false },
  });
  made = w;
  const all: Played[] = [];
  const count = 3 + roll(6);
  for (let i = 0; i < count; i++) {
    const silent = roll(6) === 0;
    const peer = await w.dial({ answers: !silent }).catch(() => null);
    if (peer === null) continue;
    const played: Played = { peer, sent: 0, left: false, silent, patient: false };
    all.push(played);
    await w.pass(roll(30));
    void play(w, played, roll);
  }
  await w.pass(roll(200));
  const report = await w.until(w.server.shutdown());
  await w.pass(3000);
  check(w, report, all, handled, (faults.reset ?? 0) + (faults.vanish ?? 0) > 0);
  return report;
}
