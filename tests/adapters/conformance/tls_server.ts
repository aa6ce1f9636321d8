/**
 * TLS as servers need it: certificates by name, certificates of clients, versions, and certificates that are replaced.
 *
 * @module
 */
import tls from "node:tls";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import type { ConnTls, TlsIdentity, TlsListenOptions } from "../../../src/endpoint.ts";
import { ListenError } from "../../../src/errors.ts";
import type { RawSocket } from "../../../src/socket.ts";
import { certify } from "../../support/certificates.ts";
import { type Door, type Rig, within } from "../../support/rig.ts";
import { meet as meetAt, type MeetWishes, type Met } from "../../support/tls_meet.ts";
import type { Rule } from "./mod.ts";

const DAY = 86_400_000;
const authority = certify("Test authority");
const stranger = certify("Somebody else's authority");
const plain = certify("default.example", { names: ["DNS:default.example"], by: authority });
const named = certify("a.example", { names: ["DNS:a.example"], by: authority });
const device = certify("device 7", { names: ["URI:spiffe://test/device-7", "DNS:device.example"], by: authority });
const foreign = certify("device 7", { by: stranger });
const expired = certify("device 7", { by: authority, from: Date.now() - 2 * DAY, to: Date.now() - DAY });

function meet(door: Door, wishes: MeetWishes = {}): Promise<Met> {
  const { address } = door.listener;
  return meetAt(address.transport === "tcp" ? address.port : 0, wishes);
}

/** A door that says a word to whomever it lets in, and keeps what it knew of them. */
async function greeter(rig: Rig, options: TlsListenOptions): Promise<{ door: Door; met: ConnTls[] }> {
  const door = await rig.listen({ tls: options });
  const met: ConnTls[] = [];
  door.onAccepted = (socket: RawSocket) => {
    met.push(socket.tls!);
    rig.start(socket).onEnd = () => socket.shutdown();
    socket.write(new TextEncoder().encode("welcome"));
  };
  door.open();
  return { door, met };
}

const choosing = (serverName: string): TlsIdentity | undefined => serverName === "a.example" ? named : undefined;

export function tlsServerRules(rule: Rule): void {
  rule("TLS: a client gets the certificate of the name it asks for, or the default one", async (rig) => {
    const asked: string[] = [];
    const identityFor = (name: string) => {
      asked.push(name);
      return choosing(name);
    };
    const { door, met } = await greeter(rig, { ...plain, identityFor });
    assertEquals((await meet(door, { servername: "a.example" })).shown, "a.example");
    assertEquals((await meet(door, { servername: "A.Example" })).shown, "a.example");
    assertEquals((await meet(door, { servername: "other.example" })).shown, "default.example");
    assertEquals((await meet(door)).shown, "default.example");
    assertEquals(asked, ["a.example", "a.example", "other.example"]);
    assertEquals(met.map(({ serverName }) => serverName?.toLowerCase()), [
      "a.example",
      "a.example",
      "other.example",
      undefined,
    ]);
  });

  rule("TLS: the certificate may be looked for, and who fails to find one costs one handshake", async (rig) => {
    const turn = () => new Promise((resolve) => setTimeout(resolve, 1));
    const identityFor = async (name: string): Promise<TlsIdentity | undefined> => {
      await turn();
      if (name === "late.example") throw new Error("The store is away");
      if (name === "broken.example") return { cert: "no certificate", key: "no key" };
      return choosing(name);
    };
    const { door, met } = await greeter(rig, { identityFor });
    for (const servername of ["late.example", "broken.example", "other.example", ""]) {
      const { answer } = await meet(door, { servername });
      assertEquals([servername, answer], [servername, null]);
    }
    const identityThrows = (): TlsIdentity => {
      throw new Error("No certificates today");
    };
    const thrower = await greeter(rig, { identityFor: identityThrows });
    assertEquals((await meet(thrower.door, { servername: "a.example" })).answer, null);
    assertEquals((await meet(door, { servername: "a.example" })).answer, "welcome");
    assertEquals([met.length, thrower.met.length], [1, 0]);
  });

  rule("TLS: a client that leaves while its certificate is looked for is nobody's trouble", async (rig) => {
    let found = (_: TlsIdentity) => {};
    let asked = () => {};
    const isAsked = new Promise<void>((resolve) => asked = resolve);
    const identityFor = () => {
      asked();
      return new Promise<TlsIdentity>((resolve) => found = resolve);
    };
    const { door, met } = await greeter(rig, { ...plain, identityFor });
    const { address } = door.listener;
    const port = address.transport === "tcp" ? address.port : 0;
    const client = tls.connect({ port, host: "127.0.0.1", servername: "a.example", rejectUnauthorized: false });
    client.on("error", () => {});
    await within("the question", isAsked);
    client.destroy();
    await rig.barrier();
    found(named);
    await rig.barrier();
    assertEquals((await meet(door)).answer, "welcome");
    assertEquals(met.length, 1);
  });

  rule("TLS: both ends tell version, cipher, ALPN, name and what certificate the peer has shown", async (rig) => {
    const { door, met } = await greeter(rig, { ...named, alpnProtocols: ["x"] });
    const trust = { ca: authority.cert, serverName: "a.example", alpnProtocols: ["x"] };
    const client = await rig.connect(door.listener.address, trust);
    await rig.start(client).received(7);
    const [server] = met;
    for (const end of [client.tls!, server]) {
      assertEquals([end.version, end.alpnProtocol], ["TLSv1.3", "x"]);
      assertMatch(end.cipher!, /^TLS_/);
    }
    assertEquals([server.serverName, server.peerCertificate, server.authorized], ["a.example", null, false]);
    assertEquals(server.unauthorizedReason, null);
    assertEquals(client.tls!.peerCertificate!.names, ["DNS:a.example"]);
    assertEquals([client.tls!.authorized, client.tls!.unauthorizedReason], [true, null]);
    const bare = await rig.listen();
    bare.open();
    assertEquals([(await rig.connect(bare.listener.address)).tls ?? null, (await bare.next()).tls ?? null], [
      null,
      null,
    ]);
  });

  rule("TLS: `request` takes every client in, and tells who it is and whether that is proved", async (rig) => {
    const { door, met } = await greeter(rig, { ...plain, clientCa: authority.cert, clientCert: "request" });
    for (const client of [undefined, device, foreign, expired]) {
      assertEquals((await meet(door, { client })).answer, "welcome");
    }
    assertEquals(met.map(({ authorized }) => authorized), [false, true, false, false]);
    assertEquals(met[0].peerCertificate, null);
    const [, good, strange, old] = met;
    const { raw, ...said } = good.peerCertificate!;
    assert(raw instanceof Uint8Array && raw.length > 200);
    assertEquals([said.subject, said.issuer], [
      "O=Sluice\\, tests, CN=device 7",
      "O=Sluice\\, tests, CN=Test authority",
    ]);
    assertEquals(said.names, ["URI:spiffe://test/device-7", "DNS:device.example"]);
    assertEquals(said.commonName, "device 7");
    assertMatch(said.serialNumber, /^8B[0-9A-F]{2}$/);
    assertMatch(said.fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    assert(said.validFrom < Date.now() && said.validTo > Date.now() && said.validTo < Date.now() + 2 * DAY);
    assert(old.peerCertificate!.validTo < Date.now());
    assertEquals([good.unauthorizedReason, strange.unauthorizedReason], [null, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"]);
    // Deno has one reason for most (2.9.6).
    const late = "Deno" in globalThis ? "UNABLE_TO_VERIFY_LEAF_SIGNATURE" : "CERT_HAS_EXPIRED";
    assertEquals(old.unauthorizedReason, late);
  });

  rule("TLS: `require` takes in who has a good certificate, and nobody else", async (rig) => {
    const identityFor = choosing;
    const { door, met } = await greeter(rig, {
      ...plain,
      identityFor,
      clientCa: authority.cert,
      clientCert: "require",
    });
    for (const servername of ["", "a.example"]) {
      for (const client of [undefined, foreign, expired]) {
        assertEquals((await meet(door, { client, servername })).answer, null);
      }
      assertEquals((await meet(door, { client: device, servername })).answer, "welcome");
    }
    assertEquals(met.map(({ authorized }) => authorized), [true, true]);
  });

  rule("TLS: minVersion turns away who speaks nothing newer", async (rig) => {
    const { door } = await greeter(rig, { ...plain, identityFor: choosing, minVersion: "TLSv1.3" });
    for (const servername of ["", "a.example"]) {
      const old = await meet(door, { servername, maxVersion: "TLSv1.2" });
      assertEquals([old.shown, old.answer], [undefined, null]);
      assertEquals((await meet(door, { servername })).version, "TLSv1.3");
    }
    const lenient = await greeter(rig, { ...plain, identityFor: choosing, minVersion: "TLSv1.2" });
    assertEquals((await meet(lenient.door, { maxVersion: "TLSv1.2" })).version, "TLSv1.2");
  });

  rule(
    "TLS: replaceTls() is seen by new handshakes, connections live on, and a broken pair changes nothing",
    async (rig) => {
      const { door } = await greeter(rig, { ...plain, replaceable: true });
      const client = await rig.connect(door.listener.address, { ca: authority.cert, serverName: "default.example" });
      const recorder = rig.start(client);
      await recorder.received(7);
      const { listener } = door;
      listener.replaceTls!(named);
      assertEquals((await meet(door)).shown, "a.example");
      assertEquals((await meet(door, { servername: "default.example" })).shown, "a.example");
      listener.replaceTls!({ ...plain, identityFor: choosing });
      assertEquals((await meet(door)).shown, "default.example");
      assertEquals((await meet(door, { servername: "a.example" })).shown, "a.example");
      const broken: TlsListenOptions[] = [
        { cert: named.cert, key: plain.key },
        { cert: named.cert.slice(0, 200), key: named.key },
        { ...named, clientCa: "no authority" },
      ];
      for (const tls of broken) assertThrows(() => listener.replaceTls!(tls), ListenError);
      assertEquals((await meet(door)).shown, "default.example");
      door.accepted[0].write(new TextEncoder().encode(", still here"));
      await recorder.received(19);
      assertEquals(recorder.text(), "welcome, still here");
    },
  );

  rule("TLS: replaceTls() replaces the authorities, and `require` stays", async (rig) => {
    const asked = { clientCa: authority.cert, clientCert: "require", replaceable: true } as const;
    const options = { ...plain, ...asked, identityFor: choosing };
    const { door } = await greeter(rig, options);
    const answers = async (servername: string) => [
      (await meet(door, { client: device, servername })).answer,
      (await meet(door, { client: foreign, servername })).answer,
      (await meet(door, { servername })).answer,
    ];
    for (const name of ["", "a.example"]) assertEquals(await answers(name), ["welcome", null, null]);
    door.listener.replaceTls!({ ...options, clientCa: stranger.cert });
    for (const name of ["", "a.example"]) assertEquals(await answers(name), [null, "welcome", null]);
  });

  rule("TLS: tlsParts() says which pairs can be used", async (rig) => {
    const parts = await rig.adapter.tlsParts!();
    assertEquals(parts.inspect(named).commonName, "a.example");
    const chain = named.cert + authority.cert;
    assertEquals(parts.inspectAll(chain).map(({ commonName }) => commonName), ["a.example", "Test authority"]);
    for (const cut of [named.cert.length - 10, chain.length - 10, 100]) {
      assertThrows(() => parts.inspect({ cert: chain.slice(0, cut), key: named.key }), ListenError);
    }
    assertThrows(() => parts.inspect({ cert: named.cert, key: plain.key }), ListenError, "does not belong");
    assertThrows(() => parts.inspectAll("nothing"), ListenError, "No certificate");
    await assertRejects(() => parts.readText("/nowhere/at/all.pem"));
  });
}
