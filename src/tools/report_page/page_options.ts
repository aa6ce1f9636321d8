/**
 * What a page says beside its report.
 *
 * @module
 */

import type { Piece } from "./markup.ts";

/** What only the caller knows. */
export interface PageOptions {
  /** The command that does it again. @default made from the report */
  readonly repeat?: string;
  /** What was asked for, as names and values. @default what the report says of it */
  readonly settings?: readonly (readonly [name: string, value: Piece])[];
}
