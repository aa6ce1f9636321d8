/** PROXY headers on real sockets: plain and before TLS, whole, in pieces, late and never. */
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import tls from "node:tls";
import { assert, assertEquals } from "@std/assert";
import { connect, type Handler, lines, serve, type ServeOptions, type Server, silentLogger } from "../../../mod.ts";
import { formatAddress } from "../../../src/address.ts";
import { binary, tcp } from "../../fixtures/proxy_headers.ts";
import { pause, until } from "../../support/apps.ts";
import { leakCheck } from "../../support/leaks.ts";
import { startProgram, within } from "../../support/processes.ts";
import { TEST_CERT, TEST_KEY } from "../../support/tls.ts";

const V1 = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";
const V2 = binary(0x21, 0x11, [192, 0, 2, 7, 198, 51, 100, 1, 0x12, 0x67, 1, 0xbb]);
const CLIENT = "192.0.2.7:4711";
const SECURE: ServeOptions = { tls: { cert: TEST_CERT, key: TEST_KEY, alpnProtocols: ["who"] } };

/** Answers each line with who asks and by what way. */
const who: Handler = async (conn) => {
  const via = conn.via === null ? "nobody" : conn.via.transport === "tcp" ? conn.via.hostname : "unix";
  for await (const line of lines(conn)) {
    await conn.write(`${formatAddress(conn.remote)} by ${via} in ${conn.alpnProtocol}: ${line}\n`);
  }
};

function proxied(options: ServeOptions = {}): Promise<Server> {
  const place = options.path === undefined ? { port: 0, hostname: "127.0.0.1" } : {};
  return serve({ ...place, logger: silentLogger, proxyProtocol: { from: ["loopback"] }, ...options }, who);
}

function portOf(server: Server): number {
  return server.address.transport === "tcp" ? server.address.port : 0;
}

/** A plain client that has connected. */
function dialled(server: Server): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port: portOf(server), host: "127.0.0.1", noDelay: true }, () => {
      socket.off("error", reject).on("error", () => {});
      resolve(socket);
    }).once("error", reject);
  });
}

/** What comes back for a line, or how it went wrong; over TLS where that is asked for. */
function ask(socket: net.Socket, line: string, secure: boolean): Promise<string> {
  const answer = new Promise<string>((resolve) => {
    const speak = () => stream.write(`${line}\n`);
    const stream: net.Socket = secure
      ? tls.connect({ socket, rejectUnauthorized: false, ALPNProtocols: ["who"], servername: "localhost" }, speak)
      : socket;
    if (!secure) speak();
    stream.on("data", (data) => {
      resolve(String(data).trim());
      stream.destroy();
    });
    stream.on("error", (error) => resolve(String(error)));
    stream.on("close", () => resolve("closed"));
  });
  return within(answer, 20_000, () => `an answer to ${line}`);
}

function ended(socket: net.Socket): Promise<void> {
  socket.resume();
  return within(new Promise((resolve) => socket.once("close", () => resolve())), 20_000, () => "a reset");
}

for (const secure of [false, true]) {
  const answer = (line: string) => `${CLIENT} by 127.0.0.1 in ${secure ? "who" : null}: ${line}`;
  describe(secure ? "a PROXY header before TLS" : "a PROXY header", () => {
    const leaks = leakCheck();
    before(leaks.before);
    after(leaks.after);
    const options = secure ? SECURE : {};

    it("names the client, alone, in pieces, and together with what follows it", async () => {
      await using server = await proxied(options);
      for (const header of [V1, V2]) {
        const apart = await dialled(server);
        apart.write(header);
        await pause(30);
        assertEquals(await ask(apart, "a", secure), answer("a"));
        const together = await dialled(server);
        together.write(header);
        assertEquals(await ask(together, "b", secure), answer("b"));
        const split = await dialled(server);
        split.write(header.slice(0, 13));
        await pause(30);
        split.write(header.slice(13));
        assertEquals(await ask(split, "c", secure), answer("c"));
      }
    });

    it("is sent by connect(), and one that is not asked for it costs nothing", async () => {
      await using server = await proxied({ ...options, proxyProtocol: { from: ["loopback"], required: false } });
      for (const version of [1, 2, undefined] as const) {
        const proxyProtocol = version && { version, source: tcp("192.0.2.7", 4711) };
        const conn = await connect({
          port: portOf(server),
          tls: secure && { insecure: true, alpnProtocols: ["who"] },
          ...(proxyProtocol && { proxyProtocol }),
        });
        await conn.write("a\n");
        const text = new TextDecoder().decode((await conn.read())!).trim();
        const itself = `${formatAddress(conn.local)} by nobody in ${secure ? "who" : null}: a`;
        assertEquals(text, version === undefined ? itself : answer("a"));
        await conn.close();
      }
    });

    it("costs who lacks it, or has a bad one, the own connection only", async () => {
      await using server = await proxied({ ...options, proxyProtocol: { from: ["loopback"], timeout: 300 } });
      const silent = await dialled(server);
      const slow = await dialled(server);
      slow.write(V1.slice(0, 20));
      const bad = await Promise.all(
        ["GET / HTTP/1.1\r\n\r\n", `PROXY TCP4 ${"1".repeat(200)}`, "\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"].map(
          async (text) => {
            const socket = await dialled(server);
            socket.write(text, "latin1");
            return socket;
          },
        ),
      );
      await Promise.all([silent, slow, ...bad].map(ended));
      assertEquals(server.stats.peerErrors, 5);
      const good = await dialled(server);
      good.write(V2);
      assertEquals(await ask(good, "a", secure), answer("a"));
    });

    it("is refused from elsewhere", async () => {
      await using server = await proxied({ ...options, proxyProtocol: { from: ["10.0.0.0/8"] } });
      // It may be reset before its own side knows that it is connected.
      await dialled(server).then(ended, () => {});
      await until(() => "a refusal", () => server.stats.peerErrors > 0);
      assertEquals([server.stats.peerErrors, server.stats.accepted], [1, 0]);
    });

    it("of somebody else is served on when it is not required", async () => {
      await using server = await proxied({ ...options, proxyProtocol: { from: ["10.0.0.0/8"], required: false } });
      const socket = await dialled(server);
      const text = await ask(socket, "a", secure);
      assert(/^127\.0\.0\.1:\d+ by nobody in (who|null): a$/.test(text), text);
    });

    it("that is on its way belongs to the drain", async () => {
      const server = await proxied({ ...options, idleGrace: 1500, grace: 10_000 });
      const sockets = await Promise.all(Array.from({ length: 6 }, () => dialled(server)));
      await pause(100);
      for (const socket of sockets) socket.write(V1.slice(0, 20));
      await pause(50);
      const report = server.shutdown();
      const answers: Promise<string>[] = [];
      for (const socket of sockets) {
        await pause(100);
        socket.write(V1.slice(20));
        answers.push(ask(socket, "a", secure));
      }
      assertEquals(await Promise.all(answers), Array(6).fill(answer("a")));
      const { clean, handshakesCut, connections } = await report;
      assertEquals([clean, handshakesCut, connections.accepted, connections.cut], [true, [], 6, 0]);
    });
  });
}

describe("a TLS handshake behind a PROXY header", () => {
  it("that is noise, or stops, costs its own connection only", async () => {
    await using server = await proxied(SECURE);
    const noise = await dialled(server);
    noise.write(`${V1}this is no ClientHello at all`);
    await ended(noise);
    const left = await dialled(server);
    left.write(V1);
    await pause(50);
    left.resetAndDestroy();
    await pause(50);
    const good = await dialled(server);
    good.write(V1);
    assertEquals(await ask(good, "a", true), `${CLIENT} by 127.0.0.1 in who: a`);
  });

  it("that is in its middle when the grace is over is named; one that has not begun is not", async () => {
    const server = await proxied({ ...SECURE, idleGrace: 300, grace: 8000 });
    const [begun, waiting] = [await dialled(server), await dialled(server)];
    const name = `127.0.0.1:${begun.localPort}`;
    waiting.write(V1);
    begun.write(V1);
    await pause(50);
    // The first bytes of a ClientHello.
    begun.write(Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3));
    await pause(100);
    const { clean, handshakesCut } = await server.shutdown();
    assertEquals([[...handshakesCut], clean], [[name], false]);
    for (const socket of [begun, waiting]) socket.destroy();
  });
});

describe("a PROXY header on a Unix socket", () => {
  for (const secure of [false, true]) {
    it(`names the client${secure ? ", before TLS" : ""}`, async () => {
      const dir = mkdtempSync(join(tmpdir(), "sluice-proxy-"));
      try {
        const path = join(dir, "s");
        await using _ = await proxied({ path, proxyProtocol: { from: ["unix"] }, ...(secure ? SECURE : {}) });
        const conn = await connect({
          path,
          tls: secure && { insecure: true },
          proxyProtocol: { source: tcp("192.0.2.7", 4711), destination: tcp("198.51.100.1", 443) },
        });
        await conn.write("a\n");
        assertEquals(new TextDecoder().decode((await conn.read())!), `${CLIENT} by unix in null: a\n`);
        await conn.close();
      } finally {
        rmSync(dir, { recursive: true, force: true });
      }
    });
  }
});

describe("a flood of connections without a PROXY header", () => {
  it("of 10,000, half silent and half slow, ends with the timeout, and others are served meanwhile", async () => {
    await using program = startProgram("tests/programs/proxied_server.ts", { args: ["4000"] });
    const port = Number(/\d+$/.exec(await program.line("tcp://"))![0]);
    const sockets: net.Socket[] = [];
    let closed = 0;
    for (let batch = 0; batch < 100; batch++) {
      await Promise.all(Array.from({ length: 100 }, (_, i) =>
        new Promise<void>((resolve, reject) => {
          const socket = net.connect(port, "127.0.0.1", () => {
            socket.off("error", reject).on("error", () => {});
            if (i % 2 === 0) socket.write("PROXY TCP4 ");
            resolve();
          });
          socket.once("error", reject).on("close", () => closed++);
          sockets.push(socket);
        })));
    }
    const source = tcp("192.0.2.7", 4711);
    const conn = await connect({ port, proxyProtocol: { source } });
    await conn.write("a\n");
    assertEquals(new TextDecoder().decode((await conn.read())!), `${CLIENT} a\n`);
    await until(() => `${closed} closed`, () => closed === 10_000);
    program.type("stats\n");
    const { peerErrors, accepted, active } = JSON.parse(await program.line("{"));
    assertEquals([peerErrors, accepted, active], [10_000, 1, 1]);
    await conn.close();
    for (const socket of sockets) socket.destroy();
  });
});
