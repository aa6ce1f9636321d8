import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { parseIpv6 } from "../../src/address.ts";

describe("addresses", () => {
  it("reads IPv6 in every spelling", () => {
    assertEquals(parseIpv6("::1"), [0, 0, 0, 0, 0, 0, 0, 1]);
    assertEquals(parseIpv6("2001:db8::ff00:42:8329"), [0x2001, 0xdb8, 0, 0, 0, 0xff00, 0x42, 0x8329]);
    assertEquals(parseIpv6("::ffff:10.1.2.3"), [0, 0, 0, 0, 0, 0xffff, 0x0a01, 0x0203]);
    assertEquals(parseIpv6("fe80::1%eth0"), [0xfe80, 0, 0, 0, 0, 0, 0, 1]);
    for (const bad of ["", ":", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", "::1.2.3", "10.0.0.1"]) {
      assertEquals(parseIpv6(bad), null, bad);
    }
  });
});
