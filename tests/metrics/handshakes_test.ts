/** What listeners tell of TLS handshakes, on real sockets. */
import net from "node:net";
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  connect,
  type EndedHandshake,
  serve,
  type ServeOptions,
  type Server,
  silentLogger,
  type TcpAddress,
} from "../../mod.ts";
import { Metrics } from "../../src/metrics/mod.ts";
import { within } from "../support/rig.ts";
import { TEST_CERT, TEST_KEY } from "../support/tls.ts";

const PAIR = { cert: TEST_CERT, key: TEST_KEY };

/** Ways to listen: what the runtime does itself, and what `node:tls` does on all of them. */
const LISTENERS: readonly (readonly [name: string, options: ServeOptions])[] = [
  ["one certificate", { tls: PAIR }],
  ["several certificates", { tls: { certs: [PAIR], minVersion: "TLSv1.2" } }],
];

async function until(what: string, holds: () => boolean): Promise<void> {
  await within(
    what,
    (async () => {
      while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
    })(),
    10_000,
  );
}

function garbage(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect((server.address as TcpAddress).port, "127.0.0.1", () => {
      socket.write("this is no client hello, and never will be one\n".repeat(10));
    });
    socket.resume().on("error", () => {}).on("close", () => resolve());
  });
}

describe("TLS handshakes", () => {
  for (const [name, options] of LISTENERS) {
    it(`are told with their time, version and failure, with ${name}`, async () => {
      const place = { port: 0, hostname: "127.0.0.1", logger: silentLogger };
      const server = await serve({ ...place, ...options }, async (conn) => {
        for await (const chunk of conn) await conn.write(chunk);
      });
      const told: EndedHandshake[] = [];
      server.observe({ handshake: (ended) => void told.push(ended) });
      const metrics = new Metrics({ servers: [server] });
      const { port } = server.address as TcpAddress;
      const conn = await connect({ port, tls: { ca: TEST_CERT, serverName: "localhost" } });
      await until("a handshake that is told", () => told.length === 1);
      assertEquals([told[0].error, told[0].version], [null, conn.tls!.version]);
      assert(told[0].duration > 0 && told[0].duration < 10_000);
      await garbage(server);
      await until("a failure that is told", () => told.length === 2);
      assertMatch(told[1].error!, /^(ERR_\w+|E[A-Z]+|failed)$/);
      assertEquals(told[1].version, null);
      assertEquals(server.stats.handshakes, 0);
      const text = await metrics.text();
      assertMatch(
        text,
        /sluice_tls_handshake_duration_seconds_count\{tls_protocol_version="TLSv1\.3",sluice_server="server"\} 1/,
      );
      assertMatch(text, /sluice_tls_handshake_duration_seconds_count\{error_type="[\w]+",sluice_server="server"\} 1/);
      conn.abort();
      metrics.close();
      await server.close();
    });
  }
});
