import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { AcceptOptions, ChannelsOptions } from "../../src/channels/channels_api.ts";
import { ChannelsWorld } from "../support/channels_world.ts";
import { SharedLog } from "../support/shared_log.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const BY_TOKEN: AcceptOptions = { authenticate: ({ token }) => ({ user: token ?? "nobody" }) };

/** Beats are so far apart that days pass quickly. */
const SLOW: ChannelsOptions = { lease: 10 * MINUTE, checkEvery: 10 * MINUTE, session: { expiry: MINUTE } };

/** How many leases are there, of all groups that were ever taken; by the group's first word. */
function counting(log: SharedLog): () => Promise<Record<string, number>> {
  const groups = new Set<string>();
  const take = log.leases.take.bind(log.leases);
  log.leases.take = (group, ...rest) => (groups.add(group), take(group, ...rest));
  return async () => {
    const counts: Record<string, number> = {};
    for (const group of groups) {
      const { length } = await log.leases.leases(group);
      const word = group.split(":")[0];
      if (length > 0) counts[word] = (counts[word] ?? 0) + length;
    }
    return counts;
  };
}

describe("leases of a log that instances share", () => {
  it("are gone in their time, though thousands of sessions and their instances died", async () => {
    const w = new ChannelsWorld();
    await using _ = w;
    const log = new SharedLog(w.clock);
    const count = counting(log);
    const survivor = await w.start({ ...SLOW, log: log.open(), instance: "survivor" }, BY_TOKEN);
    await survivor.channels.instances();
    for (let life = 1; life <= 20; life++) {
      const end = log.open();
      const { channels } = await w.start({ ...SLOW, log: end, instance: `i${life}` }, BY_TOKEN);
      const instance = w.instances.at(-1)!;
      const clients = await Promise.all(Array.from({ length: 100 }, () => w.dialTcp(instance)));
      await Promise.all(clients.map((client, n) => {
        const subs = n % 10 === 0 ? [[`room:${life}`, null, { member: n }]] : [];
        return client.hello({ token: `${life}-${n}`, subs });
      }));
      await channels.revoke({ session: clients[1].ticket!.split(".")[0] });
      await channels.revoke({ user: `${life}-2` });
      channels.sendTo(`${life}-3`, "never acknowledged").catch(() => {});
      await w.pass(10);
      end.kill();
      for (const client of clients) client.cut();
      await w.finish(channels.close().catch(() => {}));
    }
    const all = await count();
    assert(all.session >= 1_900 && all.members === 200 && all.instances === 21, JSON.stringify(all));
    assertEquals([all.revoked, all["revoked-user"], all.tries], [20, 20, 20]);
    // All that was known of who is there is removed by the one that lives.
    await w.pass(30 * MINUTE, MINUTE);
    const { session, ...others } = await count();
    assert(session >= 1_900);
    assertEquals(others, { instances: 1, revoked: 20, "revoked-user": 20, tries: 20 });
    await w.pass(3 * DAY, 20 * MINUTE);
    assertEquals(await count(), { instances: 1, tries: 20 });
    await w.pass(5 * DAY, 60 * MINUTE);
    assertEquals(await count(), { instances: 1 });
  });

  it("of a session that is over tell who had it, for a day", async () => {
    const w = new ChannelsWorld();
    await using _ = w;
    const log = new SharedLog(w.clock);
    const [end, other] = [log.open(), log.open()];
    const one = await w.start({ ...SLOW, log: end, instance: "i1" }, BY_TOKEN);
    const two = await w.start({ ...SLOW, log: other, instance: "i2" }, BY_TOKEN);
    const ada = await w.client({ token: "ada" }, one);
    const group = `session:${ada.ticket!.split(".")[0]}`;
    ada.cut();
    await w.pass(10);
    end.kill();
    await w.pass(DAY, 10 * MINUTE);
    const [lease] = await log.leases.leases(group);
    assertEquals([lease.value, lease.expired], ["i1", true]);
    const { generation } = lease;
    const again = await w.client({ token: "ada", ticket: ada.ticket }, two);
    assertEquals((await again.next("welcome"))[2], false);
    assertEquals((await log.leases.leases(group))[0].generation, generation + 1);
    again.cut();
    await w.pass(10);
    other.kill();
    await w.pass(DAY + 2 * MINUTE, 10 * MINUTE);
    assertEquals(await log.leases.leases(group), []);
  });
});
