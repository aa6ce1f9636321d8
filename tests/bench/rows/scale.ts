/**
 * What registry and timers cost a connection when there are many, measured in process on sockets that do nothing.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import { BOUNDS } from "../bounds.ts";
import { compareValues, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { ScaleCosts } from "../servers/scale.ts";
import type { Rig } from "../servers.ts";

const TIMEOUT_MS = 120_000;
const WORK = {
  churn: "come and go, among others",
  timers: "a second of deadlines",
} as const;

export async function scaleRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const program = rig.program("servers/scale.ts", runtime, [String(effort.rounds)]);
  const costs: ScaleCosts = JSON.parse(await program.line(/^\{/, TIMEOUT_MS));
  await program.kill();
  return (Object.keys(WORK) as (keyof typeof WORK)[]).map((work) => {
    const subject = {
      row: "scale",
      runtime,
      ours: `${WORK[work]}: 10,000`,
      against: "100",
      bound: BOUNDS.scale[runtime],
    };
    return compareValues({ ...subject, unit: "ns/connection" }, costs[work].many, costs[work].few);
  });
}
