/**
 * An answer that comes from elsewhere part by part, such as a proxy's, as it is sent without a web stream.
 *
 * @module
 */
import type { OwnFields } from "./fields.ts";

/** Where the parts of a body come from. */
export interface PartSource {
  /** The next part if it is here, null at the end, undefined if it is not here yet. @throws What `read()` rejects with. */
  take(): Uint8Array | null | undefined;
  /** The next part, or null at the end. */
  read(): Promise<Uint8Array | null>;
  /** Nobody wants the rest. */
  cancel(reason: unknown): void;
  /** Trailer fields, each with its CRLF; asked for behind the end. */
  trailers(): string;
}

/** On answers of this kind. */
export const PASSED_ON: unique symbol = Symbol("sluice.passedOn");

/** What is passed on. */
export interface Passing {
  readonly [PASSED_ON]: true;
  readonly status: number;
  readonly statusText: string;
  readonly fields: OwnFields;
  readonly source: PartSource;
  /** Somebody may have changed its fields, or has its body. */
  readonly isTouched: boolean;
  native(): Response;
}
