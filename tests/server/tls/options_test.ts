import { describe, it } from "node:test";
import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { listen, OptionError, serve, ServerClosedError, silentLogger, UnsupportedError } from "../../../mod.ts";
import { memoryAdapter } from "../../../adapters/memory/mod.ts";
import { checkCertificates, checkTls, type TlsOptions } from "../../../src/server/tls/tls_options.ts";
import { TEST_CERT, TEST_KEY } from "../../support/tls.ts";

const PAIR = { cert: TEST_CERT, key: TEST_KEY };
const FILES = { certFile: "tls.crt", keyFile: "tls.key" };

describe("the options of TLS", () => {
  const refused: readonly (readonly [options: unknown, option: string])[] = [
    ["tls.crt", "tls"],
    [null, "tls"],
    [{}, "tls.cert"],
    [{ ...PAIR, key: undefined }, "tls.key"],
    [{ cert: TEST_CERT, keyFile: 7 }, "tls.keyFile"],
    [{ ...FILES, certFile: "" }, "tls.certFile"],
    [{ ...PAIR, ...FILES }, "tls.cert"],
    [{ ...PAIR, key: "tls.key" }, "tls.key"],
    [{ ...PAIR, certfile: "tls.crt" }, "tls.certfile"],
    [{ certs: [] }, "tls.certs"],
    [{ certs: PAIR }, "tls.certs"],
    [{ ...PAIR, certs: [PAIR] }, "tls.certs"],
    [{ certs: [PAIR], certFor: () => undefined }, "tls.certs"],
    [{ certs: [PAIR, null] }, "tls.certs[1]"],
    [{ certs: [PAIR, { ...PAIR, name: "a" }] }, "tls.certs[1].name"],
    [{ certs: [PAIR, { cert: TEST_CERT }] }, "tls.certs[1].key"],
    [{ certs: [{ ...PAIR, names: [] }] }, "tls.certs[0].names"],
    [{ certs: [{ ...PAIR, names: "a.example" }] }, "tls.certs[0].names"],
    ...["", "*", "a.*.example", "*a.example", "https://a.example", "a example", "ä.example", ".a", 7].map((name) =>
      [{ certs: [{ ...PAIR, names: ["a.example", name] }] }, "tls.certs[0].names"] as const
    ),
    [{ certFor: "a.example" }, "tls.certFor"],
    [{ certFor: () => undefined, cert: TEST_CERT }, "tls.key"],
    [{ ...PAIR, clientCert: "optional", clientCa: TEST_CERT }, "tls.clientCert"],
    [{ ...PAIR, clientCert: "require" }, "tls.clientCert"],
    [{ ...PAIR, clientCert: "request" }, "tls.clientCert"],
    [{ ...PAIR, clientCa: "ca.crt" }, "tls.clientCa"],
    [{ ...PAIR, clientCa: TEST_CERT, clientCaFile: "ca.crt" }, "tls.clientCa"],
    [{ ...PAIR, clientCaFile: "" }, "tls.clientCaFile"],
    [{ ...PAIR, minVersion: "TLSv1.1" }, "tls.minVersion"],
    [{ ...PAIR, minVersion: 1.3 }, "tls.minVersion"],
    [{ ...PAIR, alpnProtocols: "h2" }, "tls.alpnProtocols"],
    [{ ...PAIR, watch: "yes" }, "tls.watch"],
  ];
  for (const [options, option] of refused) {
    it(`are refused by name: ${JSON.stringify(options)?.replace(/-----BEGIN.*?-----\\n"/g, '…"')}`, async () => {
      assertEquals(assertThrows(() => checkTls(options as TlsOptions), OptionError).option, option);
      const tls = options as TlsOptions;
      const adapter = memoryAdapter();
      const refusal = await assertRejects(() => listen({ tls, adapter }), OptionError);
      assertEquals(refusal.option, option);
    });
  }

  it("may be what is asked for", () => {
    const good: TlsOptions[] = [
      PAIR,
      FILES,
      { cert: new TextEncoder().encode(TEST_CERT), keyFile: "tls.key" },
      { certs: [{ ...PAIR, names: ["a.example", "*.a.example", "localhost", "_dmarc.xn--4ca.example"] }, FILES] },
      { certFor: () => undefined },
      { ...FILES, certFor: () => Promise.resolve(PAIR) },
      { ...PAIR, clientCa: TEST_CERT, clientCert: "request", minVersion: "TLSv1.3", watch: false },
      { ...PAIR, clientCaFile: "ca.crt" },
    ];
    for (const options of good) checkTls(options);
  });

  it("that replace others are certificates alone, and can't begin to ask clients", () => {
    const old: TlsOptions = FILES;
    const refusal = (given: object) => assertThrows(() => checkCertificates(given, old), OptionError).option;
    assertEquals(refusal({ ...PAIR, minVersion: "TLSv1.3" }), "tls.minVersion");
    assertEquals(refusal({ ...PAIR, clientCa: TEST_CERT }), "tls.clientCa");
    assertEquals(refusal({}), "tls.cert");
    checkCertificates({ ...PAIR, clientCa: TEST_CERT }, { ...old, clientCaFile: "ca.crt" });
  });
});

describe("reloadTls()", () => {
  it("is refused at once where there is nothing to reload", async () => {
    for (const tls of [undefined, PAIR]) {
      const adapter = memoryAdapter();
      await using server = await serve({ tls, adapter, logger: silentLogger }, () => {});
      assertInstanceOf(assertThrows(() => server.reloadTls()), OptionError);
      await using listener = await listen({ tls, adapter });
      assertInstanceOf(assertThrows(() => listener.reloadTls(PAIR)), OptionError);
      assertEquals(listener.isReloadable, false);
      await listener.close();
      assertInstanceOf(assertThrows(() => listener.reloadTls()), ServerClosedError);
      await server.close();
      assertInstanceOf(assertThrows(() => server.reloadTls()), ServerClosedError);
    }
  });

  it("needs an adapter that has certificates", async () => {
    const adapter = memoryAdapter();
    for (const tls of [FILES, { certs: [PAIR] }, { certFor: () => PAIR }]) {
      await assertRejects(() => listen({ tls, adapter }), UnsupportedError, "memory");
    }
  });
});
