/** What channels count. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { ChannelError } from "../../src/channels/mod.ts";
import { Metrics } from "../../src/metrics/mod.ts";
import { ChannelsWorld, channelsWorld } from "../support/channels_world.ts";
import { SharedLog } from "../support/shared_log.ts";

const BY_TOKEN = { authenticate: ({ token }: { token: string | null }) => token === null ? null : { user: token } };

describe("channels.stats", () => {
  it("counts who comes, is resumed, is refused, and how sessions end", async () => {
    await using w = await channelsWorld({ session: { expiry: 1000 } }, BY_TOKEN);
    const ada = await w.client({ token: "ada" });
    const refused = await w.dial();
    refused.say(["hello", 1, null, null, []]);
    await refused.ended();
    assertEquals(w.channels.stats.sessions, { connected: 1, away: 0 });
    ada.cut();
    await w.pass(10);
    assertEquals(w.channels.stats.sessions, { connected: 0, away: 1 });
    const again = await w.client({ token: "ada", ticket: ada.ticket });
    assertEquals(w.channels.stats.connects, { new: 1, resumed: 1, refused: 1 });
    const bob = await w.client({ token: "bob" });
    await w.soon(w.channels.revoke({ user: "bob" }));
    await bob.ended();
    again.cut();
    await w.pass(2000);
    assertEquals(w.channels.stats.ended, { expired: 1, revoked: 1, moved: 0 });
    assertEquals(w.channels.stats.sessions, { connected: 0, away: 0 });
  });

  it("counts publishes, and what subscribers are given, live or from the log", async () => {
    await using w = await channelsWorld();
    await w.channels.publish("a", 1, { id: "one" });
    await w.channels.publish("a", 1, { id: "one" });
    await w.channels.publish("a", 2);
    const client = await w.client({ subs: [["a", null, { since: "oldest" }]] });
    await client.next("live");
    await w.channels.publish("a", 3);
    await client.next("m", 3);
    const { published, delivered, subscriptions, gaps, lag } = w.channels.stats;
    assertEquals(published, { new: 3, duplicate: 1, failed: 0 });
    assertEquals(delivered, { live: 1, log: 2 });
    assertEquals([subscriptions, lag], [{ opening: 0, behind: 0, live: 1 }, 0]);
    assertEquals(Object.values(gaps), [0, 0, 0, 0, 0]);
    client.cut();
    await w.pass(10);
    assertEquals(w.channels.stats.subscriptions, { opening: 0, behind: 0, live: 0 });
  });

  it("counts recoveries, whole ones and those with a gap, and gaps by reason", async () => {
    await using w = await channelsWorld({ history: { size: 3 } });
    const first = await w.client({ subs: [["a"]] });
    await w.channels.publish("a", 1);
    await first.next("m");
    const position = first.position("a");
    first.cut();
    await w.channels.publish("a", 2);
    const second = await w.client({ subs: [["a", { a: position }]] });
    await second.next("live");
    assertEquals(w.channels.stats.recoveries, { whole: 1, gapped: 0 });
    // With its last subscriber go the frames that are at hand.
    second.cut();
    await w.pass(10);
    for (let i = 3; i < 10; i++) await w.channels.publish("a", i);
    const third = await w.client({ subs: [["a", { a: position }]] });
    await third.next("live");
    const { recoveries, gaps } = w.channels.stats;
    assertEquals([recoveries, gaps.trimmed, gaps.epoch], [{ whole: 1, gapped: 1 }, 1, 0]);
  });

  it("counts subscribers that are too slow, and how far behind the furthest is", async () => {
    await using w = await channelsWorld();
    const client = await w.client({ subs: [["a"]] });
    await client.next("live");
    client.socket.stall(true);
    for (let i = 0; i < 100; i++) await w.channels.publish("a", "x".repeat(16_000));
    await w.quiet();
    const { slow, lag, subscriptions } = w.channels.stats;
    assertEquals([slow, subscriptions.behind], [1, 1]);
    assertGreater(lag, 10);
    client.socket.stall(false);
    await w.within(5000, () => client.of("m").length >= 100);
    await client.next("live", 2);
    const after = w.channels.stats;
    assertEquals([after.lag, after.subscriptions, after.delivered.live + after.delivered.log], [
      0,
      { opening: 0, behind: 0, live: 1 },
      100,
    ]);
  });

  it("counts what becomes of direct messages", async () => {
    await using w = await channelsWorld({ queue: { attempts: 2 } }, BY_TOKEN);
    await w.channels.sendTo("ada", "a");
    await w.channels.sendTo("ada", "b", { id: "b" });
    await w.channels.sendTo("ada", "b", { id: "b" });
    const ada = await w.client({ token: "ada" });
    await ada.next("d", 2);
    assertEquals([w.channels.stats.direct.sent, w.channels.stats.unacknowledged], [2, 2]);
    const idOf = (data: string): string => ada.of("d").findLast((frame) => frame[3] === data)![1] as string;
    ada.say(["ack", [idOf("a")]]);
    ada.say(["nack", idOf("b"), 10]);
    await w.pass(20);
    await ada.next("d", 3);
    ada.say(["nack", idOf("b"), 10]);
    await w.pass(50);
    const { direct, unacknowledged, failures } = w.channels.stats;
    assertEquals(direct, { sent: 2, delivered: 2, redelivered: 1, acknowledged: 1, refused: 2, dead: 1 });
    assertEquals([unacknowledged, failures], [0, 1]);
  });

  it("counts messages and calls of clients, and how they fare", async () => {
    await using w = await channelsWorld({}, {
      ...BY_TOKEN,
      onMessage: ({ data }) => {
        if (data === "bad") throw new Error("boom");
        if (data === "no") throw new ChannelError("forbidden", "No");
      },
      onCall: ({ method }) => {
        if (method === "bad") throw new Error("boom");
        return method;
      },
    });
    const ada = await w.client({ token: "ada" });
    for (const [i, data] of ["good", "bad", "no"].entries()) ada.say(["msg", i + 1, null, data]);
    for (const [i, method] of ["good", "bad"].entries()) ada.say(["call", i + 1, [method, 0], null]);
    await ada.next("no", 2);
    await ada.next("failed");
    const { received, calls } = w.channels.stats;
    assertEquals(received, { handled: 1, refused: 1, failed: 1 });
    assertEquals(calls, { answered: 1, refused: 0, failed: 1 });
  });

  it("counts what the log does not take", async () => {
    await using w = new ChannelsWorld();
    const log = new SharedLog(w.clock);
    const end = log.open();
    await w.start({ log: end });
    end.append = () => Promise.reject(new Error("the disk is full"));
    await assertRejects(() => w.channels.publish("a", 1), ChannelError);
    assertEquals(w.channels.stats.published, { new: 0, duplicate: 0, failed: 1 });
  });

  it("are told as metrics", async () => {
    await using w = await channelsWorld();
    const metrics = new Metrics({ channels: { main: w.channels } });
    await w.channels.publish("a", 1);
    const text = await metrics.text();
    assert(text.includes('sluice_channels_published_messages_total{outcome="new",sluice_channels="main"} 1\n'));
    assert(text.includes('sluice_channels_gaps_total{reason="trimmed",sluice_channels="main"} 0\n'));
    metrics.close();
  });
});
