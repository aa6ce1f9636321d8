/** Certificates as they are read from their bytes, and the files that they lie in. */
import { X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { certificatesIn, readCertificate } from "../../adapters/shared/certificate.ts";
import { elements, oidOf, textOf, timeOf } from "../../adapters/shared/der.ts";
import { turningPoints } from "../../adapters/shared/tls_parts.ts";
import { certify } from "../support/certificates.ts";
import { TEST_CERT } from "../support/tls.ts";

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);
const element = (tag: number, content: Uint8Array) => ({ tag, content, whole: content });

describe("a certificate", () => {
  it("says what the runtime's own reader says", () => {
    for (const pem of [TEST_CERT, certify("device 7", { by: certify("Authority") }).cert]) {
      const [raw] = certificatesIn(pem);
      const [ours, theirs] = [readCertificate(raw), new X509Certificate(raw)];
      assertEquals([ours.fingerprint, ours.raw.length], [theirs.fingerprint256, theirs.raw.length]);
      // Deno leaves out a zero in front (2.9.6).
      assertEquals(BigInt(`0x${ours.serialNumber}`), BigInt(`0x${theirs.serialNumber}`));
      assertEquals([ours.validFrom, ours.validTo], [Date.parse(theirs.validFrom), Date.parse(theirs.validTo)]);
      assert(theirs.subject.includes(`CN=${ours.commonName}`));
    }
    assertEquals(readCertificate(certificatesIn(TEST_CERT)[0]).names, ["DNS:localhost", "IP:127.0.0.1", "IP:::1"]);
  });

  it("can't make one attribute of its subject look like two", () => {
    const { cert } = certify('a, O=b+c"\\<>;=#');
    const { subject, commonName } = readCertificate(certificatesIn(cert)[0]);
    assertEquals(subject, 'O=Sluice\\, tests, CN=a\\, O=b\\+c\\"\\\\\\<\\>\\;=#');
    assertEquals(commonName, 'a, O=b+c"\\<>;=#');
    const spaced = readCertificate(certificatesIn(certify(" a\n ").cert)[0]);
    assertEquals([spaced.subject, spaced.commonName], ["O=Sluice\\, tests, CN=\\ a\\0A\\ ", " a\n "]);
  });

  it("that is cut off, or has other bytes, costs an error and no more", () => {
    const [raw] = certificatesIn(certify("a.example", { names: ["DNS:a.example", "URI:spiffe://a"] }).cert);
    for (let length = 0; length < raw.length; length++) assertThrows(() => readCertificate(raw.subarray(0, length)));
    for (let at = 0; at < raw.length; at++) {
      const changed = raw.slice();
      changed[at] ^= 0xff;
      try {
        readCertificate(changed);
      } catch (error) {
        assert(error instanceof RangeError || error instanceof TypeError, String(error));
      }
    }
  });

  it("is found among others in PEM, and a block without an end is none", () => {
    const [a, b] = [certify("a"), certify("b")];
    assertEquals(certificatesIn(`# comment\n${a.cert}\r\n${a.key}${b.cert}`).length, 2);
    assertEquals(certificatesIn("nothing"), []);
    for (const cut of [30, 100, a.cert.length - 5]) {
      assertThrows(() => certificatesIn(b.cert + a.cert.slice(0, cut)), RangeError, "cut off");
    }
  });

  it("has times of two kinds, texts of several, and numbers of any size", () => {
    assertEquals(timeOf(element(23, ascii("491231235959Z"))), Date.UTC(2049, 11, 31, 23, 59, 59));
    assertEquals(timeOf(element(23, ascii("500101000000Z"))), Date.UTC(1950, 0, 1));
    assertEquals(timeOf(element(24, ascii("99991231235959Z"))), Date.UTC(9999, 11, 31, 23, 59, 59));
    assertEquals(timeOf(element(24, ascii("soon"))), NaN);
    assertEquals(textOf(element(12, ascii("zä"))), "zä");
    assertEquals(textOf(element(30, Uint8Array.of(0, 0x7a, 0, 0xe4))), "zä");
    assertEquals(textOf(element(19, ascii("z"))), "z");
    assertEquals(oidOf(Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2)), "1.2.840.10045.4.3.2");
    assertEquals(oidOf(Uint8Array.of(0x88, 0x37, 1)), "2.999.1");
    for (const bad of [[0x30, 0x80, 0, 0], [0x30, 0x85, 1, 1, 1, 1, 1], [0x30], [0x30, 2, 1], [0x30, 0x82, 1]]) {
      assertThrows(() => elements(Uint8Array.from(bad)), RangeError);
    }
  });
});

describe("the turning points of a path", () => {
  it("are its own name, and those of the links that lead to it", () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "sluice-tls-")));
    try {
      const of = (path: string, mayRead?: (path: string) => boolean) =>
        Object.fromEntries(
          [...turningPoints(join(folder, path), mayRead)].map((
            [at, names],
          ) => [at.slice(folder.length), [...names].sort()]),
        );
      mkdirSync(join(folder, "..1"));
      writeFileSync(join(folder, "..1/tls.crt"), "");
      symlinkSync("..1", join(folder, "..data"));
      symlinkSync("..data/tls.crt", join(folder, "tls.crt"));
      symlinkSync(folder, join(folder, "..1/self"));
      symlinkSync("loop", join(folder, "loop"));
      assertEquals(of("tls.crt"), { "": ["..data", "tls.crt"], "/..1": ["tls.crt"] });
      assertEquals(of("..1/tls.crt"), { "/..1": ["tls.crt"] });
      assertEquals(of("none/at.all"), { "/none": ["at.all"] });
      assertEquals(of("..1/self/tls.crt")["/..1"], ["self", "tls.crt"]);
      assertEquals(of("loop"), { "": ["loop"] });
      assertEquals(of("tls.crt", () => false), { "": ["tls.crt"] });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
