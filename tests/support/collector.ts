/** The garbage collector, for tests of what is kept alive. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Collects now, all that can be. */
export const collect: () => void = findCollector();

function findCollector(): () => void {
  const { Bun, gc } = globalThis as { Bun?: { gc(force: boolean): void }; gc?: () => void };
  if (Bun) return () => Bun.gc(true);
  if (gc) return gc;
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
