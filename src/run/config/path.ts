/**
 * Where a value of a configuration stands: `sockets[0].port`.
 *
 * @module
 */

/** Names of members and numbers of items, from the top. */
export type ConfigPath = readonly (string | number)[];

const PLAIN = /^[A-Za-z_$][\w$-]*$/;

/** As people write it; empty for the top. */
export function formatPath(path: ConfigPath): string {
  return path.map((key, i) => {
    if (typeof key === "number") return `[${key}]`;
    if (!PLAIN.test(key)) return `[${JSON.stringify(key)}]`;
    return i === 0 ? key : `.${key}`;
  }).join("");
}
