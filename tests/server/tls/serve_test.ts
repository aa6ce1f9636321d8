/** TLS servers as they are run: certificates by name and in files, of clients, and new ones while it serves. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertMatch, assertRejects } from "@std/assert";
import {
  type Conn,
  connect,
  lines,
  listen,
  ListenError,
  type OptionError,
  serve,
  type ServeOptions,
  type Server,
  silentLogger,
  type TlsCertificate,
} from "../../../mod.ts";
import { createHttpServer, serveHttp } from "../../../src/http/mod.ts";
import { certify, type TestCertificate } from "../../support/certificates.ts";
import { leakCheck } from "../../support/leaks.ts";
import { within } from "../../support/rig.ts";
import { meet } from "../../support/tls_meet.ts";

const DAY = 86_400_000;
const authority = certify("Test authority");

function pairFor(name: string, ...names: string[]): TestCertificate {
  return certify(name, { by: authority, names: (names.length > 0 ? names : [name]).map((host) => `DNS:${host}`) });
}

const [a, wild, other] = [pairFor("a.example"), pairFor("wild", "*.b.example", "b.example"), pairFor("other.example")];
const expired = certify("late", {
  by: authority,
  names: ["DNS:late"],
  from: Date.now() - 2 * DAY,
  to: Date.now() - DAY,
});

const BASE: ServeOptions = { port: 0, hostname: "127.0.0.1", logger: silentLogger, idleGrace: 50, quiet: 20 };

/** Greets, and echoes lines. */
async function greet(conn: Conn): Promise<void> {
  await conn.write("welcome\n");
  for await (const line of lines(conn)) await conn.write(`echo: ${line}\n`);
}

function portOf({ address }: Pick<Server, "address">): number {
  return address.transport === "tcp" ? address.port : 0;
}

/** Without what is of the test's own making. */
function pem({ cert, key }: TestCertificate): { cert: string; key: string } {
  return { cert, key };
}

async function shownTo(server: Server, ...servernames: string[]): Promise<(string | undefined)[]> {
  const met = await Promise.all(servernames.map((servername) => meet(portOf(server), { servername })));
  for (const { answer } of met) assertEquals(answer, "welcome\n");
  return met.map(({ shown }) => shown);
}

/** A folder with a pair in it. */
class Folder {
  readonly path = mkdtempSync(join(tmpdir(), "sluice-tls-"));

  at(name: string): string {
    return join(this.path, name);
  }

  write(pair: TestCertificate, folder: string = "."): void {
    writeFileSync(join(this.path, folder, "tls.crt"), pair.cert);
    writeFileSync(join(this.path, folder, "tls.key"), pair.key);
  }

  get files(): { certFile: string; keyFile: string } {
    return { certFile: this.at("tls.crt"), keyFile: this.at("tls.key") };
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/** A logger whose records can be waited for. */
class Log {
  readonly records: { readonly level: string; readonly msg: string; readonly fields: Record<string, unknown> }[] = [];
  #wake = () => {};

  #note(level: string, msg: string, fields: unknown): void {
    if (!msg.startsWith("TLS")) return;
    this.records.push({ level, msg, fields: fields as Record<string, unknown> });
    this.#wake();
  }

  debug(): void {}
  info(msg: string, fields: unknown): void {
    this.#note("info", msg, fields);
  }
  warn(msg: string, fields: unknown): void {
    this.#note("warn", msg, fields);
  }
  error(): void {}

  async until(count: number): Promise<void> {
    while (this.records.length < count) {
      await within(`record ${count} of TLS`, new Promise<void>((resolve) => this.#wake = resolve));
    }
  }

  get levels(): string[] {
    return this.records.map(({ level }) => level);
  }
}

describe("a TLS server", () => {
  const leaks = leakCheck();
  before(leaks.before);
  after(leaks.after);

  it("shows the certificate of the name, by its own names, wildcards included, and the first to all others", async () => {
    const certs = [pem(other), pem(a), pem(wild)];
    await using server = await serve({ ...BASE, tls: { certs } }, greet);
    assertEquals(await shownTo(server, "a.example", "x.b.example", "b.example", "x.y.b.example", "c.example", ""), [
      "a.example",
      "wild",
      "wild",
      "other.example",
      "other.example",
      "other.example",
    ]);
  });

  it("shows a certificate to those names that it was told", async () => {
    const certs = [{ ...pem(other), names: ["c.example"] }, { ...pem(a), names: ["*.c.example", "d.example"] }];
    await using server = await serve({ ...BASE, tls: { certs } }, greet);
    assertEquals(await shownTo(server, "x.c.example", "d.example", "a.example", "c.example"), [
      "a.example",
      "a.example",
      "other.example",
      "other.example",
    ]);
  });

  it("asks certFor(), at once or later; without one for a name that handshake fails, and no other", async () => {
    const asked: string[] = [];
    const certFor = (name: string) => {
      asked.push(name);
      if (name === "a.example") return pem(a);
      if (name === "b.example") return Promise.resolve(pem(wild));
      if (name === "key.example") return { cert: a.cert, key: wild.key };
      if (name === "text.example") return "tls.crt" as unknown as undefined;
      if (name === "throw.example") throw new Error("No store");
      return name === "reject.example" ? Promise.reject(new Error("No store")) : undefined;
    };
    await using server = await serve({ ...BASE, tls: { certFor } }, greet);
    assertEquals(await shownTo(server, "a.example", "B.example"), ["a.example", "wild"]);
    for (const servername of ["none.example", "key.example", "text.example", "throw.example", "reject.example", ""]) {
      const { answer } = await meet(portOf(server), { servername });
      assertEquals([servername, answer], [servername, null]);
    }
    assertEquals(await shownTo(server, "a.example"), ["a.example"]);
    assertEquals([server.stats.accepted, server.connections.size], [3, 0]);
    assert(!asked.includes(""));
  });

  it("has a default beside certFor()", async () => {
    const certFor = (name: string) => name === "a.example" ? a : undefined;
    await using server = await serve({ ...BASE, tls: { ...pem(other), certFor } }, greet);
    assertEquals(await shownTo(server, "a.example", "b.example", ""), ["a.example", "other.example", "other.example"]);
  });

  it("tells handlers of TCP and of HTTP who their client is", async () => {
    const device = certify("device 7", { by: authority, names: ["URI:spiffe://test/device-7"] });
    const tls = { ...pem(a), clientCa: authority.cert };
    await using tcp = await serve({ ...BASE, tls }, async (conn) => {
      await conn.write(`${conn.tls!.version} ${conn.tls!.authorized} ${conn.tls!.peerCertificate!.names.join()}`);
    });
    const met = await meet(portOf(tcp), { client: device });
    assertEquals(met.answer, "TLSv1.3 true URI:spiffe://test/device-7");
    assertEquals((await meet(portOf(tcp))).answer, null);
    assertEquals((await meet(portOf(tcp), { client: expired })).answer, null);
    await using http = await serveHttp({ ...BASE, tls: { ...tls, clientCert: "request" } }, (_, ctx) => {
      const { authorized, peerCertificate, serverName, alpnProtocol } = ctx.conn.tls!;
      return Response.json({ authorized, name: peerCertificate?.commonName ?? null, serverName, alpnProtocol });
    });
    const says = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    const anonymous = await meet(portOf(http), { says, servername: "a.example" });
    assertMatch(anonymous.answer!, /{"authorized":false,"name":null,"serverName":"a.example","alpnProtocol":null}$/);
    const known = await meet(portOf(http), { says, client: device });
    assertMatch(known.answer!, /{"authorized":true,"name":"device 7","serverName":null,"alpnProtocol":null}$/);
    const late = await meet(portOf(http), { says, client: expired });
    assertMatch(late.answer!, /{"authorized":false,"name":"late"/);
  });

  it("serves HTTP on a listener that was opened elsewhere, and its requests know that they came by TLS", async () => {
    const server = createHttpServer(BASE, (request) => new Response(request.url));
    server.serve(await listen({ port: 0, hostname: "127.0.0.1", tls: pem(a) }));
    server.serve(await listen({ port: 0, hostname: "127.0.0.1" }));
    const says = "GET /x HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
    assertMatch((await meet(portOf(server), { says })).answer!, /\r\nhttps:\/\/a\.example\/x$/);
    const bare = `http://127.0.0.1:${portOf({ address: server.addresses[1] })}/y`;
    assertEquals(await (await fetch(bare)).text(), bare);
    await server.shutdown();
  });

  it("tells a client whom it has reached", async () => {
    await using server = await serve({ ...BASE, tls: pem(a) }, greet);
    const tls = { ca: authority.cert, serverName: "a.example" };
    const conn = await connect({ port: portOf(server), tls });
    assertEquals([conn.tls!.authorized, conn.tls!.peerCertificate!.names], [true, ["DNS:a.example"]]);
    await conn.close();
    const plain = await serve(BASE, greet);
    const bare = await connect({ port: portOf(plain) });
    assertEquals(bare.tls, null);
    await bare.close();
    await plain.shutdown();
  });

  it("opens nothing with a file that is not there, or is broken, and names it", async () => {
    using folder = new Folder();
    folder.write({ ...a, key: wild.key });
    const refusal = (tls: ServeOptions["tls"]) => assertRejects(() => serve({ ...BASE, tls }, greet), ListenError);
    const mismatch = await refusal(folder.files);
    assert(mismatch.message.includes(`does not belong to the certificate, in ${folder.at("tls.crt")} and`));
    const missing = await refusal({ ...folder.files, keyFile: folder.at("none.key") });
    assert(missing.message.includes(folder.at("none.key")), missing.message);
    folder.write({ ...a, cert: a.cert + authority.cert.slice(0, 300) });
    assertMatch((await refusal(folder.files)).message, /cut off/);
    writeFileSync(folder.at("ca.crt"), "nobody");
    folder.write(a);
    assert((await refusal({ ...folder.files, clientCaFile: folder.at("ca.crt") })).message.includes("ca.crt"));
  });
});

describe("new certificates", () => {
  const leaks = leakCheck();
  before(leaks.before);
  after(leaks.after);

  /** What the tests of files have in common: a server, its log, and one connection that lives through all of it. */
  async function watched(folder: Folder, check: (server: Server, log: Log) => Promise<void>): Promise<void> {
    const log = new Log();
    const server = await serve({ ...BASE, logger: log, tls: folder.files }, greet);
    const old = await connect({ port: portOf(server), tls: { insecure: true } });
    const answers = lines(old)[Symbol.asyncIterator]();
    const living = async (word: string) => {
      await old.write(`${word}\n`);
      return (await answers.next()).value;
    };
    assertEquals((await answers.next()).value, "welcome");
    const serial = old.tls!.peerCertificate?.serialNumber;
    try {
      await check(server, log);
      assertEquals(await living("still here"), "echo: still here");
      assertEquals(old.tls!.peerCertificate?.serialNumber, serial);
    } finally {
      await old.close();
      assertEquals((await server.shutdown()).clean, true);
    }
  }

  it("that are renamed into their place are shown to whoever comes then", async () => {
    using folder = new Folder();
    folder.write(a);
    await watched(folder, async (server, log) => {
      assertEquals(await shownTo(server, ""), ["a.example"]);
      mkdirSync(folder.at("new"));
      folder.write(other, "new");
      for (const name of ["tls.crt", "tls.key"]) renameSync(folder.at(`new/${name}`), folder.at(name));
      await log.until(1);
      assertEquals([await shownTo(server, ""), log.levels], [["other.example"], ["info"]]);
      const [shown] = log.records[0].fields.certificates as TlsCertificate[];
      assertEquals([log.records[0].fields.server, shown.names], ["server", ["DNS:other.example"]]);
    });
  });

  it("are found through links that are swapped, as in a secret that Kubernetes mounts", async () => {
    using folder = new Folder();
    const version = (name: string, pair: TestCertificate) => {
      mkdirSync(folder.at(name));
      folder.write(pair, name);
      symlinkSync(name, folder.at("..data_tmp"));
      renameSync(folder.at("..data_tmp"), folder.at("..data"));
    };
    version("..2026_1", a);
    for (const name of ["tls.crt", "tls.key"]) symlinkSync(`..data/${name}`, folder.at(name));
    await watched(folder, async (server, log) => {
      for (const [i, pair] of [other, wild, a].entries()) {
        version(`..2026_${i + 2}`, pair);
        await log.until(i + 1);
        assertEquals(await shownTo(server, ""), [pair.name]);
        rmSync(folder.at(`..2026_${i + 1}`), { recursive: true });
      }
      assertEquals(log.levels, ["info", "info", "info"]);
    });
  });

  it("are found when the folder itself is a link that is swapped, and in the new folder then", async () => {
    using folder = new Folder();
    for (const [name, pair] of [["one", a], ["two", other]] as const) {
      mkdirSync(folder.at(name));
      folder.write(pair, name);
    }
    symlinkSync("one", folder.at("current"));
    const at = (name: string) => folder.at(`current/${name}`);
    const log = new Log();
    const tls = { certFile: at("tls.crt"), keyFile: at("tls.key") };
    await using server = await serve({ ...BASE, logger: log, tls }, greet);
    for (const [i, name] of ["two", "one", "two"].entries()) {
      symlinkSync(name, folder.at("next"));
      renameSync(folder.at("next"), folder.at("current"));
      await log.until(i + 1);
      assertEquals(await shownTo(server, ""), [name === "one" ? "a.example" : "other.example"]);
    }
    folder.write(wild, "two");
    await log.until(4);
    assertEquals(await shownTo(server, ""), ["wild"]);
  });

  it("that are broken or half written are named, and the old ones stay", async () => {
    using folder = new Folder();
    folder.write(a);
    await watched(folder, async (server, log) => {
      const broken: [() => void, RegExp][] = [
        [
          () => writeFileSync(folder.at("tls.crt"), other.cert),
          /does not belong to the certificate, in .*tls\.crt and/,
        ],
        [() => writeFileSync(folder.at("tls.crt"), other.cert.slice(0, 300)), /cut off, in .*tls\.crt/],
        [() => writeFileSync(folder.at("tls.crt"), ""), /No certificate in it, in .*tls\.crt/],
        [() => unlinkSync(folder.at("tls.crt")), /Can't read the TLS file .*tls\.crt/],
      ];
      for (const [i, [write, message]] of broken.entries()) {
        write();
        await log.until(i + 1);
        assertEquals(log.records[i].level, "warn");
        assertMatch((log.records[i].fields.error as Error).message, message);
        assertEquals(await shownTo(server, ""), ["a.example"]);
        await assertRejects(() => server.reloadTls(), ListenError);
      }
      folder.write(other);
      await log.until(broken.length + 1);
      assertEquals(await shownTo(server, ""), ["other.example"]);
    });
  });

  it("come in a storm of handshakes, and none of these fails", async () => {
    using folder = new Folder();
    const pairs = [a, wild, other];
    folder.write(a);
    await watched(folder, async (server) => {
      let stopped = false;
      const met: { answer: string | null; shown: string | undefined }[] = [];
      const storm = Array.from({ length: 4 }, async () => {
        while (!stopped) met.push(await meet(portOf(server)));
      });
      const swaps: (string | null)[] = [];
      for (let i = 1; i <= 12; i++) {
        const pair = pairs[i % 3];
        folder.write(pair);
        const [shown] = await server.reloadTls();
        swaps.push(shown.commonName);
        const before = met.length;
        while (met.length < before + 8) await Promise.race([meet(portOf(server)), ...storm]);
      }
      stopped = true;
      await Promise.all(storm);
      assertEquals(met.filter(({ answer }) => answer !== "welcome\n"), []);
      assertGreater(met.length, 90);
      assertEquals(swaps.slice(0, 3), ["wild", "other.example", "a.example"]);
      assertEquals(new Set(met.map(({ shown }) => shown)).size, 3);
    });
  });

  it("may be given, to a server and to a listener, and what is wrong with them is told", async () => {
    await using server = await serve({ ...BASE, tls: { certs: [pem(a)] } }, greet);
    await server.reloadTls({ certs: [pem(other), pem(wild)] });
    assertEquals(await shownTo(server, "", "x.b.example"), ["other.example", "wild"]);
    await assertRejects(() => server.reloadTls({ cert: a.cert, key: wild.key }), ListenError, "does not belong");
    assertEquals(await shownTo(server, "", "x.b.example"), ["other.example", "wild"]);
    let refusal: unknown;
    try {
      void server.reloadTls({ cert: a.cert });
    } catch (error) {
      refusal = error;
    }
    assertEquals((refusal as OptionError).option, "tls.key");
    await using listener = await listen({ port: 0, hostname: "127.0.0.1", tls: { certs: [pem(a)] } });
    const [shown] = await listener.reloadTls(pem(other));
    assertEquals(shown.names, ["DNS:other.example"]);
    const client = meet(portOf(listener));
    const conn = await listener.accept();
    await conn.write("by hand");
    await conn.close();
    assertEquals((await client).shown, "other.example");
  });

  it("of localhost, on both of its addresses", async () => {
    await using server = await serve({ ...BASE, hostname: "localhost", tls: { certs: [pem(a)] } }, greet);
    await server.reloadTls(pem(other));
    for (const address of server.addresses) {
      const conn = await connect({ ...address, tls: { ca: authority.cert, serverName: "other.example" } });
      await conn.close();
    }
  });
});
