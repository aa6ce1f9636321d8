/** Hostile WebSockets on the server of `programs/ws_server.ts` in a process of its own. */
import { Buffer } from "node:buffer";
import type { WsRan, WsSetup } from "../programs/ws_server.ts";
import { ATTACK_OFFER, type WsAttack } from "../fixtures/websocket_attacks.ts";
import { portOf } from "./drained.ts";
import { HttpDrained, type HttpOutcome } from "./http_drained.ts";
import { startProgram } from "./processes.ts";
import { within } from "./rig.ts";
import { type ConnectOptions, type Item, WsPeer } from "./ws_peer.ts";
import type { FrameSpec } from "./ws_wire.ts";

const PROGRAM = "tests/programs/ws_server.ts";
/** Connections opened at once: a runtime's accept queue holds no more than 512. */
const WAVE = 250;
/** Bytes that an endless attack keeps on their way. */
const IN_FLIGHT = 1 << 20;

/** How the server ended. */
export interface WsOutcome extends HttpOutcome {
  readonly ran: WsRan;
}

/** The server, with peers that speak WebSocket. */
export class WsDrained extends HttpDrained {
  readonly peers: WsPeer[] = [];

  /** A peer that has its 101. */
  async peer(options: ConnectOptions = {}): Promise<WsPeer> {
    const peer = await WsPeer.connect(this.port, { path: "/ws", ...options });
    this.peers.push(peer);
    return peer;
  }

  async crowd(number: number, options?: ConnectOptions): Promise<WsPeer[]> {
    const all: WsPeer[] = [];
    while (all.length < number) {
      const wave = Math.min(WAVE, number - all.length);
      all.push(...await Promise.all(Array.from({ length: wave }, () => this.peer(options))));
    }
    return all;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.peers) peer[Symbol.dispose]();
    await super[Symbol.asyncDispose]();
  }
}

/** Starts the server on the runtime of this test. */
export async function wsDrained(setup: WsSetup = {}): Promise<WsDrained> {
  const program = startProgram(PROGRAM, { args: [JSON.stringify(setup)] });
  try {
    return new WsDrained(program, portOf(await program.line(/^port /)));
  } catch (error) {
    await program.kill();
    throw error;
  }
}

/** The frames as one piece, as a client sends them. */
export function bytesOf(peer: WsPeer, frames: readonly FrameSpec[]): Uint8Array {
  return Buffer.concat(frames.map((spec) => peer.bytes(spec)));
}

/** Peers that send their bytes again and again, and read nothing. */
export class Flooding implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;
  #sentAt = performance.now();

  constructor(peers: readonly (readonly [WsPeer, Uint8Array])[]) {
    for (const [peer] of peers) peer.socket.pause();
    this.#timer = setInterval(() => {
      for (const [peer, bytes] of peers) this.#send(peer, bytes);
    }, 5);
  }

  /** For how long, in ms, nothing could be sent. */
  get stemmedFor(): number {
    return performance.now() - this.#sentAt;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #send(peer: WsPeer, bytes: Uint8Array): void {
    if (peer.isOver || peer.socket.writableLength >= IN_FLIGHT) return;
    peer.write(bytes);
    this.#sentAt = performance.now();
  }
}

/** Sends it until the other side has enough. */
export async function flood(peer: WsPeer, bytes: Uint8Array): Promise<void> {
  while (!peer.isOver) {
    if (peer.socket.writableLength < IN_FLIGHT) peer.write(bytes);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Attacks once; what came instead of the Close that had to, or null. */
export async function attackOnce(server: WsDrained, attack: WsAttack): Promise<string | null> {
  const peer = await server.peer({ offer: attack.deflate === true ? ATTACK_OFFER : undefined });
  const { forever, behind } = attack;
  peer.write(bytesOf(peer, attack.frames));
  if (behind !== undefined) peer.write(behind);
  const got: string[] = [];
  try {
    if (forever !== undefined) {
      const bytes = bytesOf(peer, Array.from({ length: 100 }, () => forever).flat());
      await within("an end of it", flood(peer, bytes));
    }
    while (got.length < 2) got.push(describeItem(await peer.next()));
  } catch (error) {
    got.push((error as Error).message);
  }
  peer.socket.end();
  const isRight = got.length === 2 && got[0] === `Close ${attack.close}` && got[1] === "fin";
  return isRight ? null : `${attack.name}: ${got.join(", ")}`;
}

/** The item in short. */
export function describeItem(item: Item): string {
  if (item.type === "close") return `Close ${item.code}`;
  if (item.type === "end") return item.how;
  return "payload" in item ? `${item.type} of ${item.payload.length} bytes` : item.problem;
}
