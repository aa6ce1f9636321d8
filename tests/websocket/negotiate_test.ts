import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseExtensions } from "../../src/websocket/deflate/extensions.ts";
import { acceptOffers, checkAnswer, makeOffer } from "../../src/websocket/deflate/mod.ts";
import type { CompressionOptions } from "../../src/websocket/websocket_api.ts";
import { ANSWER_CASES, BAD_PARAMS, DEFAULTS, MALFORMED, OFFER_CASES, PLAIN } from "../fixtures/websocket_extensions.ts";
import { worked } from "../support/lag.ts";

describe("a server takes an offer of permessage-deflate", () => {
  for (const { name, field, options, answer, params } of OFFER_CASES) {
    it(name, () => {
      const agreed = acceptOffers(field, { ...DEFAULTS, ...options });
      assertEquals(agreed, answer === null ? null : { answer, params: { ...PLAIN, ...params } });
    });
  }

  it("takes none without compression, and still refuses what is malformed", () => {
    assertEquals(acceptOffers("permessage-deflate", null), null);
    assertEquals(typeof acceptOffers(";", null), "string");
  });

  for (const bad of BAD_PARAMS) {
    it(`passes over an offer with ${bad}, and takes the next`, () => {
      const offer = `permessage-deflate; ${bad}`;
      assertEquals(acceptOffers(offer, DEFAULTS), null);
      assertEquals(acceptOffers(`${offer}, permessage-deflate`, DEFAULTS), {
        params: PLAIN,
        answer: "permessage-deflate",
      });
    });
  }
});

describe("a client checks the answer to its offer", () => {
  for (const { name, field, options, result } of ANSWER_CASES) {
    it(name, () => {
      const checked = checkAnswer(field, options === null ? null : { ...DEFAULTS, ...options });
      if (typeof result !== "string") return assertEquals(checked, result && { ...PLAIN, ...result });
      assert(typeof checked === "string" && checked.includes(result), String(checked));
    });
  }

  for (const bad of BAD_PARAMS) {
    it(`refuses an answer with ${bad}`, () => {
      assertEquals(typeof checkAnswer(`permessage-deflate; ${bad}`, DEFAULTS), "string");
    });
  }

  it("offers what its options say", () => {
    assertEquals(makeOffer(DEFAULTS), "permessage-deflate; client_max_window_bits");
    const all = { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 10 };
    assertEquals(
      makeOffer({ ...DEFAULTS, ...all, clientMaxWindowBits: 9 }),
      "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; " +
        "client_max_window_bits=9",
    );
  });
});

describe("the field Sec-WebSocket-Extensions", () => {
  for (const field of MALFORMED) {
    it(`is malformed as ${JSON.stringify(field)}`, () => {
      assertEquals(parseExtensions(field), null);
      for (const problem of [acceptOffers(field, DEFAULTS), checkAnswer(field, DEFAULTS)]) {
        assert(typeof problem === "string" && problem.includes("malformed"), String(problem));
      }
    });
  }

  it("keeps names and values as they are", () => {
    assertEquals(parseExtensions('a;b=c;B="\\d\\\\"'), null);
    assertEquals(parseExtensions('a;b=c;B="\\d~";b, a'), [
      { name: "a", params: [["b", "c"], ["B", "d~"], ["b", null]] },
      { name: "a", params: [] },
    ]);
  });

  it("is read in a time that its length bounds", () => {
    const n = 200_000;
    const hostile = [
      "a".repeat(n),
      ",".repeat(n),
      " ".repeat(n),
      "a,".repeat(n),
      "a;".repeat(n),
      "permessage-deflate;server_max_window_bits=8,".repeat(n / 40),
      `permessage-deflate${";server_max_window_bits=9".repeat(n / 25)}`,
      `a;b="${"\\".repeat(n)}`,
      `a;b="${"\\c".repeat(n)}"`,
      `a;b="${"c".repeat(n)}`,
      `a${" ".repeat(n)}b`,
      `a;b${" ".repeat(n)}`,
      'a;b="c'.repeat(n / 6),
    ];
    for (const field of hostile) {
      const began = worked();
      acceptOffers(field, DEFAULTS);
      checkAnswer(field, DEFAULTS);
      assert(worked() - began < 1000, `${field.slice(0, 40)} took ${worked() - began} ms`);
    }
  });

  it("never makes either side throw", () => {
    const piece = fc.constantFrom(..."permessage-deflate", ",", ";", "=", '"', "\\", " ", "\t", "8", "15", "a", "\0");
    const names = fc.constantFrom(...BAD_PARAMS, "permessage-deflate", "client_max_window_bits", ", ", "; ", "=10");
    const field = fc.array(fc.oneof(piece, names), { maxLength: 20 }).map((pieces) => pieces.join(""));
    fc.assert(
      fc.property(fc.oneof(field, fc.string()), (text) => {
        acceptOffers(text, DEFAULTS);
        checkAnswer(text, DEFAULTS);
      }),
      { numRuns: 2000 },
    );
  });
});

const bits = fc.integer({ min: 9, max: 15 });
const options: fc.Arbitrary<Required<CompressionOptions>> = fc.record({
  serverNoContextTakeover: fc.boolean(),
  clientNoContextTakeover: fc.boolean(),
  serverMaxWindowBits: bits,
  clientMaxWindowBits: bits,
}).map((some) => ({ ...DEFAULTS, ...some }));

describe("our client and our server", () => {
  it("agree on the same, within what both allow, whatever their options are", () => {
    fc.assert(fc.property(options, options, (client, server) => {
      const agreed = acceptOffers(makeOffer(client), server);
      assert(agreed !== null && typeof agreed !== "string");
      const { params } = agreed;
      assertEquals(checkAnswer(agreed.answer, client), params);
      for (const side of [client, server]) {
        assert(params.serverMaxWindowBits <= side.serverMaxWindowBits);
        assert(params.clientMaxWindowBits <= side.clientMaxWindowBits);
        assert(params.serverNoContextTakeover || !side.serverNoContextTakeover);
        assert(params.clientNoContextTakeover || !side.clientNoContextTakeover);
      }
    }));
  });
});
