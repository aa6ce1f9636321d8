import { describe, it } from "node:test";
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory/mod.ts";
import {
  type Adapter,
  type Address,
  connect,
  defaultAdapter,
  lines,
  listen,
  ListenError,
  serve,
  type Server,
  silentLogger,
} from "../../mod.ts";
import { serveHttp } from "../../src/http/mod.ts";
import { VirtualClock } from "../../src/testing/clock.ts";
import { portOf } from "../support/drained.ts";
import { skipUnless } from "../support/http_tools.ts";
import { startCommand } from "../support/processes.ts";

const quiet = { logger: silentLogger, idleGrace: 0, quiet: 20 };

/** An adapter in memory for which `fault` gives the code that listening fails with, if any. */
function faulty(fault: (hostname: string, port: number) => string | null): Adapter {
  const adapter = memoryAdapter({ clock: new VirtualClock({ turns: 1 }) });
  const { listen } = adapter;
  adapter.listen = async (options) => {
    const { address } = options;
    const code = address.transport === "tcp" ? fault(address.hostname, address.port) : null;
    if (code !== null) throw new ListenError(code, `listening fails with ${code}`);
    return await listen.call(adapter, options);
  };
  return adapter;
}

/** `host:port` of each, with `PORT` for the first one's port. */
function shown(addresses: readonly Address[]): string[] {
  const port = addresses[0].transport === "tcp" ? addresses[0].port : 0;
  return addresses.map((address) => {
    if (address.transport !== "tcp") return address.path;
    return `${address.hostname} ${address.port === port ? "PORT" : address.port}`;
  });
}

describe("no host name", () => {
  it("is all addresses of both versions", async () => {
    await using listener = await listen({ adapter: faulty(() => null) });
    assertEquals(shown(listener.addresses), [":: PORT"]);
  });

  it("is all of IPv4 where there is no IPv6, or no right to it, whatever the system calls that", async () => {
    for (const code of ["EAFNOSUPPORT", "EADDRNOTAVAIL", "EPROTONOSUPPORT", "EINVAL", "EACCES", "ERR_LISTEN"]) {
      await using listener = await listen({ adapter: faulty((host) => host === "::" ? code : null), port: 80 });
      assertEquals([listener.address, listener.addresses.length], [
        { transport: "tcp", hostname: "0.0.0.0", port: 80 },
        1,
      ]);
    }
  });

  it("is not tried again where the port, or the certificate, is the trouble", async () => {
    for (const code of ["EADDRINUSE", "EMFILE", "ERR_TLS"]) {
      const error = await assertRejects(() => listen({ adapter: faulty((host) => host === "::" ? code : null) }));
      assertEquals((error as ListenError).code, code);
    }
  });

  it("takes the port from all addresses in memory, too", async () => {
    const adapter = faulty(() => null);
    for (const hostname of ["127.0.0.1", "::1", "0.0.0.0"]) {
      await using _one = await listen({ adapter, hostname, port: 80 });
      const error = await assertRejects(() => listen({ adapter, port: 80 }), ListenError);
      assertEquals(error.code, "EADDRINUSE");
    }
    await using _all = await listen({ adapter, port: 80 });
    await assertRejects(() => listen({ adapter, hostname: "localhost", port: 80 }), ListenError, "in use");
  });

  it("means that a client of IPv4 in memory comes from an address of IPv4", async () => {
    const adapter = faulty(() => null);
    const listener = await adapter.listen({
      address: { transport: "tcp", hostname: "::", port: 7 },
      backlog: 9,
      reusePort: false,
    });
    for (const [hostname, from] of [["127.0.0.1", "127.0.0.1"], ["::1", "::1"]]) {
      const socket = await adapter.connect({ address: { transport: "tcp", hostname, port: 7 } });
      assertEquals([socket.local, socket.remote].map((end) => end.transport === "tcp" && end.hostname), [from, from]);
      socket.destroy();
    }
    await listener.close();
  });
});

describe("localhost", () => {
  it("is the loopback addresses of both versions, on one port", async () => {
    await using listener = await listen({ adapter: faulty(() => null), hostname: "localhost" });
    assertEquals(shown(listener.addresses), ["127.0.0.1 PORT", "::1 PORT"]);
  });

  it("is the one that the system has", async () => {
    for (const [missing, left] of [["::1", "127.0.0.1 PORT"], ["127.0.0.1", "::1 PORT"]]) {
      const adapter = faulty((host) => host === missing ? "EADDRNOTAVAIL" : null);
      await using listener = await listen({ adapter, host: "localhost" });
      assertEquals(shown(listener.addresses), [left]);
    }
    const error = await assertRejects(() => listen({ adapter: faulty(() => "EAFNOSUPPORT"), hostname: "localhost" }));
    assertEquals((error as ListenError).code, "EAFNOSUPPORT");
  });

  it("looks for a port that is free in both", async () => {
    let refusals = 3;
    const adapter = faulty((host) => host === "::1" && refusals-- > 0 ? "EADDRINUSE" : null);
    await using listener = await listen({ adapter, hostname: "localhost" });
    assertEquals([shown(listener.addresses).length, refusals], [2, -1]);
  });

  it("fails, and leaves nothing open, where the port that was asked for is taken in one", async () => {
    for (const port of [0, 8080]) {
      let tries = 0;
      const adapter = faulty((host) => host === "::1" ? (tries++, "EADDRINUSE") : null);
      const error = await assertRejects(() => listen({ adapter, hostname: "localhost", port }), ListenError);
      assertEquals([error.code, tries], ["EADDRINUSE", port === 0 ? 10 : 1]);
      await using again = await listen({ adapter, hostname: "127.0.0.1", port: 8080 });
      assertEquals(shown(again.addresses), ["127.0.0.1 PORT"]);
    }
  });
});

describe("both versions, on this machine", () => {
  const both = ["127.0.0.1", "::1"];

  async function has6(): Promise<boolean> {
    const adapter = await defaultAdapter();
    const address: Address = { transport: "tcp", hostname: "::1", port: 0 };
    return await adapter.listen({ address, backlog: 1, reusePort: false }).then(
      (listener) => listener.close().then(() => true),
      () => false,
    );
  }

  async function ask(server: Server, hostname: string): Promise<string> {
    const { address } = server;
    await using conn = await connect({ hostname, port: address.transport === "tcp" ? address.port : 0 });
    await conn.write("?\n");
    for await (const line of lines(conn)) return line;
    return "";
  }

  for (const hostname of [undefined, "localhost"]) {
    it(`${hostname ?? "no host name"} reaches both, and knows clients by their own addresses`, async (t) => {
      if (!await has6()) return t.skip("this machine has no IPv6");
      await using server = await serve({ hostname, ...quiet }, async (conn) => {
        for await (const _ of lines(conn)) {
          const { local, remote } = conn;
          if (local.transport === "tcp" && remote.transport === "tcp") {
            await conn.write(`${local.hostname} ${remote.hostname}\n`);
          }
        }
      });
      for (const host of both) assertEquals(await ask(server, host), `${host} ${host}`);
      assertEquals([server.stats.accepted, (await server.shutdown()).clean], [2, true]);
    });
  }

  it("serves HTTP at localhost, by its name and by both addresses", async (t) => {
    if (!await has6()) return t.skip("this machine has no IPv6");
    await using server = await serveHttp({ hostname: "localhost", ...quiet }, (request) => new Response(request.url));
    const port = new URL(server.url).port;
    for (const host of ["127.0.0.1", "[::1]", "localhost"]) {
      const answer = await fetch(`http://${host}:${port}/x`, { headers: { connection: "close" } });
      assertEquals(await answer.text(), `http://${host}:${port}/x`);
    }
    assertMatch(server.url, /^http:\/\/(127\.0\.0\.1|localhost):\d+\/$/);
    await server.shutdown();
  });
});

const PYTHON = "/usr/bin/python3";
const skip = skipUnless([PYTHON, "-c", "import socket; socket.socket(socket.AF_INET6).bind(('::1', 0))"], "python3");

/** Listens at addresses on one port, accepts nobody, and ends with its input. */
const IDLE = `
import socket, sys
port, listeners = 0, []
for family, host in [(socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1")]:
    listener = socket.socket(family)
    listener.bind((host, port))
    listener.listen(8)
    port = listener.getsockname()[1]
    listeners.append(listener)
print("port", port, flush=True)
sys.stdin.read()
`;

describe("the accept queue of a listener", { skip }, () => {
  it("is its own, not that of another process with the same port at another address", async (t) => {
    await using idle = startCommand([PYTHON, "-c", IDLE]);
    const port = portOf(await idle.line(/^port /));
    const adapter = await defaultAdapter();
    const at = (hostname: string): Address => ({ transport: "tcp", hostname, port });
    const listener = await adapter.listen({ address: at("127.0.0.1"), backlog: 8, reusePort: false });
    const clients = [];
    for (const hostname of ["127.0.0.2", "127.0.0.2", "::1"]) {
      clients.push(await adapter.connect({ address: at(hostname) }));
    }
    const queues = ["127.0.0.1", "127.0.0.2", "::1", "127.0.0.3"].map((host) => adapter.acceptQueue(at(host)));
    for (const client of clients) client.destroy();
    await listener.close();
    if (queues[0] === null) return t.skip("this system doesn't tell");
    assertEquals(queues, [0, 2, 1, null]);
  });
});
