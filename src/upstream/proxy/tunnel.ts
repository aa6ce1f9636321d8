/**
 * Two connections joined, byte for byte, once both ends have agreed on another protocol.
 *
 * @module
 */
import type { Conn } from "../../server/conn/conn.ts";

/**
 * Passes on what either end says, no faster than the other takes it, until both have finished. An end that breaks
 * breaks the other; one that a drain says goodbye to ends the other in peace.
 */
export async function join(here: Conn, there: Conn): Promise<void> {
  await Promise.all([pass(here, there), pass(there, here)]);
  await Promise.all([here.close(), there.close()]);
}

async function pass(from: Conn, to: Conn): Promise<void> {
  try {
    for (let chunk = await from.read(); chunk !== null; chunk = await from.read()) await to.write(chunk);
    await to.closeWrite();
  } catch (error) {
    to.abort(error);
    from.abort(error);
  }
}
