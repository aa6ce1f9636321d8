import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { OptionError } from "../../mod.ts";
import { ChannelError, type ChannelGap, type ChannelMessage, type ChannelReader } from "../../src/channels/mod.ts";
import { ChannelsWorld, channelsWorld } from "../support/channels_world.ts";
import { SharedLog } from "../support/shared_log.ts";

/** Takes what comes, until it ends. */
function taking(reader: ChannelReader): { readonly data: unknown[]; readonly whole: ChannelMessage[]; state: string } {
  const taken = { data: [] as unknown[], whole: [] as ChannelMessage[], state: "open" };
  void (async () => {
    try {
      for await (const message of reader) {
        taken.data.push(message.data);
        taken.whole.push(message);
      }
      taken.state = "ended";
    } catch (error) {
      taken.state = (error as Error).message;
    }
  })();
  return taken;
}

describe("a subscription on the server", () => {
  it("gets what is published from then on, each once, with its place", async () => {
    await using w = await channelsWorld();
    await w.channels.publish("a", "before");
    const reader = w.channels.subscribe("a");
    await reader.opened;
    const taken = taking(reader);
    const first = await w.channels.publish("a", { x: 1 }, { headers: { h: "1" } });
    await w.channels.publish("a", Uint8Array.of(1));
    await w.until(() => taken.data.length === 2);
    const [{ time: _, ...message }] = taken.whole;
    const { epoch, offset } = first;
    assertEquals(message, { channel: "a", epoch, offset, data: { x: 1 }, headers: { h: "1" } });
    taken.data[1] = (taken.data[1] as Uint8Array).fill(9);
    const late = taking(w.channels.subscribe("a", { since: "oldest" }));
    await w.until(() => late.data.length === 3);
    assertEquals(late.data, ["before", { x: 1 }, Uint8Array.of(1)]);
    const behind = taking(w.channels.subscribe("a", { since: first }));
    await w.until(() => behind.data.length === 1);
    await reader.return();
    await w.until(() => taken.state !== "open");
    assertEquals(taken.state, "ended");
  });

  it("gives each message to one of several who ask at a time, and lets them all go at its end", async () => {
    await using w = await channelsWorld();
    const reader = w.channels.subscribe("a", { since: "oldest" });
    const asked = [reader.next(), reader.next(), reader.next(), reader.next()];
    for (let i = 1; i <= 2; i++) await w.channels.publish("a", i);
    assertEquals((await w.soon(Promise.all(asked.slice(0, 2)))).map(({ value }) => value.data), [1, 2]);
    await w.channels.publish("a", 3);
    assertEquals((await w.soon(asked[2])).value.data, 3);
    await w.quiet();
    await reader.return();
    assertEquals((await w.soon(Promise.all([asked[3], reader.next()]))).map(({ done }) => done), [true, true]);
  });

  it("a slow loop misses nothing, or is told of a gap", async () => {
    await using w = await channelsWorld({ history: { size: 5 } });
    const gaps: ChannelGap[] = [];
    const reader = w.channels.subscribe("a", { onGap: (gap) => gaps.push(gap) });
    await reader.opened;
    for (let i = 1; i <= 12; i++) await w.channels.publish("a", i);
    const taken = taking(reader);
    await w.until(() => taken.data.length === 5);
    assertEquals([taken.data, gaps.map(({ reason, offset }) => [reason, offset])], [[8, 9, 10, 11, 12], [[
      "trimmed",
      7,
    ]]]);
    const strict = w.channels.subscribe("a", { since: { epoch: gaps[0].epoch, offset: 1 } });
    const error = await assertRejects(() => strict.next(), ChannelError);
    assertEquals(error.reason, "unavailable");
    const other = w.channels.subscribe("a", { since: { epoch: "other", offset: 1 }, onGap: (gap) => gaps.push(gap) });
    assertEquals((await other.next()).value.data, 8);
    assertEquals(gaps.slice(1).map(({ reason }) => reason), ["epoch", "trimmed"]);
  });

  it("ends with its signal, though that has ended before", async () => {
    await using w = await channelsWorld();
    const controller = new AbortController();
    const taken = taking(w.channels.subscribe("a", { signal: controller.signal }));
    await w.quiet();
    controller.abort();
    await w.until(() => taken.state !== "open");
    const late = taking(w.channels.subscribe("a", { signal: AbortSignal.abort() }));
    await w.until(() => late.state !== "open");
    assertEquals([taken.state, late.state], ["ended", "ended"]);
  });

  it("of a shared log gets what it has lost notices of", async () => {
    await using w = new ChannelsWorld();
    const log = new SharedLog(w.clock);
    const end = log.open({ notice: () => "lost" });
    await w.start({ log: end });
    const other = await w.start({ log: log.open() });
    const taken = taking(w.channels.subscribe("a"));
    await w.quiet();
    await other.channels.publish("a", 1);
    await w.within(1500, () => taken.data.length === 1);
  });

  it("refuses at once what can't be subscribed", async () => {
    await using w = await channelsWorld();
    for (const options of [{ since: "newest" }, { since: {} }, { sinse: 1 }, { onGap: 1 }]) {
      assertThrows(() => w.channels.subscribe("a", options as never), OptionError);
    }
    assertThrows(() => w.channels.subscribe("a*"), OptionError);
  });
});
