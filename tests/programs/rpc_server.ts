/**
 * Two servers that drain on SIGTERM: calls over JSON lines, and an echo of JSON behind its length, of which what comes is
 * compressed. Prints their ports; the method `work` gives back its token after so many ms, and `rss` says what the process
 * occupies.
 *
 * @module
 */
import process from "node:process";
import { defaultAdapter, framed, run, serve } from "../../mod.ts";
import { deflated, json, jsonLines, lengthPrefix } from "../../src/framing/codecs/mod.ts";
import { rpc } from "../../src/framing/rpc/mod.ts";

const methods = {
  async work(params: unknown): Promise<string> {
    const [token, ms] = params as readonly [string, number];
    await new Promise((resolve) => setTimeout(resolve, ms));
    return token;
  },
  rss: () => process.memoryUsage().rss,
};

const calls = await serve({ name: "calls", port: 0, hostname: "127.0.0.1" }, (conn, ctx) => {
  return rpc(framed(conn, jsonLines()), { ctx, methods, maxConcurrent: 8 }).done;
});

/** What comes is compressed, what goes is not. */
const { decode } = deflated(json(), { adapter: await defaultAdapter(), maxLength: 60_000 });
const echoes = await serve({ name: "echoes", port: 0, hostname: "127.0.0.1" }, async (conn) => {
  const values = framed(conn, lengthPrefix({ encode: json().encode, decode }));
  for await (const value of values) await values.send(value);
});

for (const { address } of [calls, echoes]) if (address.transport === "tcp") console.log(`port ${address.port}`);
await run([calls, echoes], { grace: 10_000 });
