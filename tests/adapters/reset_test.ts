import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { connect, ConnectError, ConnResetError } from "../../mod.ts";
import { startProgram } from "../support/processes.ts";

const CONNECTIONS = 30;

/** Keeps the event loop from seeing anything for so many ms. */
function block(ms: number): void {
  const began = performance.now();
  while (performance.now() - began < ms);
}

/** How a connection ends of which a write is the first to meet the reset. */
async function meet(port: number): Promise<string> {
  try {
    const conn = await connect({ port });
    block(2);
    conn.write("hello\n").catch(() => {});
    const chunk = await conn.read();
    return chunk === null ? "FIN" : "bytes";
  } catch (error) {
    if (error instanceof ConnResetError) return "reset";
    return error instanceof ConnectError ? "reset" : String(error);
  }
}

describe("a reset that a write meets first", () => {
  it("is told as a reset, not as the peer's FIN", async () => {
    await using server = startProgram("tests/programs/reset_server.ts");
    const port = Number((await server.line(/^port /)).slice(5));
    for (let i = 0; i < CONNECTIONS; i++) assertEquals(await meet(port), "reset", `connection ${i}`);
  });
});
