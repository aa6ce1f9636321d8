/** A drain of clients that never stop talking. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Frame } from "../../src/channels/wire/frames.ts";
import { prefixed } from "../../src/channels/server/outgoing.ts";
import { concat } from "../../src/bytes.ts";
import { type ChannelsWorld, channelsWorld, type Talker, TcpTalker } from "../support/channels_world.ts";

type Wire = "a WebSocket" | "TCP";
const WIRES: readonly Wire[] = ["a WebSocket", "TCP"];

/** Says one after the other, before a drain and until it has ended, and gives whoever said it. */
async function talksThrough(
  w: ChannelsWorld,
  wire: Wire,
  say: (talker: Talker, seq: number) => void,
): Promise<Talker> {
  const [instance] = w.instances;
  const talker = wire === "TCP" ? await w.dialTcp() : await w.dial();
  await talker.hello();
  let seq = 0;
  const talk = async (): Promise<void> => {
    if (talker.closed === null) say(talker, ++seq);
    await w.pass(40);
  };
  for (let i = 0; i < 5; i++) await talk();
  let isOver = false;
  const server = wire === "TCP" ? instance.tcp : instance.http;
  const stopping = server.shutdown().finally(() => isOver = true);
  while (!isOver) await talk();
  const { clean, cut } = await stopping;
  assertEquals([clean, cut], [true, []]);
  return talker;
}

function numbers(talker: Talker, word: string): number[] {
  return talker.of(word).map(([, number]) => number as number);
}

describe("a drain", () => {
  for (const wire of WIRES) {
    it(`ends with a client on ${wire} that always has a call under way, and answers all that it takes`, async () => {
      const onCall = (): Promise<string> => new Promise((resolve) => void w.clock.setTimer(() => resolve("well"), 100));
      await using w = await channelsWorld({}, { onCall });
      let rest = new Uint8Array(0);
      const caller = await talksThrough(w, wire, (caller, seq) => {
        const frame = ["call", seq, ["do", 5000]];
        if (!(caller instanceof TcpTalker)) return caller.say(frame);
        // A part of the next one is always here.
        const bytes = concat([rest, prefixed(JSON.stringify(frame))]);
        rest = bytes.slice(-3);
        caller.conn.write(bytes.subarray(0, -3)).catch(() => {});
      });
      const [answered, refused] = [numbers(caller, "answer"), numbers(caller, "failed")];
      assert(answered.length > 5);
      for (const number of refused) assert(number > Math.max(...answered));
      for (const frame of caller.of("failed")) assertEquals((frame as Frame)[2], "draining");
    });

    it(`ends with a client on ${wire} that always has a message under way, and loses none that it acknowledged`, async () => {
      // It says more than is dealt with, so something is always held.
      const slow = {
        authorize: () => new Promise<boolean>((resolve) => void w.clock.setTimer(() => resolve(true), 100)),
      };
      await using w = await channelsWorld({}, slow);
      const talker = await talksThrough(w, wire, (talker, seq) => talker.say(["pub", seq, "a", seq]));
      const [said, refused] = [numbers(talker, "ok"), numbers(talker, "no")];
      assert(said.length > 5 && refused.length > 0);
      // What was dealt with is the beginning: nothing overtakes what is said again elsewhere.
      assertEquals(said, said.map((_, i) => i + 1));
      assert(Math.min(...refused) > Math.max(...said));
      for (const frame of talker.of("no")) assertEquals((frame as Frame)[2], "draining");
    });
  }
});
