import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { HmacSha256, sha256 } from "../../src/sha256.ts";

const encoder = new TextEncoder();

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Bytes that differ from each other. */
function bytes(length: number, first = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (first + i * 7) & 255);
}

/** FIPS 180-4, by the examples that NIST publishes. */
const DIGESTS: readonly (readonly [string, string])[] = [
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
];

/** RFC 4231 §4: key and data, and the code. */
const CODES: readonly (readonly [Uint8Array, Uint8Array, string])[] = [
  [
    new Uint8Array(20).fill(0x0b),
    encoder.encode("Hi There"),
    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
  ],
  [
    encoder.encode("Jefe"),
    encoder.encode("what do ya want for nothing?"),
    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  ],
  [
    new Uint8Array(131).fill(0xaa),
    encoder.encode("Test Using Larger Than Block-Size Key - Hash Key First"),
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  ],
];

describe("sha256()", () => {
  for (const [text, digest] of DIGESTS) {
    it(`gives the published digest of ${text.length} characters`, () => {
      assertEquals(hex(sha256(encoder.encode(text))), digest);
    });
  }

  it("agrees with the runtime's own at every length around the blocks", async () => {
    for (let length = 0; length <= 200; length++) {
      const message = bytes(length);
      assertEquals(hex(sha256(message)), hex(new Uint8Array(await crypto.subtle.digest("SHA-256", message))));
    }
  });
});

describe("HmacSha256", () => {
  for (const [key, data, code] of CODES) {
    it(`gives the published code under a key of ${key.length} bytes`, () => {
      assertEquals(hex(new HmacSha256(key).sign(data)), code);
    });
  }

  it("agrees with the runtime's own, whatever the lengths of key and message, time and again", async () => {
    for (const keyLength of [1, 31, 32, 63, 64, 65, 127, 128, 200]) {
      const key = bytes(keyLength, keyLength);
      const algorithm = { name: "HMAC", hash: "SHA-256" };
      const theirs = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
      const ours = new HmacSha256(key);
      for (const length of [0, 1, 54, 55, 56, 63, 64, 65, 119, 120, 128, 1000]) {
        const message = bytes(length, 3);
        const expected = hex(new Uint8Array(await crypto.subtle.sign("HMAC", theirs, message)));
        assertEquals(hex(ours.sign(message)), expected);
      }
    }
  });
});
