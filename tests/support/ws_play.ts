/**
 * Plays the cases of `websocket_cases.ts` to a server or a client that echoes, and says where it did otherwise.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import net from "node:net";
import type { Chop, Rounds, Step, WireCase } from "../fixtures/websocket_cases.ts";
import { within } from "./rig.ts";
import { readExtensions } from "./ws_inflate.ts";
import { type Item, NO_CODE, WsPeer } from "./ws_peer.ts";
import { BINARY, type FrameSpec } from "./ws_wire.ts";

/** How long after its Close a server may take to close the connection, in ms. */
const CLOSE_LIMIT = 3000;

/** How long anything may take: the largest messages, on a machine whose cores are taken. In ms. */
const PATIENCE = 30_000;

/** Connects to `url`, echoes every message until the end, and fulfils then, however it ended. */
export type EchoClient = (url: string) => Promise<unknown>;

/** Plays cases to the echo server on `port`, `lanes` at a time; what went wrong, a line for each case. */
export function playToServer(port: number, cases: readonly WireCase[], lanes: number): Promise<string[]> {
  return inLanes(cases, lanes, async (one) => {
    using peer = await WsPeer.connect(port, { path: "/", offer: one.deflate?.offer });
    assertAgreed(peer, one);
    await play(peer, one);
  });
}

/** Plays cases to a client that echoes. */
export async function playToClient(client: EchoClient, cases: readonly WireCase[], lanes: number): Promise<string[]> {
  const waiting = new Map<string, (peer: WsPeer) => void>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    WsPeer.accept(socket).then((peer) => waiting.get(peer.path)?.(peer), () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  try {
    return await inLanes(cases, lanes, async (one) => {
      const accepted = new Promise<WsPeer>((resolve) => waiting.set(`/${one.id}`, resolve));
      const over = client(`ws://127.0.0.1:${port}/${one.id}`);
      using peer = await within("the client", accepted);
      peer.welcome(answerTo(peer, one));
      await play(peer, one);
      await within("the client to notice its end", over, PATIENCE);
    });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

async function inLanes(
  cases: readonly WireCase[],
  lanes: number,
  run: (one: WireCase) => Promise<void>,
): Promise<string[]> {
  const wrong: string[] = [];
  const waiting = [...cases].reverse();
  const lane = async () => {
    for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
      await run(one).catch((error) => wrong.push(`${one!.id} ${one!.what}: ${error.message}`));
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return wrong.sort();
}

/** The server's answer has what the case wants. */
function assertAgreed(peer: WsPeer, { deflate }: WireCase): void {
  const answer = peer.field("sec-websocket-extensions") ?? "";
  if (deflate === undefined) return demand(answer === "", `extensions that nobody asked for: ${answer}`);
  const [name, parameters] = readExtensions(answer)[0] ?? ["", new Map()];
  demand(name === "permessage-deflate", `extensions: ${answer}`);
  for (const wanted of deflate.agreed) {
    const [key, value = ""] = wanted.split("=");
    demand(parameters.get(key) === value, `${wanted} is not in ${answer}`);
  }
}

/** What to answer a client's offer with: it must be possible. */
function answerTo(peer: WsPeer, { deflate }: WireCase): string {
  if (deflate === undefined) return "";
  const offer = peer.field("sec-websocket-extensions") ?? "";
  const offers = readExtensions(offer).filter(([name]) => name === "permessage-deflate");
  demand(offers.some(([, one]) => deflate.needs === undefined || one.has(deflate.needs)), `the offer is ${offer}`);
  return deflate.answer;
}

/** Plays a case, to the end of the connection. */
async function play(peer: WsPeer, one: WireCase): Promise<void> {
  for (const step of one.script) await take(peer, step);
  if (!one.fails && one.saidClose !== true) peer.close(1000);
  const item = await peer.next(PATIENCE);
  demand(item.type === "close" && item.code === one.close, `wanted Close ${one.close}, got ${show(item)}`);
  if (one.fails && !one.script.some((step) => "partly" in step)) peer.close(one.close);
  if (peer.role === "server") peer.socket.end();
  const end = await peer.next(CLOSE_LIMIT);
  demand(end.type === "end" && end.how === "fin", `wanted the end, got ${show(end)}`);
}

async function take(peer: WsPeer, step: Step): Promise<void> {
  if ("send" in step) return await send(peer, step.send, step.chop);
  if ("partly" in step) return await sendPartly(peer, step.partly, step.upTo, step.pause);
  if ("quiet" in step) return await quiet(peer, step.quiet);
  if ("rounds" in step) return await goRounds(peer, step.rounds);
  const item = await peer.next(PATIENCE);
  demand(same(item, step.get), `wanted ${show(step.get)}, got ${show(item)}`);
}

async function send(peer: WsPeer, frames: readonly FrameSpec[], chop?: Chop): Promise<void> {
  const pieces = frames.map((spec) => peer.bytes(spec));
  if (chop === undefined) return peer.write(Buffer.concat(pieces));
  for (const piece of pieces) {
    const size = chop === "frames" ? piece.length : chop;
    for (let at = 0; at < piece.length && !peer.isOver; at += size) {
      peer.write(piece.subarray(at, at + size));
      // Room for the other side to see each piece by itself.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

async function sendPartly(peer: WsPeer, spec: FrameSpec, upTo: readonly number[], pause: number): Promise<void> {
  const bytes = peer.bytes(spec);
  const head = bytes.length - (spec.payload?.length ?? 0);
  let from = 0;
  for (const [i, end] of upTo.entries()) {
    if (i > 0) await quiet(peer, pause);
    peer.write(bytes.subarray(from, head + end));
    from = head + end;
  }
}

async function quiet(peer: WsPeer, ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  if (!peer.isQuiet) demand(false, `wanted nothing, got ${show(await peer.next(PATIENCE))}`);
}

async function goRounds(peer: WsPeer, { opcode, number, payload, fragment, compressed }: Rounds): Promise<void> {
  const type = opcode === BINARY ? "binary" : "text";
  for (let i = 0; i < number; i++) {
    const wanted: Item = { type, payload: payload(i) };
    await peer.message(opcode, wanted.payload, fragment);
    const item = await peer.next(PATIENCE);
    demand(same(item, wanted), `message ${i}: wanted ${show(wanted)}, got ${show(item)}`);
    if (compressed === true) demand("compressed" in item && item.compressed === true, `message ${i} is not compressed`);
  }
}

function same(a: Item, b: Item): boolean {
  return a.type === b.type && "payload" in a && "payload" in b && Buffer.compare(a.payload, b.payload) === 0;
}

function show(item: Item): string {
  if (item.type === "close") return item.code === NO_CODE ? "Close" : `Close ${item.code} ${item.reason}`;
  if (item.type === "end") return item.how;
  if (item.type === "broken") return `what is wrong: ${item.problem}`;
  const { type, payload } = item;
  return `${type} of ${payload.length} bytes ${Buffer.from(payload.subarray(0, 20)).toString("hex")}`;
}

function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
