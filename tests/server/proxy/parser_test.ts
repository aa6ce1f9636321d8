/** PROXY headers: each is fed whole, byte by byte and with what follows it, and none costs more than its bytes. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { concat } from "../../../src/bytes.ts";
import type { Address } from "../../../src/endpoint.ts";
import { FrameError } from "../../../src/errors.ts";
import type { ProxyHeader } from "../../../src/proxied.ts";
import { crc32c } from "../../../src/crc32c.ts";
import { parseIp } from "../../../src/ip_ranges.ts";
import { formatIp } from "../../../src/server/proxy/format_ip.ts";
import { ProxyHeaderParser } from "../../../src/server/proxy/parser.ts";
import { headerWriter } from "../../../src/server/proxy/writer.ts";
import { ascii, binary, tcp, tlv } from "../../fixtures/proxy_headers.ts";

const unix = (path: string): Address => ({ transport: "unix", path });

/** What a parser makes of pieces. */
function parse(...pieces: Uint8Array[]): { found: ProxyHeader | "more" | "none"; rest: Uint8Array; fed: number } {
  const parser = new ProxyHeaderParser();
  for (const [i, piece] of pieces.entries()) {
    const found = parser.feed(piece);
    if (found !== "more") return { found, rest: concat([parser.rest, ...pieces.slice(i + 1)]), fed: i + 1 };
  }
  return { found: "more", rest: parser.held, fed: pieces.length };
}

function bytewise(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

function header(bytes: Uint8Array): ProxyHeader {
  const { found } = parse(bytes);
  assert(typeof found === "object", String(found));
  return found;
}

const V4 = [1, 2, 3, 4, 5, 6, 7, 8, 0x30, 0x39, 1, 0xbb];
const V6 = [0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1, 0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 2, 0, 1, 0, 2];
const paths = (from: string, to: string) => [...ascii(from.padEnd(108, "\0")), ...ascii(to.padEnd(108, "\0"))];

type Told = readonly [version: 1 | 2, command: string, source: Address | null, destination: Address | null];

const GOOD: readonly (readonly [name: string, bytes: Uint8Array, told: Told])[] = [
  ["v1 of IPv4", ascii("PROXY TCP4 1.2.3.4 5.6.7.8 12345 443\r\n"), [
    1,
    "proxy",
    tcp("1.2.3.4", 12345),
    tcp("5.6.7.8", 443),
  ]],
  ["v1 of IPv6", ascii("PROXY TCP6 2001:DB8:0:0::1 ::1 0 65535\r\n"), [
    1,
    "proxy",
    tcp("2001:db8::1", 0),
    tcp("::1", 65535),
  ]],
  ["v1 of a mapped address", ascii("PROXY TCP6 ::ffff:1.2.3.4 ::1 1 2\r\n"), [
    1,
    "proxy",
    tcp("1.2.3.4", 1),
    tcp("::1", 2),
  ]],
  [
    "v1 of the greatest length",
    ascii(`PROXY UNKNOWN ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`),
    [1, "proxy", null, null],
  ],
  ["v1 of the unknown", ascii("PROXY UNKNOWN\r\n"), [1, "proxy", null, null]],
  ["v1 of the unknown with words", ascii("PROXY UNKNOWN what ever\r\n"), [1, "proxy", null, null]],
  ["v2 of IPv4", binary(0x21, 0x11, V4), [2, "proxy", tcp("1.2.3.4", 12345), tcp("5.6.7.8", 443)]],
  ["v2 of datagrams", binary(0x21, 0x12, V4), [2, "proxy", tcp("1.2.3.4", 12345), tcp("5.6.7.8", 443)]],
  ["v2 of IPv6", binary(0x21, 0x21, V6), [2, "proxy", tcp("2001:db8::1", 1), tcp("2001:db8::2", 2)]],
  ["v2 of Unix sockets", binary(0x21, 0x31, paths("/run/a", "/run/b")), [2, "proxy", unix("/run/a"), unix("/run/b")]],
  ["v2 of long paths", binary(0x21, 0x31, paths("/".repeat(108), "")), [2, "proxy", unix("/".repeat(108)), unix("")]],
  ["v2 of nothing", binary(0x21, 0x00, []), [2, "proxy", null, null]],
  ["v2 of the proxy's own", binary(0x20, 0x00, []), [2, "local", null, null]],
  ["v2 of the proxy's own with leftovers", binary(0x20, 0xff, [1, 2, 3]), [2, "local", null, null]],
  ["v2 with a TLV", binary(0x21, 0x11, [...V4, ...tlv(4, [0, 0])]), [
    2,
    "proxy",
    tcp("1.2.3.4", 12345),
    tcp("5.6.7.8", 443),
  ]],
  ["v2 of the greatest length", binary(0x21, 0x00, tlv(4, Array(4093).fill(7))), [2, "proxy", null, null]],
];

const BAD: readonly (readonly [name: string, bytes: Uint8Array, says: string])[] = [
  ["v1 without an end", ascii(`PROXY TCP4 ${"1".repeat(200)}`), "no end within 107"],
  ["v1 that is one byte too long", ascii(`PROXY UNKNOWN ${"x".repeat(92)}\r\n`), "no end within 107"],
  ["v1 with LF alone", ascii("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n"), "CR and LF"],
  ["v1 with CR alone", ascii("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rGET"), "CR and LF"],
  ["v1 with a NUL", ascii("PROXY UNKNOWN \0\r\n"), "byte 0"],
  ["v1 with a letter of no ASCII", Uint8Array.of(...ascii("PROXY UNKNOWN "), 0xc3, 0xa4, 13, 10), "byte 195"],
  ["v1 of another family", ascii("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n"), "malformed"],
  ["v1 of the wrong family", ascii("PROXY TCP4 ::1 ::1 1 2\r\n"), "malformed"],
  ["v1 of the wrong family, the other way", ascii("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n"), "malformed"],
  ["v1 with two spaces", ascii("PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n"), "malformed"],
  ["v1 with a word too many", ascii("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n"), "malformed"],
  ["v1 with a word too few", ascii("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n"), "malformed"],
  ["v1 with a leading zero in an address", ascii("PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n"), "malformed"],
  ["v1 with a leading zero in a port", ascii("PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n"), "malformed"],
  ["v1 with a port that is too large", ascii("PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n"), "malformed"],
  ["v1 with a zone", ascii("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n"), "malformed"],
  ["v1 of nothing", ascii("PROXY \r\n"), "malformed"],
  ["v1 of almost the unknown", ascii("PROXY UNKNOWNS\r\n"), "malformed"],
  ["v2 of another version", binary(0x11, 0x11, V4), "version 1"],
  ["v2 of another command", binary(0x22, 0x11, V4), "command 2"],
  ["v2 of another family", binary(0x21, 0x41, V4), "family 4"],
  ["v2 of another protocol", binary(0x21, 0x13, V4), "protocol 3"],
  ["v2 without all of its addresses", binary(0x21, 0x11, V4.slice(1)), "too few"],
  ["v2 without all of its IPv6 addresses", binary(0x21, 0x21, V4), "too few"],
  ["v2 that claims too much", binary(0x21, 0x11, V4, 65_535), "more than 4096"],
  ["v2 with a TLV that is cut off in its length", binary(0x21, 0x11, [...V4, 4, 0]), "in its own length"],
  ["v2 with a TLV that claims too much", binary(0x21, 0x11, [...V4, 4, 0, 2, 0]), "1 bytes behind"],
  ["v2 with a short TLV about TLS", binary(0x21, 0x11, [...V4, ...tlv(0x20, [1, 0, 0, 0])]), "TLS in 4 bytes"],
  [
    "v2 with a TLV about TLS that claims too much",
    binary(0x21, 0x11, [...V4, ...tlv(0x20, [1, 0, 0, 0, 0, 0x21, 0, 9])]),
    "behind the header",
  ],
  ["v2 with a short checksum", binary(0x21, 0x11, [...V4, ...tlv(3, [1, 2, 3])]), "checksum of 3"],
  ["v2 with a wrong checksum", binary(0x21, 0x11, [...V4, ...tlv(3, [1, 2, 3, 4])]), "checksum that is wrong"],
];

const OTHERS: readonly string[] = [
  "GET / HTTP/1.1\r\n\r\n",
  "POST / HTTP/1.1\r\n\r\n",
  "PROXZ TCP4",
  "PRO",
  "proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
  "\r\nGET",
  "\r\n\r\n\0\r\nQUIX\n",
  "\x16\x03\x01",
];

describe("a PROXY header", () => {
  const behind = ascii("what follows, PROXY TCP4 and all");
  for (const [name, bytes, [version, command, source, destination]] of GOOD) {
    it(`${name} is read whole, byte by byte, and with what follows it`, () => {
      for (const pieces of [[bytes], bytewise(bytes), [bytes, behind], [concat([bytes, behind])]]) {
        const { found, rest } = parse(...pieces);
        assert(typeof found === "object", String(found));
        assertEquals([found.version, found.command, found.source, found.destination], [
          version,
          command,
          source,
          destination,
        ]);
        assertEquals(
          rest,
          pieces.length === 1 && pieces[0] === bytes || pieces.length === bytes.length ? new Uint8Array(0) : behind,
        );
      }
      for (let end = 1; end < bytes.length; end += end < 300 ? 1 : 97) {
        assertEquals(parse(bytes.subarray(0, end)).found, "more");
      }
      // Not one byte behind it was needed.
      assertEquals(parse(...bytewise(concat([bytes, behind]))).fed, bytes.length);
    });
  }

  for (const [name, bytes, says] of BAD) {
    it(`${name} is refused, whole and byte by byte`, () => {
      assertThrows(() => parse(bytes), FrameError, says);
      assertThrows(() => parse(...bytewise(bytes)), FrameError, says);
      assertThrows(() => parse(concat([bytes, new Uint8Array(5000)])), FrameError);
    });
  }

  for (const text of OTHERS) {
    it(`is not seen in ${JSON.stringify(text)}, of which nothing is lost`, () => {
      const bytes = ascii(text);
      const isPart = "PROXY ".startsWith(text);
      for (const pieces of [[bytes], bytewise(bytes), [bytes.slice(0, 1), bytes.slice(1)]]) {
        const { found, rest } = parse(...pieces);
        assertEquals([found, rest], [isPart ? "more" : "none", bytes]);
      }
    });
  }

  it("is read the same however it is split, by arbitrary splits of arbitrary headers", () => {
    const byte = fc.integer({ min: 0, max: 255 });
    const ip = fc.oneof(fc.ipV4(), fc.ipV6());
    const address = fc.oneof(
      fc.record({ transport: fc.constant("tcp" as const), hostname: ip, port: fc.integer({ min: 0, max: 65_535 }) }),
      fc.record({ transport: fc.constant("unix" as const), path: fc.constantFrom("", "/a", "/run/ä.sock") }),
    );
    const tlvs = fc.array(
      fc.record({ type: fc.integer({ min: 48, max: 255 }), value: fc.uint8Array({ maxLength: 40 }) }),
    );
    const cuts = fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 6 });
    fc.assert(
      fc.property(address, address, tlvs, fc.boolean(), fc.array(byte), cuts, (from, to, more, sum, tail, at) => {
        const written = headerWriter({ source: from, destination: to, tlvs: more, checksum: sum })(from, to);
        const all = concat([written, Uint8Array.from(tail)]);
        const ends = [...at.filter((cut) => cut < all.length).sort((a, b) => a - b), all.length];
        const pieces = ends.map((end, i) => all.subarray(i === 0 ? 0 : ends[i - 1], end));
        const { found, rest } = parse(...pieces);
        assert(typeof found === "object", String(found));
        const isMixed = from.transport !== to.transport;
        assertEquals(found.source?.transport, isMixed ? undefined : from.transport);
        const told = found.tlvs.map(({ type, value }) => [type, [...value]]);
        assertEquals(told.slice(0, more.length), more.map(({ type, value }) => [type, [...value]]));
        assertEquals(told.length, more.length + (sum ? 1 : 0));
        assertEquals(rest, Uint8Array.from(tail));
      }),
    );
  });

  it("never breaks the parser, whatever follows its beginning", () => {
    const beginnings = fc.constantFrom(
      ascii("PROXY "),
      ascii("PROXY TCP4 1.2"),
      binary(0x21, 0x11, []),
      new Uint8Array(0),
    );
    fc.assert(fc.property(beginnings, fc.uint8Array({ maxLength: 300 }), (beginning, noise) => {
      const bytes = concat([beginning, noise]);
      const outcome = (pieces: Uint8Array[]) => {
        try {
          const { found, rest } = parse(...pieces);
          return JSON.stringify([found, [...rest]]);
        } catch (error) {
          assert(error instanceof FrameError, String(error));
          return error.message;
        }
      };
      assertEquals(outcome([bytes]), outcome(bytewise(bytes)));
    }));
  });
});

describe("what version 2 says beyond addresses", () => {
  const ssl = [
    5,
    0,
    0,
    0,
    0,
    ...tlv(0x21, ascii("TLSv1.3")),
    ...tlv(0x22, ascii("client.example")),
    ...tlv(0x23, ascii("AES")),
  ];
  const all = [
    ...tlv(1, ascii("h2")),
    ...tlv(2, ascii("www.example")),
    ...tlv(4, [9, 9]),
    ...tlv(5, [1, 2, 3]),
    ...tlv(0x20, [...ssl, ...tlv(0x24, ascii("SHA256")), ...tlv(0x25, ascii("RSA2048"))]),
    ...tlv(0x30, ascii("blue")),
    ...tlv(0xe0, [0, 0, 0, 1, 0, 0, 0, 2]),
    ...tlv(0xea, [1, ...ascii("vpce-08d2bf15fac5001c9")]),
    ...tlv(0xee, [1, 0x39, 0x30, 0, 0]),
  ];

  it("is told by name", () => {
    const told = header(binary(0x21, 0x11, [...V4, ...all]));
    assertEquals([told.alpn, told.authority, told.namespace], ["h2", "www.example", "blue"]);
    assertEquals(told.uniqueId, Uint8Array.of(1, 2, 3));
    assertEquals(told.ssl, {
      secure: true,
      certOnConn: false,
      certInSession: true,
      verified: true,
      version: "TLSv1.3",
      commonName: "client.example",
      cipher: "AES",
      signatureAlgorithm: "SHA256",
      keyAlgorithm: "RSA2048",
    });
    assertEquals(told.awsVpcEndpointId, "vpce-08d2bf15fac5001c9");
    assertEquals(told.azureLinkId, 12345);
    assertEquals(told.gcpPscConnectionId, 0x1_0000_0002n);
    assertEquals(told.tlvs.map(({ type }) => type), [1, 2, 4, 5, 0x20, 0x30, 0xe0, 0xea, 0xee]);
  });

  it("is null where nothing is said, or nothing that can be read", () => {
    const { alpn, authority, uniqueId, ssl, namespace, tlvs } = header(binary(0x21, 0x11, V4));
    assertEquals([alpn, authority, uniqueId, ssl, namespace, tlvs], [null, null, null, null, null, []]);
    const bare = header(binary(0x21, 0x11, [...V4, ...tlv(0xea, [2, 0x76]), ...tlv(0xee, [1, 2]), ...tlv(0xe0, [1])]));
    assertEquals([bare.alpn, bare.ssl, bare.uniqueId], [null, null, null]);
    assertEquals([bare.awsVpcEndpointId, bare.azureLinkId, bare.gcpPscConnectionId], [null, null, null]);
  });

  it("calls a client verified only with a certificate that was found good", () => {
    const verified = (flags: number, outcome: number) =>
      header(binary(0x21, 0x11, [...V4, ...tlv(0x20, [flags, 0, 0, 0, outcome])])).ssl?.verified;
    assertEquals([verified(1, 0), verified(3, 0), verified(5, 0), verified(3, 1), verified(7, 18)], [
      false,
      true,
      true,
      false,
      false,
    ]);
  });

  it("is checked by its checksum", () => {
    const writer = headerWriter({ tlvs: [{ type: 5, value: ascii("id") }], checksum: true });
    const bytes = writer(tcp("1.2.3.4", 1), tcp("5.6.7.8", 2));
    assertEquals(header(bytes).uniqueId, ascii("id"));
    for (let at = 16; at < bytes.length; at++) {
      const wrong = bytes.slice();
      wrong[at] ^= 1;
      // Another type makes it something else that is said.
      if (at === bytes.length - 7) continue;
      assertThrows(() => parse(wrong), FrameError);
    }
  });

  it("has the checksum of RFC 3720", () => {
    assertEquals(crc32c(new Uint8Array(32)), 0x8a9136aa);
    assertEquals(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
    assertEquals(crc32c(ascii("123456789")), 0xe3069283);
  });
});

describe("an IP address as text", () => {
  it("has the one spelling of RFC 5952", () => {
    const spelled = {
      "1.2.3.4": "1.2.3.4",
      "::ffff:1.2.3.4": "1.2.3.4",
      "::": "::",
      "::1": "::1",
      "1::": "1::",
      "2001:0DB8:0:0:0:0:0:1": "2001:db8::1",
      "2001:db8:0:1:1:1:1:1": "2001:db8:0:1:1:1:1:1",
      "2001:0:0:1:0:0:0:1": "2001:0:0:1::1",
      "2001:db8:0:0:1:0:0:1": "2001:db8::1:0:0:1",
      "fe80:0:0:0:0:0:0:0": "fe80::",
    };
    for (const [text, expected] of Object.entries(spelled)) assertEquals(formatIp(parseIp(text)!), expected);
  });
});
