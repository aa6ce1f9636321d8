/** Leases: who holds what, for how long, and that one alone gives it back. */
import { assertEquals } from "@std/assert";
import type { Rule } from "../log_conformance.ts";
import { ODD_NAMES } from "./names.ts";
import { upTo } from "./tools.ts";

const LONG = 3_600_000;

export function leaseRules(rule: Rule): void {
  rule("gives a lease to whoever takes it, and says who had it", async ({ log }) => {
    assertEquals(await log.take("g", "n", "first", LONG), { generation: 1, previous: null });
    const previous = { name: "n", value: "first", generation: 1, expired: false };
    assertEquals(await log.take("g", "n", "second", LONG), { generation: 2, previous });
    assertEquals(await log.leases("g"), [{ name: "n", value: "second", generation: 2, expired: false }]);
  });

  rule("renews a lease for its own generation only", async ({ log }) => {
    await log.take("g", "n", "first", LONG);
    await log.take("g", "n", "second", LONG);
    assertEquals(await log.renew("g", "n", 1, LONG, "stolen"), false);
    assertEquals(await log.renew("g", "n", 3, LONG, "stolen"), false);
    assertEquals(await log.renew("g", "other", 1, LONG), false);
    assertEquals(await log.renew("none", "n", 2, LONG), false);
    assertEquals(await log.renew("g", "n", 2, LONG), true);
    assertEquals((await log.leases("g"))[0].value, "second");
    assertEquals(await log.renew("g", "n", 2, LONG, "changed"), true);
    assertEquals((await log.leases("g"))[0].value, "changed");
    assertEquals(await log.renew("g", "n", 2, LONG, ""), true);
    assertEquals((await log.leases("g"))[0].value, "");
  });

  rule("lets a lease expire, and leaves it there", async ({ log, lapse, pass }) => {
    await log.take("g", "n", "value", lapse);
    await log.take("g", "stays", "value", lapse * 100);
    assertEquals((await log.leases("g"))[0].expired, false);
    await pass(lapse * 2);
    assertEquals(await log.leases("g"), [
      { name: "n", value: "value", generation: 1, expired: true },
      { name: "stays", value: "value", generation: 1, expired: false },
    ]);
  });

  rule("keeps a lease alive that is renewed in time", async ({ log, lapse, pass }) => {
    await log.take("g", "n", "value", lapse * 3);
    for (const _ of upTo(3)) {
      await pass(lapse * 2);
      assertEquals(await log.renew("g", "n", 1, lapse * 3), true);
    }
    assertEquals((await log.leases("g"))[0].expired, false);
  });

  rule("renews an expired lease that nobody has taken", async ({ log, lapse, pass }) => {
    await log.take("g", "n", "value", lapse);
    await pass(lapse * 2);
    assertEquals(await log.renew("g", "n", 1, LONG), true);
    assertEquals(await log.leases("g"), [{ name: "n", value: "value", generation: 1, expired: false }]);
  });

  rule("says that the lease taken over had expired", async ({ log, lapse, pass }) => {
    await log.take("g", "n", "dead", lapse);
    await pass(lapse * 2);
    const previous = { name: "n", value: "dead", generation: 1, expired: true };
    assertEquals(await log.take("g", "n", "heir", LONG), { generation: 2, previous });
    assertEquals(await log.renew("g", "n", 1, LONG), false);
  });

  rule("never lets a lease expire that is taken for always", async ({ log, lapse, pass }) => {
    await log.take("g", "n", "value", Infinity);
    await pass(lapse * 2);
    assertEquals((await log.leases("g"))[0].expired, false);
    assertEquals(await log.renew("g", "n", 1, lapse), true);
    await pass(lapse * 2);
    assertEquals((await log.leases("g"))[0].expired, true);
    assertEquals(await log.renew("g", "n", 1, Infinity), true);
    await pass(lapse * 2);
    assertEquals((await log.leases("g"))[0].expired, false);
  });

  rule("takes a lease back from its own generation, once", async ({ log }) => {
    await log.take("g", "n", "first", LONG);
    await log.take("g", "n", "second", LONG);
    assertEquals(await log.release("g", "n", 1), false);
    assertEquals(await log.release("g", "n", 3), false);
    assertEquals(await log.release("g", "other", 2), false);
    assertEquals(await log.release("g", "n", 2), true);
    assertEquals(await log.release("g", "n", 2), false);
    assertEquals(await log.leases("g"), []);
    assertEquals(await log.renew("g", "n", 2, LONG), false);
  });

  rule("counts generations anew after a release", async ({ log }) => {
    for (const _ of upTo(3)) await log.take("g", "n", "x", LONG);
    await log.release("g", "n", 3);
    assertEquals(await log.take("g", "n", "y", LONG), { generation: 1, previous: null });
  });

  rule("begins with the generation that a first holder says, and goes on from there", async ({ log }) => {
    const first = 1_800_000_000_000;
    assertEquals(await log.take("g", "n", "x", LONG, undefined, first), { generation: first, previous: null });
    assertEquals((await log.take("g", "n", "y", LONG, undefined, 7)).generation, first + 1);
    assertEquals(await log.renew("g", "n", first + 1, LONG), true);
    assertEquals(await log.release("g", "n", first), false);
    assertEquals(await log.release("g", "n", first + 1), true);
    assertEquals((await log.take("g", "n", "z", LONG, undefined, 7)).generation, 7);
  });

  rule("lets exactly one release an expired lease", async ({ log, lapse, pass }) => {
    await log.take("g", "n", "dead", lapse);
    await pass(lapse * 2);
    const released = await Promise.all(upTo(20).map(() => log.release("g", "n", 1)));
    assertEquals(released.filter(Boolean).length, 1);
    assertEquals(await log.leases("g"), []);
  });

  rule("counts takes that come together one by one", async ({ log }) => {
    const taken = await Promise.all(upTo(20).map((n) => log.take("g", "n", `${n}`, LONG)));
    assertEquals(taken.map(({ generation }) => generation), upTo(20));
    assertEquals(taken.map(({ previous }) => previous?.value ?? null), [null, ...upTo(19).map(String)]);
  });

  rule("lets either the release or the take win, never both", async ({ log }) => {
    for (const round of upTo(10)) {
      const name = `n-${round}`;
      await log.take("g", name, "first", LONG);
      const [released, taken] = await Promise.all([log.release("g", name, 1), log.take("g", name, "heir", LONG)]);
      assertEquals(taken.generation, released ? 1 : 2);
      assertEquals(taken.previous === null, released);
    }
  });

  rule("lists leases of one group, by name", async ({ log }) => {
    for (const name of ["b", "a", "c", "a2", "B"]) await log.take("g", name, `value of ${name}`, LONG);
    await log.take("g2", "a", "elsewhere", LONG);
    assertEquals((await log.leases("g")).map(({ name }) => name), ["B", "a", "a2", "b", "c"]);
    assertEquals((await log.leases("g2")).map(({ value }) => value), ["elsewhere"]);
    assertEquals(await log.leases("none"), []);
    await log.release("g", "a", 1);
    assertEquals((await log.leases("g2")).length, 1);
  });

  rule("takes any text for groups, names and values", async ({ log }) => {
    for (const name of ODD_NAMES) await log.take("g", name, name, LONG);
    for (const name of ODD_NAMES) await log.take(`of ${name}`, "n", name, LONG);
    const leases = await log.leases("g");
    assertEquals(leases.map(({ name }) => name).sort(), [...ODD_NAMES].sort());
    for (const { name, value, generation } of leases) assertEquals([value, generation], [name, 1]);
    for (const name of ODD_NAMES) assertEquals((await log.leases(`of ${name}`)).map(({ value }) => value), [name]);
  });

  rule("keeps leases and streams of one name apart", async ({ log }) => {
    await log.take("a", "a", "value", LONG);
    assertEquals(await log.streams("", 10), []);
    assertEquals((await log.tops(["a"]))[0].top, 0);
  });
}
