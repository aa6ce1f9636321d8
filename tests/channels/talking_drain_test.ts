/** A drain of clients that never stop talking. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Frame } from "../../src/channels/wire/frames.ts";
import { channelsWorld } from "../support/channels_world.ts";

describe("a drain", () => {
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
