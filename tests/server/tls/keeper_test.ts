/** Files that change under a keeper: in time that stands still, and on a disk of one's own. */
import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { listen, ListenError, serve, silentLogger } from "../../../mod.ts";
import type { TlsListenOptions } from "../../../src/endpoint.ts";
import type { TlsParts } from "../../../src/platform.ts";
import { openKeeper, type TlsKeeper } from "../../../src/server/tls/keeper.ts";
import type { TlsOptions } from "../../../src/server/tls/tls_options.ts";
import type { SocketListener } from "../../../src/socket.ts";
import { VirtualClock } from "../../../src/testing/clock.ts";
import { memoryAdapter } from "../../../adapters/memory/mod.ts";

/** A certificate and a key are a word each, `cert 1` and `key 1`; they belong together if the word is the same. */
class Disk implements TlsParts {
  readonly files: Map<string, string> = new Map();
  /** Called after each reading of a file. */
  onRead: (path: string) => void = () => {};
  /** How often a watch was begun: links are followed then. */
  watches = 0;
  #watchers: { readonly files: readonly string[]; readonly changed: () => void }[] = [];

  readText(path: string): Promise<string> {
    const text = this.files.get(path);
    this.onRead(path);
    return text === undefined ? Promise.reject(new Error(`ENOENT: no ${path}`)) : Promise.resolve(text);
  }

  watch(files: readonly string[], changed: () => void): () => void {
    this.watches++;
    const watcher = { files, changed };
    this.#watchers.push(watcher);
    return () => this.#watchers = this.#watchers.filter((other) => other !== watcher);
  }

  get watched(): string[] {
    return this.#watchers.flatMap(({ files }) => files);
  }

  /** Writes a file, and whoever watches hears of it. */
  write(path: string, text: string): void {
    this.files.set(path, text);
    for (const { files, changed } of this.#watchers) if (files.includes(path)) changed();
  }

  inspect({ cert, key }: { cert: string; key: string }): ReturnType<TlsParts["inspect"]> {
    if (cert.replace("-----BEGIN cert", "") !== key.replace("-----BEGIN key", "")) {
      throw new ListenError("ERR_TLS", "The key does not belong to the certificate");
    }
    return { subject: cert, commonName: "x", names: [], validTo: 0 } as unknown as ReturnType<TlsParts["inspect"]>;
  }

  inspectAll(pem: string): ReturnType<TlsParts["inspectAll"]> {
    if (!pem.includes("BEGIN ca")) throw new ListenError("ERR_TLS", "No authority");
    return [];
  }
}

const cert = (word: string | number) => `-----BEGIN cert ${word}`;
const key = (word: string | number) => `-----BEGIN key ${word}`;

class World {
  readonly clock = new VirtualClock();
  readonly disk = new Disk();
  /** What each listener was given, in order. */
  readonly shown: [TlsListenOptions[], TlsListenOptions[]] = [[], []];
  readonly log: string[] = [];
  /** The second listener refuses what has this word. */
  refuses = "nothing";
  keeper!: TlsKeeper;
  /** What a new listener was given. */
  first!: TlsListenOptions;

  async open(tls: TlsOptions): Promise<this> {
    const adapter = Object.assign(memoryAdapter(), { tlsParts: () => Promise.resolve(this.disk) });
    this.keeper = await openKeeper(adapter, tls, this.clock);
    this.first = await this.keeper.open();
    const listeners = this.shown.map((shown, i) => ({
      replaceTls: (given: TlsListenOptions) => {
        if (i === 1 && given.cert?.includes(this.refuses)) throw new ListenError("ERR_TLS", "Not that one");
        shown.push(given);
      },
    }));
    this.keeper.tell(
      {
        info: (message) => this.log.push(message),
        warn: (message, { error }: { error: Error }) => this.log.push(`${message}: ${error.message}`),
      } as Parameters<TlsKeeper["tell"]>[0],
    );
    this.keeper.attach(listeners as unknown as SocketListener[]);
    return this;
  }

  get certs(): (string | undefined)[][] {
    return this.shown.map((given) => given.map((tls) => tls.cert?.replace("-----BEGIN cert ", "")));
  }
}

async function onDisk(options: TlsOptions = {}): Promise<World> {
  const world = new World();
  world.disk.files.set("a.crt", cert(1)).set("a.key", key(1));
  return await world.open({ certFile: "a.crt", keyFile: "a.key", ...options });
}

const REPLACED = "TLS certificates were replaced";
const KEPT = "TLS certificates can't be replaced, the old ones are kept";
const MISMATCH = "The key does not belong to the certificate, in a.crt and a.key";

describe("the keeper of certificates", () => {
  it("reads a pair when both of its files have been left alone for a moment", async () => {
    const { disk, clock, shown, log, keeper, first } = await onDisk();
    assertEquals([first.cert, first.replaceable], [cert(1), true]);
    disk.write("a.crt", cert(2));
    await clock.advance(80);
    disk.write("a.key", key(2));
    await clock.advance(80);
    assertEquals([shown[0].length, log], [0, []]);
    await clock.advance(20);
    assertEquals([shown[0].length, shown[1].length, shown[0][0].cert, log], [1, 1, cert(2), [REPLACED]]);
    keeper.close();
  });

  it("looks after a second at the latest, however often something happens", async () => {
    const world = await onDisk();
    for (let ms = 0; ms < 2000; ms += 50) {
      world.disk.write("a.crt", cert(ms));
      world.disk.write("a.key", key(ms));
      await world.clock.advance(50);
    }
    assertEquals(world.certs[0].length, 2);
    world.keeper.close();
  });

  it("refuses a pair that is half written, says so once, keeps the old one, and takes the whole", async () => {
    const world = await onDisk();
    world.disk.write("a.crt", cert(2));
    await world.clock.advance(200);
    world.disk.write("a.crt", cert(2));
    await world.clock.advance(200);
    assertEquals([world.certs[0], world.log], [[], [`${KEPT}: ${MISMATCH}`]]);
    world.disk.write("a.key", key(2));
    await world.clock.advance(200);
    assertEquals([world.certs[0], world.log.slice(1)], [["2"], [REPLACED]]);
    world.keeper.close();
  });

  it("names a file that has gone, and takes it when it is back", async () => {
    const world = await onDisk();
    world.disk.files.delete("a.key");
    world.disk.write("a.crt", cert(2));
    await world.clock.advance(200);
    assertEquals(world.log, [`${KEPT}: Can't read the TLS file a.key: ENOENT: no a.key`]);
    world.disk.write("a.key", key(2));
    await world.clock.advance(200);
    assertEquals(world.certs, [["2"], ["2"]]);
    world.keeper.close();
  });

  it("reads a pair again that is swapped between its two files", async () => {
    const world = await onDisk();
    let swaps = 0;
    world.disk.onRead = (path) => {
      if (path !== "a.crt" || ++swaps > 2) return;
      world.disk.files.set("a.crt", cert(swaps + 1)).set("a.key", key(swaps + 1));
    };
    const [shown] = await world.keeper.reload(null);
    assertEquals([shown.subject, world.certs[0]], [cert(3), ["3"]]);
    world.keeper.close();
  });

  it("looks unasked twice a minute, where nobody tells of changes", async () => {
    const world = await onDisk();
    world.disk.files.set("a.crt", cert(2)).set("a.key", key(2));
    await world.clock.advance(200);
    assertEquals(world.certs[0], ["2"]);
    world.disk.files.set("a.crt", cert(3)).set("a.key", key(3));
    await world.clock.advance(29_000);
    assertEquals(world.certs[0], ["2"]);
    await world.clock.advance(1500);
    assertEquals(world.certs[0], ["2", "3"]);
    world.keeper.close();
  });

  it("replaces nothing that has not changed", async () => {
    const world = await onDisk();
    world.disk.write("a.crt", cert(1));
    await world.clock.advance(100_000);
    assertEquals([world.certs, world.log], [[[], []], []]);
    world.keeper.close();
  });

  it("shows the same on all of its listeners, or goes back to the old", async () => {
    const world = await onDisk();
    world.refuses = "2";
    world.disk.files.set("a.crt", cert(2)).set("a.key", key(2));
    await assertRejects(() => world.keeper.reload(null), ListenError, "Not that one");
    assertEquals(world.certs, [["2", "1"], []]);
    world.keeper.close();
  });

  it("watches the files that it has now, until it is closed", async () => {
    const world = await onDisk();
    assertEquals(world.disk.watched, ["a.crt", "a.key"]);
    world.disk.files.set("b.crt", cert(2)).set("b.key", key(2));
    await world.keeper.reload({ certFile: "b.crt", keyFile: "b.key" });
    assertEquals([world.disk.watched, world.certs[0]], [["b.crt", "b.key"], ["2"]]);
    await assertRejects(() => world.keeper.reload({ certFile: "c.crt", keyFile: "c.key" }), ListenError, "c.crt");
    assertEquals(world.disk.watched, ["b.crt", "b.key"]);
    world.keeper.close();
    assertEquals([world.disk.watched, world.clock.pending], [[], 0]);
  });

  it("looks anew where links lead whenever something has changed", async () => {
    const world = await onDisk();
    await world.clock.advance(200);
    const before = world.disk.watches;
    world.disk.write("a.crt", cert(1));
    await world.clock.advance(200);
    assertEquals([world.disk.watches - before, world.disk.watched], [1, ["a.crt", "a.key"]]);
    world.keeper.close();
  });

  it("watches nothing if it is told so, and reads when it is asked to", async () => {
    const world = await onDisk({ watch: false });
    world.disk.write("a.crt", cert(2));
    world.disk.write("a.key", key(2));
    await world.clock.advance(100_000);
    assertEquals([world.disk.watched, world.certs[0], world.clock.pending], [[], [], 0]);
    await world.keeper.reload(null);
    assertEquals(world.certs[0], ["2"]);
  });

  it("does one thing after the other, and the last wish is what stays", async () => {
    const world = await onDisk();
    const wishes = [2, 3, 4].map((n) => world.keeper.reload({ cert: cert(n), key: key(n) }));
    const broken = assertRejects(() => world.keeper.reload({ cert: cert(5), key: key(6) }), ListenError);
    await Promise.all([...wishes, broken]);
    assertEquals(world.certs[0], ["2", "3", "4"]);
    world.keeper.close();
  });

  it("keeps the authorities when it is given none, and reads them with the rest", async () => {
    const world = new World();
    world.disk.files.set("ca.crt", "-----BEGIN ca 1");
    await world.open({ certs: [{ cert: cert(1), key: key(1) }], clientCaFile: "ca.crt" });
    assertEquals([world.first.clientCa, world.first.clientCert], ["-----BEGIN ca 1", "require"]);
    await world.keeper.reload({ cert: cert(2), key: key(2) });
    world.disk.write("ca.crt", "-----BEGIN ca 2");
    await world.clock.advance(200);
    world.disk.write("ca.crt", "half");
    await world.clock.advance(200);
    const given = world.shown[0].map((tls) => [tls.cert, tls.clientCa, tls.clientCert]);
    assertEquals(given, [
      [cert(2), "-----BEGIN ca 1", "require"],
      [cert(2), "-----BEGIN ca 2", "require"],
    ]);
    assertEquals(world.log.slice(1), [`${KEPT}: No authority, in ca.crt`]);
    world.keeper.close();
  });

  it("tells of a certFor() that fails, and not of each time", async () => {
    const world = new World();
    let outcome: () => ReturnType<NonNullable<TlsOptions["certFor"]>> = () => undefined;
    await world.open({ certFor: () => outcome() });
    const ask = async () => await world.first.identityFor!("a.example");
    assertEquals([await ask(), world.log], [undefined, []]);
    const failing: (typeof outcome)[] = [
      () => {
        throw new Error("No store");
      },
      () => Promise.reject(new Error("No store")),
      () => ({ cert: cert(1), key: key(2) }),
      () => "a.crt" as unknown as undefined,
      () => ({ cert: cert(1) }),
    ];
    for (const fail of failing) {
      outcome = fail;
      await assertRejects(ask);
      await world.clock.advance(11_000);
    }
    const begin = "certFor() failed, its handshakes are lost: ";
    assertEquals(world.log.map((line) => line.startsWith(begin)), failing.map(() => true));
    for (let i = 0; i < 100; i++) await assertRejects(ask);
    assertEquals(world.log.length, failing.length + 1);
    outcome = () => Promise.resolve({ cert: cert(1), key: key(1) });
    assertEquals((await ask())?.cert, cert(1));
  });

  it("is closed with its server, and with its listener", async () => {
    const { disk, clock } = await onDisk({ watch: false });
    const adapter = Object.assign(memoryAdapter(), { tlsParts: () => Promise.resolve(disk) });
    const options = { adapter, clock, logger: silentLogger, tls: { certFile: "a.crt", keyFile: "a.key" } };
    const server = await serve(options, () => {});
    assertEquals(disk.watched, ["a.crt", "a.key"]);
    await server.close();
    assertEquals(disk.watched, []);
    const listener = await listen({ adapter, clock, tls: options.tls });
    assertEquals(disk.watched, ["a.crt", "a.key"]);
    await listener.close();
    assertEquals(disk.watched, []);
  });

  it("closes in the middle of a look, and nothing comes of it", async () => {
    const world = await onDisk();
    world.disk.write("a.crt", cert(2));
    world.disk.write("a.key", key(2));
    world.disk.onRead = () => world.keeper.close();
    await world.clock.advance(100_000);
    assertEquals([world.certs, world.log, world.clock.pending], [[[], []], [], 0]);
  });
});
