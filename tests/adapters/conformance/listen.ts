/**
 * Listeners and addresses.
 *
 * @module
 */
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects } from "@std/assert";
import { ConnectError, ListenError, UnsupportedError } from "../../../src/errors.ts";
import type { Address } from "../../../src/endpoint.ts";
import type { Features, Rule } from "./mod.ts";
import { bytes } from "../../support/rig.ts";

export function listenRules(rule: Rule, features: Features): void {
  rule("addresses agree at both ends", async (rig) => {
    const { client, server } = await rig.pair();
    assertEquals(client.remote, server.local);
    assertEquals(server.remote, client.local);
    assert(server.local.transport === "tcp" && server.remote.transport === "tcp");
    assertEquals(server.local.hostname, "127.0.0.1");
    assertEquals(server.remote.hostname, "127.0.0.1");
    assert(server.local.port > 0 && server.remote.port > 0);
    assertEquals(server.alpnProtocol, null);
  });

  rule("addresses that were looked at once stay after closed", async (rig) => {
    const { server, s } = await rig.pair();
    const { local, remote } = server;
    server.destroy();
    await s.event("gone");
    assertEquals([server.local, server.remote], [local, remote]);
  });

  if (features.lateAddresses) {
    rule("addresses can be asked for the first time after destroy()", async (rig) => {
      const { client, server, c, s } = await rig.pair();
      const ends = [client.remote, client.local];
      server.destroy();
      await Promise.all([c.event("gone"), s.event("gone")]);
      assertEquals([server.local, server.remote], ends);
    });
  }

  rule("port 0 becomes a real port", async (rig) => {
    const { address } = (await rig.listen()).listener;
    assert(address.transport === "tcp" && address.port > 0);
    assertEquals(address.hostname, "127.0.0.1");
  });

  rule("listening on a port in use rejects with ListenError EADDRINUSE", async (rig) => {
    const door = await rig.listen();
    const error = await assertRejects(() => rig.listen({ address: door.listener.address }), ListenError);
    assertEquals(error.code, "EADDRINUSE");
    assert(error.cause instanceof Error);
  });

  rule("connections that arrived before start() are accepted then", async (rig) => {
    const door = await rig.listen();
    const client = await rig.connect(door.listener.address);
    client.write(bytes("early bird"));
    await rig.barrier();
    assertEquals(door.accepted.length, 0);
    door.open();
    const server = rig.start(await door.next());
    await server.received(10);
  });

  rule("a listener that was never started closes, with or without connections", async (rig) => {
    const door = await rig.listen();
    const client = rig.start(await rig.connect(door.listener.address));
    await rig.barrier();
    await door.listener.close();
    await client.event("gone");
    await (await rig.listen()).listener.close();
  });

  rule("close() leaves accepted sockets alive and frees the port", async (rig) => {
    const door = await rig.listen();
    door.open();
    const { client, server, c } = await rig.pair("both", door);
    await door.listener.close();
    const again = await rig.listen({ address: door.listener.address });
    again.open();
    server.write(bytes("alive"));
    await c.received(5);
    await rig.pair("both", again);
    client.destroy();
  });

  rule("close() twice is harmless, and nothing is accepted after it", async (rig) => {
    const door = await rig.listen();
    door.open();
    await Promise.all([door.listener.close(), door.listener.close()]);
    await door.listener.close();
    await assertRejects(() => rig.connect(door.listener.address));
    assertEquals(door.accepted.length, 0);
    assertEquals(door.failures, []);
  });

  rule("resume() of a listener that has not failed is harmless", async (rig) => {
    const door = await rig.listen();
    door.open();
    door.listener.resume();
    const { client, s } = await rig.pair("both", door);
    client.write(bytes("x"));
    await s.received(1);
    await door.listener.close();
    door.listener.resume();
  });

  if (features.kernel) {
    rule("reusePort lets two listeners share a port, or says that it is not supported", async (rig) => {
      const first = await rig.listen({ reusePort: true }).catch((error) => error);
      if (first instanceof Error) return void assertInstanceOf(first, UnsupportedError);
      await rig.listen({ address: first.listener.address, reusePort: true });
    });
  }

  if (features.ipv6) {
    rule("IPv6 works and its addresses have no brackets", async (rig) => {
      const door = await rig.listen({ address: { transport: "tcp", hostname: "::1", port: 0 } });
      door.open();
      const { client, server } = await rig.pair("both", door);
      assertEquals(client.remote, server.local);
      assert(server.local.transport === "tcp" && server.remote.transport === "tcp");
      assertEquals([server.local.hostname, server.remote.hostname], ["::1", "::1"]);
    });
  }

  if (features.unix) unixRules(rule);
}

/** A new folder for socket files, gone after `body`. */
async function withFolder(body: (path: (name: string) => string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-"));
  try {
    await body((name) => join(folder, name));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function unixRules(rule: Rule): void {
  const unix = (path: string): Address => ({ transport: "unix", path });

  rule("a port in use, an address that is elsewhere and a name that nobody knows have their codes", async (rig) => {
    const taken = await rig.listen();
    assert(taken.listener.address.transport === "tcp");
    const tcp = (hostname: string, port = 0): Address => ({ transport: "tcp", hostname, port });
    // An address for documentation (RFC 5737), and a name that is never given out (RFC 6761).
    const codes: [Address, RegExp][] = [
      [tcp("127.0.0.1", taken.listener.address.port), /^EADDRINUSE$/],
      [tcp("203.0.113.7"), /^EADDRNOTAVAIL$/],
      // A machine without a resolver may say that it can't tell now.
      [tcp("no-such-host.invalid"), /^(ENOTFOUND|EAI_AGAIN)$/],
    ];
    for (const [address, code] of codes) {
      assertMatch((await assertRejects(() => rig.listen({ address }), ListenError)).code, code);
    }
  });

  rule("a Unix socket echoes, half-closes, names its path and removes it", (rig) =>
    withFolder(async (path) => {
      const address = unix(path("a.sock"));
      const door = await rig.listen({ address });
      door.open();
      assertEquals(door.listener.address, address);
      const { client, server, c, s } = await rig.pair("both", door);
      assertEquals([client.remote, server.local], [address, address]);
      assertEquals(server.remote, unix(""));
      s.onData = (chunk) => server.write(chunk);
      s.onEnd = () => server.shutdown();
      client.write(bytes("hello"));
      client.shutdown();
      await Promise.all([c.event("gone"), s.event("gone")]);
      assertEquals(c.text(), "hello");
      assertEquals([c.error, s.error], [undefined, undefined]);
      await door.listener.close();
      assertEquals(existsSync(path("a.sock")), false);
    }));

  rule("destroy() of a Unix socket closes both ends", (rig) =>
    withFolder(async (path) => {
      const door = await rig.listen({ address: unix(path("a.sock")) });
      door.open();
      const { server, c, s } = await rig.pair("both", door);
      server.destroy();
      await s.event("gone");
      assertEquals(s.error, undefined);
      await c.until("end or gone", () => c.log.length > 0);
    }));

  rule("a Unix path on which somebody listens is EADDRINUSE", (rig) =>
    withFolder(async (path) => {
      const address = unix(path("a.sock"));
      const door = await rig.listen({ address });
      door.open();
      const error = await assertRejects(() => rig.listen({ address }), ListenError);
      assertEquals(error.code, "EADDRINUSE");
      await rig.pair("both", door);
    }));

  rule("a Unix socket's file that nobody listens on any more is taken over", (rig) =>
    withFolder(async (path) => {
      const first = await rig.listen({ address: unix(path("a.sock")) });
      renameSync(path("a.sock"), path("stale.sock"));
      await first.listener.close();
      const door = await rig.listen({ address: unix(path("stale.sock")) });
      door.open();
      await rig.pair("both", door);
    }));

  rule(
    "a Unix path longer than the system takes is refused, and one as long as it takes is used whole",
    (rig) =>
      withFolder(async (path) => {
        const most = process.platform === "linux" ? 107 : 103;
        const longest = path("").padEnd(most, "x");
        const door = await rig.listen({ address: unix(longest) });
        door.open();
        await rig.pair("both", door);
        assert(existsSync(longest));
        // Characters count as their bytes.
        for (const address of [unix(`${longest}x`), unix(`${longest.slice(0, -1)}ü`), unix(`${longest}xyz`)]) {
          for (
            const [attempt, kind] of [[() => rig.listen({ address }), ListenError], [
              () => rig.connect(address),
              ConnectError,
            ]] as const
          ) {
            const error = await assertRejects<Error & { code?: string }>(attempt, kind, `at most ${most} bytes`);
            assertEquals(error.code, "ENAMETOOLONG");
          }
        }
      }),
  );

  rule(
    "close() removes a Unix socket's file, but not one that another server has put in its place",
    (rig) =>
      withFolder(async (path) => {
        const address = unix(path("a.sock"));
        const first = await rig.listen({ address });
        rmSync(path("a.sock"));
        const second = await rig.listen({ address });
        second.open();
        await first.listener.close();
        await rig.pair("both", second);
        assertEquals(readdirSync(path("")), ["a.sock"]);
        await second.listener.close();
        assertEquals(readdirSync(path("")), []);
      }),
  );

  rule(
    "a Unix socket's file has the permissions that were asked for, from the first connection on",
    (rig) =>
      withFolder(async (path) => {
        for (const mode of [0o600, 0o660, 0o777, undefined]) {
          const address = unix(path(`${mode}.sock`));
          const door = await rig.listen({ address, mode });
          door.open();
          const expected = mode ?? 0o777 & ~process.umask();
          assertEquals(statSync(address.transport === "unix" ? address.path : "").mode & 0o777, expected);
          await rig.pair("both", door);
        }
      }),
  );

  rule("a file that is no socket is never replaced", (rig) =>
    withFolder(async (path) => {
      writeFileSync(path("file"), "precious");
      const error = await assertRejects(() => rig.listen({ address: unix(path("file")) }), ListenError);
      assertEquals(error.code, "EADDRINUSE");
      assert(existsSync(path("file")));
    }));

  rule(
    "a Unix path in a folder that is not there rejects with ListenError ENOENT",
    (rig) =>
      withFolder(async (path) => {
        const error = await assertRejects(() => rig.listen({ address: unix(path("no/such/a.sock")) }), ListenError);
        assertEquals(error.code, "ENOENT");
      }),
  );

  rule("connect() to a Unix path where nobody is rejects with its code", (rig) =>
    withFolder(async (path) => {
      const error = await assertRejects(() => rig.connect(unix(path("a.sock"))));
      assertEquals((error as Error & { code?: string }).code, "ENOENT");
    }));
}
