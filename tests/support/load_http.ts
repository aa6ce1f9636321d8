/** Answers for HTTP load clients. */
import { assertEquals } from "@std/assert";
import type { ResolvedClientOptions } from "../../src/tools/load/clients/client.ts";
import type { LoadPeer, LoadPlayer, LoadWorld } from "./load_world.ts";

/** Where they connect. */
export const URL = "http://127.0.0.1:9000/path?q";
/** Answers are all the same. */
export const SAME: Partial<ResolvedClientOptions> = { check: "same" };

/** An answer of known length. */
export function answer(body: string, fields = "", status = "200 OK"): string {
  return `HTTP/1.1 ${status}\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** The usual one. */
export const HELLO = answer("hello");

/** A client that has had a right answer before, so that there is one to compare others with. */
export async function warm(world: LoadWorld, options: Partial<ResolvedClientOptions>): Promise<[LoadPlayer, LoadPeer]> {
  const [player, peer] = await world.join(URL, options);
  player.send();
  await world.settle();
  peer.take();
  peer.send(HELLO);
  await world.settle();
  assertEquals(player.told(), [`answered 0, ${HELLO.length} bytes`, "idle"]);
  return [player, peer];
}
