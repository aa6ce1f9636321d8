/**
 * A program that uses the published package, and what a client and a signal must see of it.
 *
 * @module
 */
import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "node:net";
import { type Exit, type Program, within } from "./processes.ts";

/** A line echo server that prints its port and runs until SIGTERM. */
export function consumerProgram(specifier: string): string {
  return `import { lines, run, serve } from "${specifier}";

const server = await serve({ hostname: "127.0.0.1", port: 0 }, async (conn) => {
  for await (const line of lines(conn)) await conn.write("echo: " + line + "\\n");
});
const address = server.address;
if (address.transport !== "tcp") throw new Error("no port");
console.log("port " + address.port);
await run(server, { signals: ["SIGTERM"], grace: 2000 });
`;
}

/** Fails unless the program answers a line, is stopped by SIGTERM with exit code 0, and its client sees FIN. */
export async function assertServesAndStops(program: Program): Promise<Exit> {
  const port = Number((await program.line(/^port \d+$/)).slice("port ".length));
  const client = connect(port, "127.0.0.1");
  let received = "";
  const answered = new Promise<void>((resolve) => {
    client.setEncoding("utf8").on("data", (text: string) => {
      received += text;
      if (received.endsWith("\n")) resolve();
    });
  });
  const ended = new Promise<string>((resolve) => {
    client.once("end", () => resolve("FIN"));
    client.once("error", (error) => resolve(error.message));
  });
  try {
    client.write("hello\n");
    await within(answered, 60_000, () => `an answer from ${program.runtime}: ${program.stderr}`);
    program.signal("SIGTERM");
    assertEquals(await within(ended, 60_000, () => `the end of the connection: ${program.stderr}`), "FIN");
    const exit = await program.exited();
    assertEquals([exit.code, exit.signal, received], [0, null, "echo: hello\n"], exit.stderr);
    assertMatch(exit.stdout, /^port \d+\n/);
    return exit;
  } finally {
    client.destroy();
  }
}
