/** Parts of the handlers that hold, have limits and fail. */
import type { Conn } from "../../mod.ts";
import { job } from "./handlers.ts";

export const quietly = () => {};

export function answerLater(conn: Conn, line: string, ms?: number): Promise<void> {
  return job(line, ms).then((result) => conn.write(`${result}\n`)).catch(quietly);
}
