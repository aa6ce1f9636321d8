import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { connect, serve } from "../../mod.ts";
import { Channels } from "../../src/channels/mod.ts";
import type { AcceptOptions } from "../../src/channels/channels_api.ts";
import { prefixed } from "../../src/channels/server/outgoing.ts";
import { CHANNELS_PROTOCOL, decodeFrame, encodeFrame, type Frame } from "../../src/channels/wire/frames.ts";
import { frames } from "../../src/framing/framed.ts";
import { lengthPrefixDecoder } from "../../src/framing/length_prefix.ts";
import { serveHttp } from "../../src/http/mod.ts";
import { connectWebSocket } from "../../src/websocket/mod.ts";
import { leakCheck } from "../support/leaks.ts";
import { within } from "../support/rig.ts";

/** One end of a real connection. */
interface Talker {
  readonly heard: Frame[];
  say(frame: Frame): void;
  /** The n-th frame with that word. */
  next(word: string, count?: number): Promise<Frame>;
  /** Fulfils with its end: the close code, if there is one. */
  readonly ended: Promise<number>;
  cut(): void;
}

const ACCEPT: AcceptOptions = {
  authorize: () => true,
  onMessage: () => {},
  onCall: ({ data }) => data,
};

const WAYS = ["a WebSocket", "TCP"] as const;

/** Servers of both kinds on real sockets. */
async function started() {
  const channels = new Channels({ history: { size: 100_000 } });
  const place = { port: 0, hostname: "127.0.0.1" };
  const http = await serveHttp(place, (request) => channels.accept(request, ACCEPT));
  const tcp = await serve(place, (conn) => channels.acceptConn(conn, ACCEPT));
  const portOf = (server: typeof http | typeof tcp): number => (server.address as { readonly port: number }).port;
  const talk = (way: typeof WAYS[number]): Promise<Talker> =>
    way === "TCP" ? talkTcp(portOf(tcp)) : talkWebSocket(portOf(http));
  return {
    channels,
    talk,
    shutdown: () => Promise.all([http.shutdown(), tcp.shutdown()]),
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all([http.close(), tcp.close()]);
      await channels.close();
    },
  };
}

/** What both kinds of talkers do with what they hear. */
function listener(): Pick<Talker, "heard" | "next"> & { take(frame: Frame): void } {
  const heard: Frame[] = [];
  let wake = (): void => {};
  const next = async (word: string, count = 1): Promise<Frame> => {
    for (;;) {
      const found = heard.filter(([first]) => first === word)[count - 1];
      if (found !== undefined) return found;
      await within(word, new Promise<void>((resolve) => wake = resolve));
    }
  };
  const take = (frame: Frame): void => {
    heard.push(frame);
    wake();
  };
  return { heard, next, take };
}

async function talkWebSocket(port: number): Promise<Talker> {
  const ws = await connectWebSocket(`ws://127.0.0.1:${port}/`, { protocols: [CHANNELS_PROTOCOL] });
  assertEquals(ws.protocol, CHANNELS_PROTOCOL);
  const { heard, next, take } = listener();
  void ws.forEach((message) => take(decodeFrame(message)!)).catch(() => {});
  return {
    heard,
    next,
    say: (frame) => void ws.send(encodeFrame(frame)).catch(() => {}),
    ended: ws.closed.then(({ code }) => code),
    cut: () => ws.abort(),
  };
}

async function talkTcp(port: number): Promise<Talker> {
  const conn = await connect({ port, hostname: "127.0.0.1" });
  const { heard, next, take } = listener();
  let code = 1006;
  const stream = frames(conn, lengthPrefixDecoder({ size: 4, maxLength: 1 << 20 }));
  const reading = stream.forEach((frame) => {
    const body = frame.subarray(1);
    const one = decodeFrame(frame[0] === 0 ? new TextDecoder().decode(body) : body.slice())!;
    if (one[0] === "close") code = one[1] as number;
    else take(one);
  }).catch(() => {});
  void reading.then(() => conn.close());
  return {
    heard,
    next,
    say: (frame) => void conn.write(prefixed(encodeFrame(frame))).catch(() => {}),
    ended: conn.closed.then(() => code),
    cut: () => conn.abort(),
  };
}

function positionOf(talker: Talker, channel: string): string {
  const [, , , grant] = talker.heard.find(([word, , name]) => word === "subbed" && name === channel)!;
  const [, , offset] = talker.heard.findLast(([word, name]) => word === "m" && name === channel)!;
  return `${offset}.${grant}`;
}

for (const way of WAYS) {
  describe(`channels over real sockets, on ${way}`, () => {
    const leaks = leakCheck();
    before(leaks.before);
    after(leaks.after);

    it("a whole conversation, and another where the first was cut off", async () => {
      await using server = await started();
      const { channels } = server;
      const talker = await server.talk(way);
      talker.say(["hello", 1, null, null, [["a", null, { member: "x" }]]]);
      const [, ticket, , user] = await talker.next("welcome");
      await talker.next("members");
      talker.say(["pub", 1, "a", Uint8Array.of(1, 2), { h: "1" }]);
      talker.say(["msg", 2, null, "x"]);
      talker.say(["call", 1, ["m", 1000], { x: 1 }]);
      await talker.next("ok", 2);
      assertEquals((await talker.next("answer"))[3], { x: 1 });
      const [, , , data, headers] = await talker.next("m");
      assertEquals([data, headers], [Uint8Array.of(1, 2), { h: "1" }]);
      const sent = channels.sendTo(user as string, "d", { ack: true });
      const [, id] = await talker.next("d");
      talker.say(["ack", [id]]);
      await within("the acknowledgement", sent);
      const position = positionOf(talker, "a");
      talker.cut();
      await talker.ended;
      for (let i = 1; i <= 1000; i++) await channels.publish("a", `${i} ${"x".repeat(500)}`);
      const again = await server.talk(way);
      again.say(["hello", 1, null, ticket, [["a", { a: position }]]]);
      assertEquals((await again.next("welcome"))[2], true);
      await again.next("live");
      const offsets = again.heard.filter(([word]) => word === "m" || word === "p").map(([, , offset]) =>
        offset as number
      );
      assert(offsets.length >= 1000 && offsets.every((offset, i) => i === 0 || offset === offsets[i - 1] + 1));
      assertEquals([again.heard.filter(([word]) => word === "d" || word === "gap")], [[]]);
      again.cut();
      await again.ended;
    });

    it("what is no frame ends the connection with words, a drain with a goodbye", async () => {
      await using server = await started();
      const wrong = await server.talk(way);
      wrong.say(["hallo"]);
      assertEquals([await wrong.ended, wrong.heard[0][1]], [4400, "bad-frame"]);
      const talker = await server.talk(way);
      talker.say(["hello", 1, null, null, [["a"]]]);
      await talker.next("live");
      await server.channels.publish("a", 1);
      const reports = await server.shutdown();
      assertEquals(reports.map(({ clean }) => clean), [true, true]);
      await talker.ended;
      assertEquals(talker.heard.at(-1), ["bye", { a: 1 }]);
    });

    it("many clients have each message once, in order, while they come back again and again", async () => {
      await using server = await started();
      const { channels } = server;
      let isWanted = true;
      const publishing = (async () => {
        for (let i = 1; isWanted; i++) {
          await channels.publish("a", i);
          if (i % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        }
      })();
      const follow = async (every: number): Promise<number[]> => {
        const all: number[] = [];
        let position: string | null = null;
        let ticket: string | null = null;
        for (let connections = 0; connections < 10; connections++) {
          const talker: Talker = await server.talk(way);
          const wish = ["a", position === null ? null : { a: position }, { since: "oldest" }];
          talker.say(["hello", 1, null, ticket, [wish]]);
          ticket = (await talker.next("welcome"))[1] as string;
          await talker.next("m", every);
          talker.cut();
          await talker.ended;
          all.push(...talker.heard.filter(([word]) => word === "m").map(([, , offset]) => offset as number));
          position = positionOf(talker, "a");
        }
        return all;
      };
      const followers = await Promise.all([7, 40, 150].map(follow));
      isWanted = false;
      await publishing;
      for (const offsets of followers) assertEquals(offsets, offsets.map((_, i) => i + 1));
    });
  });
}
