import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import process from "node:process";
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { ResourceReader } from "../../adapters/shared/resources.ts";
import type { ResourceUse } from "../../mod.ts";
import { defaultAdapter } from "../../src/runtime.ts";
import { runtimeName, startProgram } from "../support/processes.ts";

const heap = () => ({ used: 1, limit: 2 });
const skip = process.platform !== "linux";

/** Opens so many files while `look` runs. */
function holding<T>(count: number, look: () => T): T {
  const files = Array.from({ length: count }, () => openSync("/dev/null", "r"));
  try {
    return look();
  } finally {
    files.forEach((file) => closeSync(file));
  }
}

describe("an adapter's resources()", { skip }, () => {
  it("counts the descriptors that /proc lists", async () => {
    const { resources } = await adapterOf();
    const before = resources().descriptors!;
    // The one that lists them is in the list.
    assert(Math.abs(before - (readdirSync("/proc/self/fd").length - 1)) <= 2, `${before}`);
    const more = holding(100, () => resources().descriptors! - before);
    assert(more >= 97 && more <= 103, `${more}`);
    assert(Math.abs(resources().descriptors! - before) <= 3, `${before}`);
  });

  it("knows the soft limit as it is now", async () => {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))!;
    assertEquals((await adapterOf()).resources().descriptorLimit, Number(soft));
  });

  it("tells heap and memory in bytes, and the heap's limit where there is one", async () => {
    const { resources } = await adapterOf();
    const { heapUsed, heapLimit, rss, missing } = resources();
    assert(heapUsed! > 100_000 && rss! > heapUsed!, `${heapUsed} of ${rss}`);
    if (runtimeName() === "bun") assertEquals([heapLimit, missing.heapLimit], [null, "Bun sets the heap no limit"]);
    else assert(heapLimit! > heapUsed!, `${heapLimit}`);
    assertEquals(Object.keys(missing).filter((name) => name !== "heapLimit"), []);
  });
});

describe("a reader of resources", { skip }, () => {
  it("lists the descriptors where the kernel doesn't count them", () => {
    // As /proc/self/fd before Linux 6.2: a folder of size 0 with an entry for each.
    const reader = new ResourceReader({ heap }, "/proc/self/fdinfo");
    const counted = new ResourceReader({ heap });
    const same = () => reader.read().descriptors === counted.read().descriptors;
    // The runtime's own threads may open and close one meanwhile.
    assert([1, 2, 3, 4, 5].some(same), "the same number");
    const before = reader.read().descriptors!;
    const more = holding(20, () => reader.read().descriptors! - before);
    assert(more >= 17 && more <= 23, `${more}`);
  });

  it("says what it can't read and why, and goes on with the rest", () => {
    const refusal = () => "Not allowed";
    const broken = () => {
      throw new Error("No heap");
    };
    const { missing, ...use } = new ResourceReader({ heap: broken, refusal }).read();
    assert(use.rss! > 0);
    assertEquals({ ...use, rss: null }, {
      descriptors: null,
      descriptorLimit: null,
      heapUsed: null,
      heapLimit: null,
      rss: null,
    });
    assertEquals(missing, {
      descriptors: "Not allowed",
      descriptorLimit: "Not allowed",
      heapUsed: "No heap",
      heapLimit: "No heap",
    });
    const { missing: none } = new ResourceReader({ heap, noHeapLimit: "unused" }, "/proc/self/nothing").read();
    assertEquals(Object.keys(none), ["descriptors"]);
  });
});

describe("a process without a descriptor left", { skip }, () => {
  it("still counts them and knows their limit", async () => {
    await using program = startProgram("tests/programs/resources.ts", { maxFiles: 120, args: ["fill"] });
    const before: ResourceUse = JSON.parse(await program.line());
    assertEquals(before.descriptorLimit, 120);
    assert(before.descriptors! < 100, `${before.descriptors}`);
    const full: ResourceUse = JSON.parse(await program.line());
    // One more where a descriptor's number is beyond the limit: it was open before that was set.
    assert(full.descriptors! >= 119 && full.descriptors! <= 122, `${full.descriptors}`);
    assertEquals(full.descriptorLimit, 120);
    assert(Math.abs(Number(await program.line()) - before.descriptors!) <= 3);
  });

  it("is told by Deno without its permission", { skip: runtimeName() !== "deno" }, async () => {
    for (const permissions of [[], ["--allow-read"]]) {
      await using program = startProgram("tests/programs/resources.ts", {
        permissions: ["--no-prompt", "--allow-env", ...permissions],
      });
      const { descriptors, heapUsed, heapLimit, rss, missing }: ResourceUse = JSON.parse(await program.line());
      assertEquals([descriptors, heapUsed! > 0, heapLimit! > 0, rss! > 0], [null, true, true, true]);
      assert(missing.descriptors!.includes("--allow-all"), missing.descriptors);
      assertEquals((await program.exited()).stderr, "");
    }
  });
});

async function adapterOf(): Promise<{ resources: () => ResourceUse }> {
  const adapter = await defaultAdapter();
  return { resources: () => adapter.resources!() };
}
