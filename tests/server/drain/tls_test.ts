/** TLS handshakes that are in flight when the listener closes: they belong to the drain. On real sockets. */
import net from "node:net";
import { after, before, describe, it } from "node:test";
import tls from "node:tls";
import { assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { type Handler, lines, serve, type Server, silentLogger, type TlsOptions } from "../../../mod.ts";
import { leakCheck } from "../../support/leaks.ts";
import { runtimeName } from "../../support/processes.ts";
import { TEST_CERT, TEST_KEY } from "../../support/tls.ts";

const echo: Handler = async (conn) => {
  for await (const line of lines(conn)) await conn.write(`${line} back\n`);
};

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** So many clients that have connected and said nothing yet. */
async function connected(server: Server, count: number): Promise<net.Socket[]> {
  const { address } = server;
  const port = address.transport === "tcp" ? address.port : 0;
  const sockets = await Promise.all(Array.from({ length: count }, () =>
    new Promise<net.Socket>((resolve, reject) => {
      const socket = net.connect(port, "127.0.0.1", () => resolve(socket)).once("error", reject);
    })));
  for (const socket of sockets) socket.on("error", () => {});
  // The server has them, too.
  await pause(100);
  return sockets;
}

/** Goes on with a handshake, asks one thing and gives the answer; what went wrong otherwise. */
function ask(socket: net.Socket): Promise<string> {
  return new Promise((resolve) => {
    const secure = tls.connect({ socket, rejectUnauthorized: false }, () => secure.write("hello\n"));
    secure.on("data", (data) => {
      resolve(String(data));
      secure.end();
    });
    secure.on("error", (error) => resolve(String(error)));
    secure.on("close", () => resolve("closed"));
  });
}

const PAIR = { cert: TEST_CERT, key: TEST_KEY };
/** On Bun the first kind is its own socket, the second one of `node:tls`. */
const KINDS: readonly [string, TlsOptions][] = [["one certificate", PAIR], ["certificates by name", { certs: [PAIR] }]];

for (const [kind, tls] of KINDS) {
  describe(`TLS handshakes in a drain, with ${kind}`, () => {
    const leaks = leakCheck();
    before(leaks.before);
    after(leaks.after);
    const options = { port: 0, hostname: "127.0.0.1", logger: silentLogger, tls };

    it("are waited for and served, whenever they come to their end", async () => {
      const server = await serve({ ...options, idleGrace: 1000, grace: 8000 }, echo);
      const sockets = await connected(server, 10);
      const report = server.shutdown();
      // One after the other, and all of them together take longer than one would be waited for.
      const answers: Promise<string>[] = [];
      for (const socket of sockets) {
        await pause(150);
        answers.push(ask(socket));
      }
      assertEquals(await Promise.all(answers), Array(10).fill("hello back\n"));
      const { clean, handshakesCut, connections } = await report;
      assertEquals([clean, handshakesCut, connections.accepted, connections.cut], [true, [], 10, 0]);
    });

    it("of clients that say nothing are dropped when their grace is over, and cost nothing", async () => {
      const server = await serve({ ...options, idleGrace: 300, grace: 60_000 }, echo);
      const sockets = await connected(server, 3);
      const { clean, handshakesCut, duration } = await server.shutdown();
      assertEquals([clean, handshakesCut], [true, []]);
      assertGreaterOrEqual(duration, 290);
      assertLess(duration, 25_000);
      for (const socket of sockets) socket.destroy();
    });

    it("that stop in the middle are cut and named", async () => {
      const server = await serve({ ...options, idleGrace: 300, grace: 8000 }, echo);
      const sockets = await connected(server, 2);
      const names = sockets.map((socket) => `127.0.0.1:${socket.localPort}`);
      // The first bytes of a ClientHello.
      for (const socket of sockets) socket.write(Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3));
      await pause(100);
      const { clean, handshakesCut } = await server.shutdown();
      // Bun does not tell who has begun.
      const told = runtimeName() === "bun" ? [] : names.sort();
      assertEquals([[...handshakesCut].sort(), clean], [told, told.length === 0]);
      for (const socket of sockets) socket.destroy();
    });

    it("do not hold up a stop that is forced", async () => {
      const server = await serve({ ...options, idleGrace: 40_000, grace: 100_000 }, echo);
      const [socket] = await connected(server, 1);
      const report = server.shutdown();
      await pause(50);
      const { duration } = await server.close();
      assertLess(duration, 30_000);
      assertEquals((await report).forced, true);
      socket.destroy();
    });
  });
}
