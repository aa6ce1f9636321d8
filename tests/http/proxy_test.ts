import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../src/errors.ts";
import { formatAddress } from "../../src/address.ts";
import { ProxyTrust } from "../../src/http/request/proxy.ts";
import { inRange, parseIp, parseIpRange } from "../../src/ip_ranges.ts";
import type { Address } from "../../src/endpoint.ts";

type Fields = Record<string, string>;
type Trust = boolean | readonly string[];

const PEER: Address = { transport: "tcp", hostname: "10.0.0.1", port: 5000 };

function resolve(trust: Trust, fields: Fields, peer: Address = PEER): [string, string | null, string | null] {
  const view = new ProxyTrust(trust).resolve(peer, (name) => fields[name] ?? null);
  return [formatAddress(view.remote), view.scheme, view.host];
}

const client = (trust: Trust, fields: Fields, peer?: Address): string => resolve(trust, fields, peer)[0];
const at = (hostname: string): Address => ({ transport: "tcp", hostname, port: 1 });

const ALL: Fields = {
  "forwarded": "for=192.0.2.1;proto=https;host=a.example",
  "x-forwarded-for": "192.0.2.2",
  "x-forwarded-proto": "https",
  "x-forwarded-host": "b.example",
};

describe("ProxyTrust", () => {
  it("believes nobody by default, and nobody who isn't listed", () => {
    for (const trust of [false, [], ["10.0.0.2"], ["loopback"], ["unix"], ["::/0"]]) {
      assertEquals(resolve(trust, ALL), ["10.0.0.1:5000", null, null]);
    }
    assertEquals(new ProxyTrust().enabled, false);
    assertEquals(new ProxyTrust([]).enabled, false);
    assertEquals(new ProxyTrust(["unix"]).enabled, true);
  });

  it("hands the peer through when a trusted proxy says nothing", () => {
    assertEquals(resolve(true, {}), ["10.0.0.1:5000", null, null]);
    assertEquals(resolve(["private"], {}), ["10.0.0.1:5000", null, null]);
  });

  it("believes listed addresses, ranges and words", () => {
    const trusted: [string, Address][] = [
      ["10.0.0.1", PEER],
      ["10.0.0.0/8", PEER],
      ["0.0.0.0/0", PEER],
      ["private", PEER],
      ["private", at("172.31.255.255")],
      ["private", at("fd00::1")],
      ["loopback", at("127.9.9.9")],
      ["loopback", at("::1")],
      ["loopback", at("::ffff:127.0.0.1")],
      ["::ffff:10.0.0.0/104", PEER],
      ["2001:db8::/32", at("2001:db8:1::1")],
      ["fe80::/10", at("fe80::1%eth0")],
      ["unix", { transport: "unix", path: "" }],
    ];
    for (const [entry, peer] of trusted) assertEquals(client([entry], ALL, peer), "192.0.2.1:0", entry);
    const strangers: [string, Address][] = [
      ["private", at("172.32.0.1")],
      ["private", at("127.0.0.1")],
      ["10.0.0.0/31", at("10.0.0.2")],
      ["2001:db8::/33", at("2001:db8:8000::1")],
      ["private", { transport: "unix", path: "" }],
      ["0.0.0.0/0", at("not an address")],
    ];
    for (const [entry, peer] of strangers) assertEquals(client([entry], ALL, peer), formatAddress(peer), entry);
  });

  it("prefers Forwarded to X-Forwarded-*", () => {
    assertEquals(resolve(["private"], ALL), ["192.0.2.1:0", "https", "a.example"]);
    const { forwarded: _, ...older } = ALL;
    assertEquals(resolve(["private"], older), ["192.0.2.2:0", "https", "b.example"]);
  });

  it("takes the rightmost that isn't trusted, whatever the client put in front", () => {
    const chain = "6.6.6.6, 192.0.2.9, 10.0.0.3, 10.0.0.2";
    assertEquals(client(["private"], { "x-forwarded-for": chain }), "192.0.2.9:0");
    const forwarded = chain.split(", ").map((ip) => `for=${ip}`).join(", ");
    assertEquals(client(["private"], { forwarded }), "192.0.2.9:0");
    assertEquals(client(["10.0.0.1"], { forwarded }), "10.0.0.2:0");
  });

  it("takes the leftmost when everybody is trusted", () => {
    assertEquals(client(true, { "x-forwarded-for": "6.6.6.6, 192.0.2.9, 10.0.0.2" }), "6.6.6.6:0");
    assertEquals(client(true, { forwarded: "for=6.6.6.6, for=unknown, for=10.0.0.2" }), "6.6.6.6:0");
    assertEquals(client(true, { forwarded: "for=unknown, for=10.0.0.2" }), "10.0.0.2:0");
  });

  it("takes the leftmost of a chain that is trusted as a whole", () => {
    assertEquals(client(["private"], { "x-forwarded-for": "10.0.0.9, 10.0.0.2" }), "10.0.0.9:0");
  });

  it("stops at a hop that isn't named, and keeps the last one that was", () => {
    assertEquals(client(["private"], { forwarded: "for=6.6.6.6, for=_hidden, for=10.0.0.2" }), "10.0.0.2:0");
    assertEquals(client(["private"], { "x-forwarded-for": "6.6.6.6, unknown" }), "10.0.0.1:5000");
    assertEquals(resolve(["private"], { forwarded: "for=_hidden;proto=https" }), ["10.0.0.1:5000", "https", null]);
  });

  it("reads every form of a node", () => {
    const nodes: [string, string][] = [
      ["192.0.2.1", "192.0.2.1:0"],
      ['"192.0.2.1:8080"', "192.0.2.1:8080"],
      ["192.0.2.1:8080", "192.0.2.1:8080"],
      ['"192.0.2.1:_port"', "192.0.2.1:0"],
      ['"[2001:DB8::1]"', "[2001:db8::1]:0"],
      ['"[2001:db8::1]:443"', "[2001:db8::1]:443"],
      ['"[2001:db8::1]:_x"', "[2001:db8::1]:0"],
      ['"[::ffff:192.0.2.1]"', "[::ffff:192.0.2.1]:0"],
      ['"\\192.0.2.1"', "192.0.2.1:0"],
    ];
    for (const [node, expected] of nodes) assertEquals(client(true, { forwarded: `for=${node}` }), expected, node);
    assertEquals(client(true, { "x-forwarded-for": "2001:db8::1" }), "[2001:db8::1]:0");
    assertEquals(client(true, { "x-forwarded-for": "[2001:db8::1]:9" }), "[2001:db8::1]:9");
  });

  it("ignores a node that can't be read", () => {
    const bad = [
      "999.0.0.1",
      "1.2.3",
      "1.2.3.4.5",
      "01.2.3.4",
      "0x7f.0.0.1",
      '"1.2.3.4:65536"',
      '"1.2.3.4:"',
      '"[1.2.3.4]"',
      '"[::1"',
      '"::1]"',
      '"[fe80::1%eth0]"',
      '"[1::2::3]"',
      '"[1:2:3:4:5:6:7:8:9]"',
      '"[1.2.3.4::]"',
      '"[::1.2..4]"',
      '""',
      '" 1.2.3.4"',
      "example.com",
    ];
    for (const node of bad) assertEquals(client(true, { forwarded: `for=${node}` }), "10.0.0.1:5000", node);
  });

  it("survives a malformed Forwarded field, and still hears the proxies behind the damage", () => {
    const bad = [
      "",
      ",,",
      "for",
      "for=",
      "=1",
      'for="1.2.3.4',
      "for=1.2.3.4 x",
      "for=1.2.3.4;for=1.2.3.5",
      ";",
      '"',
      "\\",
    ];
    for (const forwarded of bad) {
      assertEquals(resolve(["private"], { forwarded }), ["10.0.0.1:5000", null, null], forwarded);
      assertEquals(client(["private"], { forwarded: `${forwarded}, for=192.0.2.7` }), "192.0.2.7:0", forwarded);
    }
    const forwarded = 'for="x, for=192.0.2.7;by="a\\", b, c"';
    assertEquals(client(["private"], { forwarded }), "192.0.2.7:0");
  });

  it("reads names in any case, quoted strings with commas, and parameters it doesn't know", () => {
    const forwarded = 'For=192.0.2.1; PROTO=HTTPS;ext="a,b;\\"c"; Host="a.example:8443";';
    assertEquals(resolve(true, { forwarded }), ["192.0.2.1:0", "https", "a.example:8443"]);
  });

  it("takes scheme and host from the proxy that saw the client", () => {
    const forwarded = "for=6.6.6.6;proto=http;host=evil.example, for=192.0.2.1;proto=https;host=a.example, " +
      "for=10.0.0.2;proto=http;host=inner";
    assertEquals(resolve(["private"], { forwarded }), ["192.0.2.1:0", "https", "a.example"]);
    assertEquals(resolve(true, { forwarded }), ["6.6.6.6:0", "http", "evil.example"]);
    assertEquals(resolve(["10.0.0.1"], { forwarded }), ["10.0.0.2:0", "http", "inner"]);
  });

  it("matches the X-Forwarded lists from the right", () => {
    const base = { "x-forwarded-for": "6.6.6.6, 192.0.2.1, 10.0.0.2" };
    const proto = (value: string) => resolve(["private"], { ...base, "x-forwarded-proto": value })[1];
    assertEquals(proto("http, https, http"), "https");
    assertEquals(proto("https, http"), "https");
    assertEquals(proto("https"), "https");
    assertEquals(proto("http,http,http,https,http"), "https");
    assertEquals(resolve(["private"], { "x-forwarded-proto": "http, https" })[1], "https");
    assertEquals(resolve(["private"], { "x-forwarded-host": "evil, a.example" })[2], "a.example");
  });

  it("ignores schemes and hosts that can't be used", () => {
    for (const scheme of ["ftp", "javascript", "https:", "", "http\u0000"]) {
      assertEquals(resolve(true, { "x-forwarded-proto": scheme })[1], null, scheme);
    }
    const bad = [
      "a b",
      "a/b",
      "a@b",
      "a:b",
      "a:",
      "a:99999",
      "[::1",
      "[zz::]",
      "1.2.3.999",
      "a#",
      "a?x",
      "é",
      "a\\b",
      "<x>",
    ];
    for (const host of [...bad, `${"a".repeat(300)}`]) {
      assertEquals(resolve(true, { "x-forwarded-host": host })[2], null, host);
    }
    for (const host of ["a", "a.example", "A.example:80", "[::1]:8080", "127.0.0.1", "my_host"]) {
      assertEquals(resolve(true, { "x-forwarded-host": host })[2], host);
    }
  });

  it("looks at the nearest 64 hops of a field without an end", () => {
    const long = Array.from({ length: 5000 }, (_, i) => `192.0.2.${i % 250}`).join(",");
    assert(client(true, { "x-forwarded-for": long }).startsWith("192.0.2."));
    const forwarded = `${"for=10.0.0.7,".repeat(1000)}for=10.0.0.8`;
    assertEquals(client(["private"], { forwarded }), "10.0.0.7:0");
  });

  it("refuses entries that are neither address, range nor word", () => {
    for (
      const entry of ["", "localhost", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/08", "::/129", "10.0.0/8", "10.0.0.1 "]
    ) {
      assertThrows(() => new ProxyTrust([entry]), OptionError, "trustProxy");
    }
    for (const option of ["loopback", 1, null, {}, [1]]) {
      assertThrows(() => new ProxyTrust(option as unknown as boolean), OptionError, "trustProxy");
    }
    for (const word of ["constructor", "toString", "__proto__"]) {
      assertThrows(() => new ProxyTrust([word]), OptionError, "trustProxy");
    }
  });
});

describe("inRange()", () => {
  it("compares exactly the bits of the prefix", () => {
    for (let bits = 0; bits <= 32; bits++) {
      const range = parseIpRange(`255.255.255.255/${bits}`)!;
      for (let flipped = 0; flipped < 32; flipped++) {
        const value = (0xffffffff ^ (1 << (31 - flipped))) >>> 0;
        const text = [24, 16, 8, 0].map((shift) => value >>> shift & 255).join(".");
        assertEquals(inRange(parseIp(text)!, range), flipped >= bits, `${text}/${bits}`);
      }
    }
  });

  it("keeps IPv4 out of ranges of IPv6, but for the mapped part", () => {
    assertEquals(inRange(parseIp("1.2.3.4")!, parseIpRange("::/0")!), false);
    assertEquals(inRange(parseIp("1.2.3.4")!, parseIpRange("::ffff:0:0/96")!), true);
    assertEquals(inRange(parseIp("::1")!, parseIpRange("0.0.0.0/0")!), false);
  });
});
