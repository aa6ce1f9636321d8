/** Leases that are over: told as expired for as long as they linger, and then forgotten. */
import { assertEquals } from "@std/assert";
import type { ChannelLog } from "../../../src/channels/log/log_api.ts";
import type { Rule } from "../log_conformance.ts";
import { upTo } from "./tools.ts";

const LONG = 3_600_000;

/** Names of a group's leases, with a mark where one has expired. */
async function namesOf(log: ChannelLog, group = "g"): Promise<string[]> {
  return (await log.leases(group)).map(({ name, expired }) => expired ? `${name} expired` : name);
}

/** For logs that forget what they may; what must be there until then is a rule for all. */
export function lingerRules(rule: Rule): void {
  rule("tells an expired lease as it was for as long as it lingers", async ({ log, lapse, pass }) => {
    for (const name of ["listed", "renewed", "taken", "released"]) await log.take("g", name, "old", lapse, LONG);
    await pass(lapse * 2);
    assertEquals((await namesOf(log)).every((name) => name.endsWith(" expired")), true);
    assertEquals(await log.renew("g", "renewed", 1, LONG, undefined, LONG), true);
    const previous = { name: "taken", value: "old", generation: 1, expired: true };
    assertEquals(await log.take("g", "taken", "new", LONG, LONG), { generation: 2, previous });
    assertEquals(await log.release("g", "released", 1), true);
    assertEquals(await namesOf(log), ["listed expired", "renewed", "taken"]);
  });

  rule("counts how long a lease lingers from the end that was said last", async ({ log, lapse, pass }) => {
    await log.take("g", "renewed", "value", lapse, 0);
    await log.take("g", "taken", "value", lapse, 0);
    await log.take("g", "for always", "value", lapse, 0);
    assertEquals(await log.renew("g", "renewed", 1, LONG, undefined, 0), true);
    await log.take("g", "taken", "value", LONG, 0);
    assertEquals(await log.renew("g", "for always", 1, Infinity, undefined, 0), true);
    await pass(lapse * 2);
    assertEquals(await namesOf(log), ["for always", "renewed", "taken"]);
  });

  rule("never forgets a lease of which nobody has said how long it lingers", async ({ log, lapse, pass }) => {
    await log.take("g", "taken", "value", lapse);
    await log.take("g", "renewed", "value", lapse, 0);
    assertEquals(await log.renew("g", "renewed", 1, lapse), true);
    await pass(lapse * 3);
    assertEquals(await namesOf(log), ["renewed expired", "taken expired"]);
    assertEquals((await log.take("g", "taken", "value", LONG)).generation, 2);
  });
}

/** For logs that forget what they may. */
export function forgetRules(rule: Rule): void {
  rule("knows nothing of a lease that has lingered", async ({ log, lapse, pass }) => {
    const names = ["renewed", "released", "taken"];
    for (const name of names) await log.take("g", name, "old", lapse, lapse);
    for (const name of names) await log.take("g", name, "old", lapse, lapse);
    await pass(lapse * 3);
    assertEquals(await log.leases("g"), []);
    assertEquals(await log.renew("g", "renewed", 2, LONG), false);
    assertEquals(await log.release("g", "released", 2), false);
    assertEquals(await log.take("g", "taken", "new", LONG), { generation: 1, previous: null });
    assertEquals(await log.leases("g"), [{ name: "taken", value: "new", generation: 1, expired: false }]);
  });

  rule("keeps the others of a group when it forgets some", async ({ log, lapse, pass }) => {
    await log.take("g", "for always", "value", Infinity, lapse);
    await log.take("g", "no end of it", "value", lapse);
    await log.take("g", "for long", "value", LONG, lapse);
    await log.take("g", "lingers", "value", lapse, LONG);
    for (const n of upTo(300)) await log.take("g", `short ${n}`, "value", lapse, 0);
    await log.take("one", "n", "value", lapse, 0);
    await pass(lapse * 2);
    const left = ["for always", "for long", "lingers expired", "no end of it expired"];
    assertEquals(await namesOf(log), left);
    assertEquals(await log.leases("one"), []);
    // By then it may have gone from wherever it was kept.
    await log.take("g", "new", "value", LONG, lapse);
    await log.release("g", "new", 1);
    assertEquals(await namesOf(log), left);
  });

  rule("makes a lease one that is forgotten, whatever it was before", async ({ log, lapse, pass }) => {
    await log.take("g", "was for always", "value", Infinity);
    await log.take("g", "was expired", "value", 0);
    await log.take("g", "stays", "value", Infinity);
    assertEquals(await log.renew("g", "was for always", 1, lapse, "changed", lapse), true);
    await log.take("g", "was expired", "value", lapse, lapse);
    assertEquals(await namesOf(log), ["stays", "was expired", "was for always"]);
    await log.release("g", "stays", 1);
    await pass(lapse * 3);
    assertEquals(await namesOf(log), []);
  });

  rule("takes a lease that is forgotten at once for one that was never there", async ({ log }) => {
    for (const _ of upTo(3)) {
      assertEquals(await log.take("g", "n", "value", 0, 0), { generation: 1, previous: null });
    }
    assertEquals(await log.release("g", "n", 1), false);
    assertEquals(await log.leases("g"), []);
  });
}

/** For those that are opened again. */
export function lastingForgetRules(rule: Rule): void {
  rule("has forgotten no less when it is opened again, and no more", async ({ log, lapse, pass, reopen }) => {
    await log.take("g", "a gone", "value", lapse, lapse);
    await log.take("g", "b lingers", "value", lapse, LONG);
    await log.take("g", "c gone and taken", "old", lapse, lapse);
    await pass(lapse * 3);
    await log.take("g", "c gone and taken", "new", LONG, lapse);
    await log.take("g", "d will be gone", "value", 0, lapse * 5);
    const again = await reopen!();
    assertEquals(await namesOf(again), ["b lingers expired", "c gone and taken", "d will be gone expired"]);
    assertEquals((await again.take("g", "a gone", "value", LONG, 0)).generation, 1);
    assertEquals(await again.renew("g", "c gone and taken", 1, LONG, undefined, lapse), true);
    await pass(lapse * 6);
    assertEquals(await namesOf(again), ["a gone", "b lingers expired", "c gone and taken"]);
  });
}
