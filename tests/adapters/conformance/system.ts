/**
 * Signals of the operating system, and the kernel's tables.
 *
 * @module
 */
import process from "node:process";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../../src/errors.ts";
import type { Features, Rule } from "./mod.ts";
import { within } from "../../support/rig.ts";

export function systemRules(rule: Rule, features: Features): void {
  if (features.signals ?? features.kernel) {
    rule("onSignal() tells each arrival until it is disposed", async (rig) => {
      let calls = 0;
      let wake = () => {};
      const arrived = () => within("SIGUSR2", new Promise<void>((resolve) => wake = resolve));
      const dispose = rig.adapter.onSignal("SIGUSR2", () => {
        calls++;
        wake();
      });
      // Keeps the process from dying of the signal that nobody of the adapter's listens to any more.
      const guard = rig.adapter.onSignal("SIGUSR2", () => wake());
      for (let i = 1; i <= 2; i++) {
        const next = arrived();
        process.kill(process.pid, "SIGUSR2");
        await next;
        await rig.barrier();
        assertEquals(calls, i);
      }
      dispose();
      dispose();
      const last = arrived();
      process.kill(process.pid, "SIGUSR2");
      await last;
      await rig.barrier();
      assertEquals(calls, 2);
      guard();
    });

    rule("onSignal() refuses a name that is no signal, or can't be caught", (rig) => {
      for (const name of ["SIGNOPE", "SIGKILL", ""]) {
        const error = assertThrows(() => rig.adapter.onSignal(name, () => {}), OptionError);
        assert(name === "" || error.message.includes(name), error.message);
      }
      return Promise.resolve();
    });
  }

  rule("resources() tells numbers, or null and why", (rig) => {
    const use = rig.adapter.resources?.();
    if (use === undefined) return Promise.resolve();
    for (const name of ["descriptors", "descriptorLimit", "heapUsed", "heapLimit", "rss"] as const) {
      const value = use[name];
      if (value !== null) assert(value > 0, `${name} is ${value}`);
      else if (features.kernel) assert(use.missing[name]!.length > 0, `no word about ${name}`);
    }
    return Promise.resolve();
  });

  rule("kernelTable() is the kernel's text or null", async (rig) => {
    const table = await rig.adapter.kernelTable();
    assert(table === null || table.includes("rem_address"));
  });
}
