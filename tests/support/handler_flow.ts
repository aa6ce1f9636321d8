/** Parts of the handlers that push, stream, tunnel and count, and of their clients. */
import type { Peer } from "./handler_peer.ts";
import { pause } from "./handlers.ts";

export const quietly = () => {};

export const numbered = (count: number) => Array.from({ length: count }, (_, i) => `${i}\n`).join("");

/** Sends `count` lines, one every `every` ms. */
export async function stream(peer: Peer, count: number, every: number): Promise<void> {
  for (let i = 0; i < count && peer.isOpen; i++) {
    peer.send(`${i}\n`);
    await pause(every);
  }
}

/** Sends a body in pieces, then half-closes. */
export async function upload(peer: Peer, pieces: number, size: number, every: number): Promise<void> {
  for (let i = 0; i < pieces && peer.isOpen; i++) {
    peer.send("x".repeat(size));
    await pause(every);
  }
  peer.leave();
}
