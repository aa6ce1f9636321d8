/**
 * Which certificate is for the name that a client asks for.
 *
 * @module
 */

/** Names and wildcards, each with what it stands for. The first who claims a name has it. */
export class NameTable<T> {
  readonly #exact = new Map<string, T>();
  /** By what follows the `*.`. */
  readonly #wild = new Map<string, T>();

  /** Adds a host's name, or `*.` and the end of some. */
  add(name: string, value: T): void {
    const lower = plain(name);
    const [map, key] = lower.startsWith("*.") ? [this.#wild, lower.slice(2)] : [this.#exact, lower];
    if (!map.has(key)) map.set(key, value);
  }

  /** A name's own comes first; a wildcard stands for one label (RFC 9525, section 6.3). */
  find(name: string): T | undefined {
    const lower = plain(name);
    const dot = lower.indexOf(".");
    return this.#exact.get(lower) ?? (dot > 0 ? this.#wild.get(lower.slice(dot + 1)) : undefined);
  }
}

function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
