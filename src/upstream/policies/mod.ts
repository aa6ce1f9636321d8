/**
 * Timeouts, retries, a breaker and a bulkhead around calls, by the user's own `cockatiel`, bound to contexts; and hedging.
 *
 * @example
 * ```ts ignore
 * import * as cockatiel from "cockatiel";
 * import { policies } from "@sluice/sluice/upstream/policies";
 *
 * const guarded = policies(cockatiel, { timeout: 500, attempts: 3, bulkhead: { limit: 16 } });
 * const price = await guarded.run(async (context) => (await app.fetch("/prices/tea", { context })).json(), ctx);
 * ```
 *
 * @module
 */
export { policies } from "./policies.ts";
export type {
  BreakerOptions,
  BudgetOptions,
  BulkheadOptions,
  Cockatiel,
  Policies,
  PoliciesOptions,
  PoliciesStats,
  PolicyRun,
} from "./policies_api.ts";
export { hedge, type HedgeOptions } from "./hedge.ts";
