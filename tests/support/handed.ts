import type { Conn } from "../../mod.ts";
import { type World, world } from "./world.ts";

/** A server whose only handler gives its connection to the test. */
export async function handed(
  options: Parameters<typeof world>[1] = {},
): Promise<{ w: World; conn: Conn; finish: () => void }> {
  let conn!: Conn;
  let finish = () => {};
  const w = await world((given) => {
    conn = given;
    return new Promise((resolve) => finish = resolve);
  }, options);
  await w.client();
  return { w, conn, finish };
}

/** Waits in the time of that world. */
export function sleep(w: World, ms: number): Promise<void> {
  return new Promise((resolve) => w.clock.setTimer(resolve, ms));
}
