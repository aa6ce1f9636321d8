/**
 * The way out: pools of connections.
 *
 * @module
 */
export { pool } from "./pool/pool.ts";
export type {
  CloseReason,
  Connect,
  Loan,
  LoanLeft,
  Pool,
  PoolOptions,
  PoolReport,
  PoolStats,
} from "./pool/pool_api.ts";
export { PoolClosedError, PoolTimeoutError } from "./upstream_errors.ts";
