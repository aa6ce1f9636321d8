import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { OptionError } from "../../src/errors.ts";
import { FAREWELL_PROTOCOL } from "../../src/websocket/farewell.ts";
import { acceptKey, isKey, randomKey } from "../../src/websocket/handshake/accept_key.ts";
import { checkUpgrade, type UpgradeAnswer, type UpgradeRefusal } from "../../src/websocket/handshake/server.ts";
import { sha1 } from "../../src/sha1.ts";
import { handshakeOptions } from "../../src/websocket/websocket_options.ts";
import type { WebSocketOptions } from "../../src/websocket/websocket_api.ts";
import {
  ACCEPT,
  type Change,
  FORM_CASES,
  type HandshakeCase,
  KEY,
  ORIGIN_CASES,
  upgradeRequest,
} from "../fixtures/websocket_handshakes.ts";
import { worked } from "../support/lag.ts";

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function check(change: Change, options: WebSocketOptions = {}): UpgradeAnswer | UpgradeRefusal {
  return checkUpgrade(upgradeRequest(change), handshakeOptions(options));
}

function accepted(change: Change, options: WebSocketOptions = {}): UpgradeAnswer {
  const answer = check(change, options);
  assert("lines" in answer, JSON.stringify(answer));
  return answer;
}

function assertCase(test: HandshakeCase, options: WebSocketOptions): void {
  const answer = check(test.change, options);
  assertEquals("status" in answer ? answer.status : 101, test.status);
  if ("status" in answer) assert(answer.message.includes(test.says ?? ""), answer.message);
}

describe("SHA-1", () => {
  const vectors: readonly (readonly [name: string, text: string, digest: string])[] = [
    ["abc", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"],
    [
      "a message whose length needs a block of its own",
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
    ],
    ["a million bytes", "a".repeat(1_000_000), "34aa973cd4c4daa4f61eeb2bdbad27316534016f"],
    ["ten whole blocks", "01234567".repeat(80), "dea356a2cddd90c7a7ecedc5ebb563934f460452"],
  ];
  for (const [name, text, digest] of vectors) {
    it(`digests ${name} as RFC 3174 says`, () => assertEquals(hex(sha1(ascii(text))), digest));
  }

  it("is what the web's own makes of any bytes", async () => {
    const message = fc.uint8Array({ maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(message, async (bytes) => {
        const copy = new Uint8Array(bytes);
        assertEquals(hex(sha1(copy)), hex(new Uint8Array(await crypto.subtle.digest("SHA-1", copy))));
      }),
      { numRuns: 300 },
    );
  });
});

describe("a handshake's key", () => {
  it("is answered as in RFC 6455", () => assertEquals(acceptKey(KEY), ACCEPT));

  it("is new each time, and a server's check takes it", () => {
    const keys = Array.from({ length: 100 }, randomKey);
    assert(keys.every(isKey));
    assertEquals(new Set(keys).size, 100);
  });
});

describe("a request for a WebSocket", () => {
  for (const test of FORM_CASES) {
    it(`gets ${test.status}: ${test.name}`, () => assertCase(test, {}));
  }

  it("is answered with the fields of the RFC, and the user's behind them", () => {
    const { lines, extra, ...rest } = accepted({}, { headers: { "X-Served-By": "a", "set-cookie": "b=c; Path=/" } });
    assertEquals(
      lines + extra,
      `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n` +
        "X-Served-By: a\r\nset-cookie: b=c; Path=/\r\n",
    );
    assertEquals(rest, { accept: ACCEPT, protocol: "", deflate: null, extensions: "", farewell: false, beats: false });
  });

  it("that is refused hears what would be taken", () => {
    const fields = (change: Change) => (check(change) as UpgradeRefusal).headers;
    const upgrade = { upgrade: "websocket", connection: "Upgrade" };
    assertEquals(fields({ fields: { upgrade: null } }), upgrade);
    const version = fields({ fields: { "sec-websocket-version": "8" } });
    assertEquals(version, { ...upgrade, "sec-websocket-version": "13" });
    assertEquals(fields({ method: "POST" }), { allow: "GET" });
    assertEquals(fields({ fields: { "sec-websocket-key": null } }), {});
  });
});

describe("an Origin", () => {
  for (const test of ORIGIN_CASES) {
    it(`${test.name} gets ${test.status}`, () => assertCase(test, { allowedOrigins: test.allowed }));
  }
});

describe("the subprotocol", () => {
  const offering = (value: string): Change => ({ fields: { "sec-websocket-protocol": value } });

  it("is the first of ours that is offered", () => {
    const answer = accepted(offering("c, a,b"), { protocols: ["x", "b", "a"] });
    assertEquals(answer.protocol, "b");
    assert(answer.lines.includes("\r\nSec-WebSocket-Protocol: b\r\n"));
  });

  it("is compared with its case", () => assertEquals(accepted(offering("A"), { protocols: ["a"] }).protocol, ""));

  it("is none where nothing is offered, or nothing fits", () => {
    for (const change of [{}, offering("b")]) {
      const answer = accepted(change, { protocols: ["a"] });
      assertEquals(answer.protocol, "");
      assert(!answer.lines.includes("Protocol"));
    }
  });

  it("may be chosen by a function among those offered, with empty entries left out", () => {
    const seen: (readonly string[])[] = [];
    const protocols = (offered: readonly string[]) => {
      seen.push(offered);
      return offered.at(-1)!;
    };
    assertEquals(accepted(offering("a,, b ,"), { protocols }).protocol, "b");
    assertEquals(seen, [["a", "b"]]);
  });

  it("may be none by a function, which is not asked where nothing is offered", () => {
    assertEquals(accepted(offering("a"), { protocols: () => null }).protocol, "");
    assertEquals(accepted({}, { protocols: () => "a" }).protocol, "");
  });

  for (const [name, chosen] of [["another than those offered", "c"], ["a promise", Promise.resolve("a")]] as const) {
    it(`of a function that gives ${name} is an OptionError that names them`, () => {
      const protocols = (() => chosen) as () => string;
      const error = assertThrows(() => check(offering("a, b"), { protocols }), OptionError);
      assert(error.message.includes('("a", "b")'), error.message);
      assertEquals(error.option, "protocols");
    });
  }

  it("by which a client says that it reads farewells is no application's, and answered if nothing else is", () => {
    const seen: string[] = [];
    const both = offering(`a, ${FAREWELL_PROTOCOL}`);
    const protocols = (offered: readonly string[]) => {
      seen.push(...offered);
      return null;
    };
    const alone = accepted(both, { protocols });
    assertEquals([alone.protocol, alone.farewell, seen], ["", true, ["a"]]);
    assert(alone.lines.includes(`\r\nSec-WebSocket-Protocol: ${FAREWELL_PROTOCOL}\r\n`));
    const chosen = accepted(both, { protocols: ["a"] });
    assertEquals([chosen.protocol, chosen.farewell], ["a", true]);
    assert(chosen.lines.includes("\r\nSec-WebSocket-Protocol: a\r\n"));
  });
});

describe("permessage-deflate", () => {
  const offer: Change = { fields: { "sec-websocket-extensions": "permessage-deflate; client_max_window_bits" } };

  it("is agreed on if both want it", () => {
    const answer = accepted(offer, { compression: { serverNoContextTakeover: true } });
    assertEquals(answer.deflate?.serverNoContextTakeover, true);
    assertEquals(answer.extensions, "permessage-deflate; server_no_context_takeover");
    assert(answer.lines.includes(`\r\nSec-WebSocket-Extensions: ${answer.extensions}\r\n`));
  });

  it("is not spoken of if we don't want it", () => {
    const answer = accepted(offer, {});
    assertEquals([answer.deflate, answer.extensions], [null, ""]);
    assert(!answer.lines.includes("Extensions"));
  });
});

describe("whatever a client sends", () => {
  const names = [
    "upgrade",
    "connection",
    "origin",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
    "sec-websocket-extensions",
    "content-length",
    "transfer-encoding",
  ];
  const piece = fc.oneof(
    fc.constantFrom(
      ...'websocket|upgrade|13|permessage-deflate|; |=|,|\t|"|\\|null|http://|app.example|:80'.split("|"),
    ),
    fc.constantFrom(KEY, FAREWELL_PROTOCOL),
    fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 8 }),
  );
  const value = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
  const fields = fc.dictionary(fc.constantFrom(...names), fc.option(value), { maxKeys: 4 });
  const change = fc.record({
    method: fc.constantFrom("GET", "GET", "POST", ""),
    minor: fc.constantFrom(0, 1, 1, 1),
    host: fc.oneof(fc.constant("app.example"), value),
    fields,
  });
  const options: readonly WebSocketOptions[] = [
    {},
    { protocols: ["websocket", "13"], allowedOrigins: ["http://app.example"], compression: true },
    { protocols: (offered) => offered.at(-1) ?? null, allowedOrigins: "*", headers: { a: "b" } },
  ];

  it("is answered or refused, and an answer has complete lines of ours alone", () => {
    let taken = 0;
    fc.assert(
      fc.property(change, fc.constantFrom(...options), (change, options) => {
        const answer = check(change, options);
        if ("status" in answer) {
          assert([400, 403, 405, 426].includes(answer.status));
          assert(/^[A-Z].*[^.]$/.test(answer.message), answer.message);
          return;
        }
        taken++;
        const lines = answer.lines.split("\r\n");
        assertEquals(lines.pop(), "");
        assert(lines.every((line) => /^(Upgrade|Connection|Sec-WebSocket-[A-Z][a-z]+|a): [\x20-\x7e]+$/.test(line)));
        assertEquals(lines.filter((line) => line.startsWith("Sec-WebSocket-Accept: ")).length, 1);
      }),
      { numRuns: 2000 },
    );
    assert(taken > 50, `${taken} of 2000 were taken`);
  });

  it("reads a list of 16 KiB in no time", () => {
    for (const unit of [",", " ", "a,", " ,\t", "\t\t\t", "a;b=", '"', "http://"]) {
      for (const name of names) {
        const started = worked();
        check({ fields: { [name]: unit.repeat(16_384 / unit.length) } }, options[1]);
        assert(worked() - started < 200, `${name} of ${JSON.stringify(unit)}`);
      }
    }
  });
});
