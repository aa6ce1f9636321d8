/**
 * `sluice metrics`: prints files for Prometheus and Grafana.
 *
 * @module
 */
import { alertRules, dashboard } from "../metrics/deploy/mod.ts";
import type { Print } from "./output.ts";
import type { ToolCommand, ToolInput } from "./tool.ts";
import { UsageError } from "./usage_errors.ts";

const FILES: Readonly<Record<string, () => string>> = { alerts: alertRules, dashboard };

/** The command. */
export const METRICS: ToolCommand = {
  name: "metrics",
  usage: "sluice metrics alerts|dashboard",
  about: `
Prints files for whoever looks at the metrics of @sluice/sluice/metrics: alerts are rules for Prometheus, dashboard is for
Grafana. They are made of the same definitions as the metrics themselves.
`,
  rows: [],
  operands: [1, 1],
  examples: `
    sluice metrics alerts > /etc/prometheus/rules/sluice.yml
    sluice metrics dashboard > sluice-dashboard.json
  `,
  run: print,
};

async function print({ operands: [which] }: ToolInput, print: Print): Promise<number> {
  if (!Object.hasOwn(FILES, which)) {
    throw new UsageError(`There is no ${JSON.stringify(which)} to print, choose ${Object.keys(FILES).join(" or ")}`);
  }
  await print(FILES[which]().trimEnd());
  return 0;
}
