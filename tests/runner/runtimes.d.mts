/** What programs in TypeScript take of the runner's runtimes. */

/** Path of the node that programs run on beside this runtime; null where there is none for this machine. */
export function nodeFor(name: string): string | null;
