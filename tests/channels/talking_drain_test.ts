/** A drain of clients that never stop talking. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Frame } from "../../src/channels/wire/frames.ts";
import { prefixed } from "../../src/channels/server/outgoing.ts";
import { concat } from "../../src/bytes.ts";
import { channelsWorld, TcpTalker } from "../support/channels_world.ts";

describe("a drain", () => {
  for (const wire of ["a WebSocket", "TCP"] as const) {
    it(`ends with a client on ${wire} that always has a call under way, and answers all that it takes`, async () => {
      const onCall = (): Promise<string> => new Promise((resolve) => void w.clock.setTimer(() => resolve("well"), 100));
      await using w = await channelsWorld({}, { onCall });
      const [instance] = w.instances;
      const caller = wire === "TCP" ? await w.dialTcp() : await w.dial();
      await caller.hello();
      let seq = 0;
      let rest = new Uint8Array(0);
      const call = async (): Promise<void> => {
        const frame = ["call", ++seq, ["do", 5000]];
        if (caller instanceof TcpTalker) {
          // A part of the next one is always here.
          const bytes = concat([rest, prefixed(JSON.stringify(frame))]);
          rest = bytes.slice(-3);
          caller.conn.write(bytes.subarray(0, -3)).catch(() => {});
        } else if (caller.closed === null) caller.say(frame);
        await w.pass(40);
      };
      for (let i = 0; i < 5; i++) await call();
      let isOver = false;
      const server = wire === "TCP" ? instance.tcp : instance.http;
      const stopping = server.shutdown().finally(() => isOver = true);
      while (!isOver) await call();
      const { clean, cut } = await stopping;
      assertEquals([clean, cut], [true, []]);
      const numbers = (word: string): number[] => caller.of(word).map(([, number]) => number as number);
      const [answered, refused] = [numbers("answer"), numbers("failed")];
      assert(answered.length > 5);
      for (const number of refused) assert(number > Math.max(...answered));
      for (const frame of caller.of("failed")) assertEquals((frame as Frame)[2], "draining");
    });
  }

  for (const wire of ["a WebSocket", "TCP"] as const) {
    it(`ends with a client on ${wire} that always has a message under way, and loses none that it acknowledged`, async () => {
      // It says more than is dealt with, so something is always held.
      const slow = {
        authorize: () => new Promise<boolean>((resolve) => void w.clock.setTimer(() => resolve(true), 100)),
      };
      await using w = await channelsWorld({}, slow);
      const [instance] = w.instances;
      const talker = wire === "TCP" ? await w.dialTcp() : await w.dial();
      await talker.hello();
      let seq = 0;
      const talk = async (): Promise<void> => {
        if (talker.closed === null) talker.say(["pub", ++seq, "a", seq]);
        await w.pass(40);
      };
      for (let i = 0; i < 5; i++) await talk();
      let isOver = false;
      const server = wire === "TCP" ? instance.tcp : instance.http;
      const stopping = server.shutdown().finally(() => isOver = true);
      while (!isOver) await talk();
      const { clean, cut } = await stopping;
      assertEquals([clean, cut], [true, []]);
      const numbers = (word: string): number[] => talker.of(word).map(([, number]) => number as number);
      const [said, refused] = [numbers("ok"), numbers("no")];
      assert(said.length > 5 && refused.length > 0);
      // What was dealt with is the beginning: nothing overtakes what is said again elsewhere.
      assertEquals(said, said.map((_, i) => i + 1));
      assert(Math.min(...refused) > Math.max(...said));
      for (const frame of talker.of("no")) assertEquals((frame as Frame)[2], "draining");
    });
  }
});
