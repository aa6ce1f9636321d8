import { before, describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { UnsupportedError } from "../../src/errors.ts";
import { defaultAdapter } from "../../src/runtime.ts";
import {
  acceptOffers,
  canCompress,
  checkAnswer,
  type Compressors,
  type DeflateParams,
  makeOffer,
  PerMessageDeflate,
} from "../../src/websocket/deflate/mod.ts";
import { WebSocketError } from "../../src/websocket/websocket_errors.ts";
import { FLUSHED, noise, records, referenceInflate, referencePayloads, unhex } from "../fixtures/deflate_messages.ts";
import { DEFAULTS, PLAIN } from "../fixtures/websocket_extensions.ts";
import { bytes, concat, firstDifference } from "../support/rig.ts";
import { WsEnd } from "../support/ws_deflate.ts";
import { worked } from "../support/lag.ts";

const FORGETFUL: DeflateParams = { ...PLAIN, serverNoContextTakeover: true, clientNoContextTakeover: true };
const LIMIT = 1 << 20;

let adapter: Compressors;
before(async () => void (adapter = await defaultAdapter()));

type Role = "server" | "client";

function end(role: Role, params: DeflateParams = PLAIN): PerMessageDeflate {
  return new PerMessageDeflate(adapter, role, params, DEFAULTS);
}

function assertBytes(actual: Uint8Array, expected: Uint8Array): void {
  assertEquals(firstDifference(actual, expected), -1);
}

const bits = fc.integer({ min: 9, max: 15 });
const params: fc.Arbitrary<DeflateParams> = fc.record({
  serverNoContextTakeover: fc.boolean(),
  clientNoContextTakeover: fc.boolean(),
  serverMaxWindowBits: bits,
  clientMaxWindowBits: bits,
});
const message = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.tuple(fc.constantFrom(1, 600, 5000, 40_000, 70_000), fc.nat(20)).map(([length, seed]) => records(length, seed)),
  fc.tuple(fc.constantFrom(500, 33_000), fc.nat(3)).map(([length, seed]) => noise(length, seed)),
);
const messages = fc.array(message, { minLength: 1, maxLength: 5 });

describe("permessage-deflate: what was compressed is what arrives", () => {
  it("between our server and our client, both ways, with all parameters", () => {
    const sent = fc.array(fc.tuple(fc.boolean(), message), { maxLength: 8 });
    fc.assert(
      fc.property(params, sent, (params, sent) => {
        const [server, client] = [end("server", params), end("client", params)];
        for (const [fromServer, message] of sent) {
          const [from, to] = fromServer ? [server, client] : [client, server];
          assertBytes(to.inflate(from.compress(message), message.length), message);
        }
        server.close();
        client.close();
      }),
      { numRuns: 100 },
    );
  });

  for (const role of ["server", "client"] as const) {
    it(`from our ${role} to zlib and back, with all parameters`, async () => {
      await fc.assert(
        fc.asyncProperty(params, messages, async (params, messages) => {
          const [ours, theirs] = sidesOf(role, params);
          const here = end(role, params);
          const payloads = messages.map((message) => here.compress(message));
          const streams = ours.forgets ? payloads.map((payload) => [payload]) : [payloads];
          const read = streams.map((payloads) => referenceInflate(payloads, ours.windowBits));
          assertBytes(concat(read), concat(messages));
          const arriving = theirs.forgets ? messages.map((message) => [message]) : [messages];
          for (const run of arriving) {
            const payloads = await referencePayloads(run, theirs.windowBits);
            payloads.forEach((payload, i) => assertBytes(here.inflate(payload, run[i].length), run[i]));
          }
          here.close();
        }),
        { numRuns: 50 },
      );
    });
  }

  const some = fc.record({
    serverNoContextTakeover: fc.constantFrom(true, undefined),
    clientNoContextTakeover: fc.constantFrom(true, undefined),
    serverMaxWindowBits: fc.option(bits, { nil: undefined }),
    clientMaxWindowBits: fc.option(bits, { nil: undefined }),
  });

  for (const role of ["server", "client"] as const) {
    it(`between our ${role} and ws, from the offer on`, async () => {
      let agreed = 0;
      await fc.assert(
        fc.asyncProperty(some, some, messages, async (ours, theirs, messages) => {
          const ws = new WsEnd({ isServer: role === "client", ...theirs });
          const params = role === "server" ? acceptFrom(ws, ours) : offerTo(ws, ours);
          if (params === null) return;
          agreed++;
          const here = end(role, params);
          for (const message of messages) {
            assertBytes(await ws.inflate(here.compress(message)), message);
            assertBytes(here.inflate(await ws.compress(message), message.length), message);
          }
          here.close();
          ws.close();
        }),
        { numRuns: 50 },
      );
      assert(agreed > 10, `${agreed}`);
    });
  }
});

type Wishes = Partial<{ [K in keyof DeflateParams]: DeflateParams[K] | undefined }>;

/** Without what is undefined, which would hide a default. */
function withDefaults(wishes: Wishes): typeof DEFAULTS {
  return { ...DEFAULTS, ...Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== undefined)) };
}

function acceptFrom(ws: WsEnd, ours: Wishes): DeflateParams | null {
  const agreed = acceptOffers(ws.offer(), withDefaults(ours));
  assert(agreed !== null && typeof agreed !== "string", String(agreed));
  assert(ws.accept(agreed.answer) !== null, agreed.answer);
  return agreed.params;
}

function offerTo(ws: WsEnd, ours: Wishes): DeflateParams | null {
  const options = withDefaults(ours);
  const answer = ws.accept(makeOffer(options));
  if (answer === null) return null;
  const params = checkAnswer(answer, options);
  assert(params !== null && typeof params !== "string", `${answer}: ${params}`);
  return params;
}

function sidesOf(role: Role, params: DeflateParams): readonly { forgets: boolean; windowBits: number }[] {
  const server = { forgets: params.serverNoContextTakeover, windowBits: params.serverMaxWindowBits };
  const client = { forgets: params.clientNoContextTakeover, windowBits: params.clientMaxWindowBits };
  return role === "server" ? [server, client] : [client, server];
}

describe("permessage-deflate: context takeover", () => {
  const text = noise(1000, 1);

  it("lets a message refer to those before, where it was agreed on", () => {
    for (const role of ["server", "client"] as const) {
      const here = end(role);
      here.compress(text);
      assert(here.compress(text).length < 100);
      const forgetful = end(role, FORGETFUL);
      assertBytes(forgetful.compress(text), forgetful.compress(text));
      here.close();
    }
  });

  it("is forgotten by forget(): the next message stands alone, those after it don't", () => {
    const server = end("server");
    server.compress(text);
    server.forget();
    const [next, after] = [server.compress(text), server.compress(text)];
    assertBytes(referenceInflate([next], 15), text);
    assert(next.length > 1000 && after.length < 100);
    server.close();
  });

  it("is not needed of a peer that forgets", () => {
    const server = end("server", FORGETFUL);
    const client = end("client");
    server.inflate(client.compress(text), 1000);
    assertThrows(() => server.inflate(client.compress(text), 1000), WebSocketError);
    client.close();
  });
});

describe("permessage-deflate: limits and errors", () => {
  const hello = unhex("f2 48 cd c9 c9 07 00");

  function closeCode(payload: Uint8Array, limit: number): number {
    const server = end("server");
    const error = assertThrows(() => server.inflate(payload, limit), WebSocketError);
    assert(error.cause instanceof Error);
    return error.closeCode;
  }

  it("a message over the limit is 1009, one at the limit passes", () => {
    assertEquals(closeCode(hello, 4), 1009);
    assertBytes(end("server").inflate(hello, 5), bytes("Hello"));
  });

  it("a bomb is 1009", () => {
    const client = end("client");
    const zeros = new Uint8Array(LIMIT);
    const [first, again] = [client.compress(zeros), client.compress(zeros)];
    const bomb = concat([first, FLUSHED, ...Array.from({ length: 1000 }, () => [again, FLUSHED]).flat()]);
    const began = worked();
    assertEquals(closeCode(bomb, LIMIT), 1009);
    assert(worked() - began < 500);
    client.close();
  });

  it("bytes that are not deflate are 1007", () => {
    assertEquals(closeCode(unhex("07"), 1000), 1007);
    assertEquals(closeCode(unhex("f2 00 11 00 00"), 1000), 1007);
  });

  it("a client's window of 8 is read", () => {
    const server = end("server", { ...PLAIN, clientMaxWindowBits: 8 });
    assertBytes(server.inflate(hello, 5), bytes("Hello"));
    assertBytes(server.inflate(unhex("f2 00 11 00 00"), 5), bytes("Hello"));
    server.close();
  });
});

describe("permessage-deflate: what it takes of the adapter", () => {
  /** Compressors that do nothing but tell what they are asked for. */
  function witness(): { readonly log: string[]; readonly adapter: Compressors } {
    const log: string[] = [];
    const told = (name: string) => ({
      push: (data: Uint8Array) => data,
      reset: () => void log.push(`${name} reset`),
      close: () => void log.push(`${name} close`),
    });
    const deflater: Compressors["deflater"] = ({ windowBits, level, memLevel }) => {
      log.push(`deflater ${windowBits} ${level} ${memLevel}`);
      return told("out");
    };
    const inflater: Compressors["inflater"] = ({ windowBits }) => {
      log.push(`inflater ${windowBits}`);
      return told("in");
    };
    return { log, adapter: { deflater, inflater } };
  }

  const uneven: DeflateParams = { ...PLAIN, serverMaxWindowBits: 12, clientMaxWindowBits: 8 };
  const options = { ...DEFAULTS, threshold: 77, level: 3, memLevel: 4 };

  it("each role gets the window of its side", () => {
    for (const [role, window, expected] of [["server", 12, "12 3 4"], ["client", 9, "9 3 4"]] as const) {
      const { log, adapter } = witness();
      const { windowBits, threshold } = new PerMessageDeflate(adapter, role, uneven, options);
      assertEquals(log, [`deflater ${expected}`, `inflater ${role === "server" ? 9 : 12}`]);
      assertEquals([windowBits, threshold], [window, 77]);
    }
  });

  it("a side without takeover resets after each message, and only that", () => {
    for (const role of ["server", "client"] as const) {
      for (const forgets of ["serverNoContextTakeover", "clientNoContextTakeover"] as const) {
        const { log, adapter } = witness();
        const here = new PerMessageDeflate(adapter, role, { ...PLAIN, [forgets]: true }, options);
        log.length = 0;
        here.compress(bytes("a"));
        here.inflate(bytes("a"), 9);
        assertEquals(log, [forgets.startsWith(role) ? "out reset" : "in reset"]);
      }
    }
  });

  it("close() gives both back, and what fails is given back at once", () => {
    const { log, adapter } = witness();
    new PerMessageDeflate(adapter, "server", PLAIN, options).close();
    assertEquals(log.slice(2), ["out close", "in close"]);
    const inflater: Compressors["inflater"] = (options) => ({
      ...adapter.inflater!(options),
      push: () => {
        throw new RangeError("too long");
      },
    });
    const failing = new PerMessageDeflate({ ...adapter, inflater }, "server", PLAIN, options);
    log.length = 0;
    assertThrows(() => failing.inflate(bytes("a"), 9), WebSocketError);
    assertEquals(log, ["in close"]);
  });

  it("an adapter without compressors can't compress", () => {
    assertEquals([canCompress({}), canCompress(witness().adapter)], [false, true]);
    assertThrows(() => new PerMessageDeflate({}, "server", PLAIN, DEFAULTS), UnsupportedError);
  });
});
