/**
 * What the line servers of `sluice echo` and `sluice demo` answer.
 *
 * @module
 */
import { type Conn, lines } from "../../mod.ts";

/** Gives every line back. All lines that arrived together get their answers in one write. */
export async function answerLines(conn: Conn): Promise<void> {
  for await (const batch of lines(conn).batches()) {
    await conn.write(batch.map((line) => `echo: ${line}\n`).join(""));
  }
}
