/**
 * Sluice under load: `ours.ts MODE` echoes on a port of its own and prints it; SIGTERM drains it and prints the report.
 *
 * @module
 */
import process from "node:process";
import { type Handler, lines, run, serve, silentLogger } from "../../../mod.ts";

const handlers: Record<string, Handler> = {
  async "raw for-await"(conn) {
    for await (const chunk of conn) await conn.write(chunk);
  },
  "raw consume"(conn) {
    conn.consume({
      data: (chunk) => void conn.write(chunk),
      end: () => void conn.close(),
      closed() {},
    });
  },
  async "line for-await"(conn) {
    for await (const line of lines(conn)) await conn.write(line + "\n");
  },
  async "line send"(conn) {
    const text = lines(conn);
    for await (const line of text) await text.send(line);
  },
  "line forEach"(conn) {
    return lines(conn).forEach((line) => void conn.write(line + "\n"));
  },
  async "line batches"(conn) {
    for await (const batch of lines(conn).batches()) await conn.write(batch.join("\n") + "\n");
  },
};

const handler = handlers[process.argv[2]];
const logger = silentLogger;
const server = await serve({ hostname: "127.0.0.1", logger }, handler);
if (server.address.transport === "tcp") console.log(`port ${server.address.port}`);
await run(server, {
  logger,
  onReport({ clean, reports }) {
    const { duration, connections } = reports[0];
    const { user, system } = process.cpuUsage();
    console.log(`report ${JSON.stringify({ clean, duration, connections, cpuMs: (user + system) / 1000 })}`);
  },
});
