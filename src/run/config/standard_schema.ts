/**
 * What is needed of a validator: the part of Standard Schema (version 1) that checks. Valibot, Zod, ArkType and many
 * others have it. Types only.
 *
 * @module
 */

/** A schema of any validator that follows Standard Schema. */
export interface StandardSchema<Output = unknown> {
  /** What the validator offers. */
  readonly "~standard": {
    /** Of the specification. */
    readonly version: 1;
    /** Name of the validator. */
    readonly vendor: string;
    /** Checks a value, and gives what it makes of it. */
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    /** There for types alone. */
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** A value that fits, or what is wrong with it. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] };

/** One thing that is wrong. */
export interface StandardIssue {
  /** What the validator says of it. */
  readonly message: string;
  /** Where it is; a validator may wrap keys. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}
