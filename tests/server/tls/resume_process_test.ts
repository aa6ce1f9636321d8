/** TLS sessions that are resumed: what was proved to one listener is not proved to another. By OpenSSL's client. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type Conn, serve, type ServeOptions, type Server, silentLogger } from "../../../mod.ts";
import { certify } from "../../support/certificates.ts";
import { within } from "../../support/rig.ts";

const authority = certify("Test authority");
const stranger = certify("Somebody else's authority");
const { cert, key } = certify("a.example", { by: authority });
const device = certify("device 7", { by: authority });
const between = certify("Between", { by: authority, signs: true });
const distant = certify("device 8", { by: between });
const alien = certify("device 7", { by: stranger });
const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

/** What the client saw: whether it resumed, and what the server said; null where it was turned away. */
interface Seen {
  readonly resumed: boolean;
  readonly answer: string | null;
}

class Sessions {
  readonly folder = mkdtempSync(join(tmpdir(), "sluice-tls-"));
  #count = 0;

  constructor() {
    for (const [name, pair] of [["device", device], ["alien", alien], ["distant", distant]] as const) {
      writeFileSync(join(this.folder, `${name}.crt`), pair.cert);
      writeFileSync(join(this.folder, `${name}.key`), pair.key);
    }
    writeFileSync(join(this.folder, "chain.crt"), between.cert);
  }

  /** A handshake, and a session of it for later; null where there was none. */
  async begin(server: Server, client: string | null, version: string): Promise<string> {
    const path = join(this.folder, `session ${this.#count++}`);
    const { answer } = await this.#run(server, client, version, ["-sess_out", path]);
    assert(answer !== null && existsSync(path));
    return path;
  }

  resume(server: Server, client: string | null, version: string, session: string): Promise<Seen> {
    return this.#run(server, client, version, ["-sess_in", session]);
  }

  #run({ address }: Server, client: string | null, version: string, more: string[]): Promise<Seen> {
    const at = `127.0.0.1:${address.transport === "tcp" ? address.port : 0}`;
    const path = join(this.folder, client ?? "");
    const chain = client === "distant" ? ["-cert_chain", join(this.folder, "chain.crt")] : [];
    const identity = client === null ? [] : ["-cert", `${path}.crt`, "-key", `${path}.key`, ...chain];
    const process = spawn("openssl", ["s_client", "-connect", at, "-ign_eof", `-${version}`, ...identity, ...more]);
    let text = "";
    for (const stream of [process.stdout, process.stderr]) stream.on("data", (data) => text += String(data));
    const closed = new Promise<Seen>((resolve) =>
      process.on(
        "close",
        () => resolve({ resumed: /^Reused, /m.test(text), answer: /^you are (.*)\.$/m.exec(text)?.[1] ?? null }),
      )
    );
    return within("openssl", closed);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true });
  }
}

async function tell(conn: Conn): Promise<void> {
  const { authorized, peerCertificate } = conn.tls!;
  await conn.write(`\nyou are ${peerCertificate?.issuer.replace(/.*CN=/, "") ?? "nobody"}: ${authorized}.\n`);
}

const BASE: ServeOptions = { port: 0, hostname: "127.0.0.1", logger: silentLogger, idleGrace: 0, quiet: 20 };

describe("a TLS session that is resumed", { skip: !hasOpenssl && "needs openssl" }, () => {
  const sessions = new Sessions();
  const servers: Server[] = [];
  const open = async (tls: ServeOptions["tls"]): Promise<Server> => {
    const server = await serve({ ...BASE, tls }, tell);
    servers.push(server);
    return server;
  };
  let [anybody, asking, strict, foreign]: Server[] = [];
  before(async () => {
    anybody = await open({ cert, key });
    asking = await open({ cert, key, clientCa: authority.cert, clientCert: "request" });
    strict = await open({ certs: [{ cert, key }], clientCa: authority.cert });
    foreign = await open({ cert, key, clientCa: stranger.cert });
  });
  after(async () => {
    sessions[Symbol.dispose]();
    for (const server of servers) await server.shutdown();
  });

  for (const version of ["tls1_3", "tls1_2"]) {
    it(`of one listener is as good there as the first time (${version})`, async () => {
      for (const [client, issuer] of [["device", "Test authority"], ["distant", "Between"]]) {
        const session = await sessions.begin(strict, client, version);
        const seen = await sessions.resume(strict, client, version, session);
        assertEquals(seen, { resumed: true, answer: `${issuer}: true` });
      }
    });

    it(`proves nothing to another one that requires a certificate (${version})`, async () => {
      const none = await sessions.begin(anybody, null, version);
      assertEquals((await sessions.resume(strict, null, version, none)).answer, null);
      const other = await sessions.begin(foreign, "alien", version);
      assertEquals((await sessions.resume(strict, "alien", version, other)).answer, null);
      const unknown = await sessions.begin(asking, "alien", version);
      assertEquals((await sessions.resume(strict, "alien", version, unknown)).answer, null);
    });

    it(`proves nothing to one that requests a certificate, and shows none to one that asks nobody (${version})`, async () => {
      const other = await sessions.begin(foreign, "alien", version);
      const { answer } = await sessions.resume(asking, "alien", version, other);
      assertEquals(answer, "Somebody else's authority: false");
      const proved = await sessions.begin(asking, "device", version);
      assertEquals((await sessions.resume(anybody, null, version, proved)).answer, "nobody: false");
    });

    it(`proves nothing any more when the authorities were replaced (${version})`, async () => {
      const renewed = await open({ certs: [{ cert, key }], clientCa: authority.cert });
      const session = await sessions.begin(renewed, "device", version);
      await renewed.reloadTls({ certs: [{ cert, key }], clientCa: stranger.cert });
      assertEquals((await sessions.resume(renewed, "device", version, session)).answer, null);
    });
  }
});
