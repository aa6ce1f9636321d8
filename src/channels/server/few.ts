/**
 * A map of what is one nearly always: there are many thousands of these, and a `Map` of one takes some 200 bytes.
 *
 * @module
 */

/** By key; two fields until there is a second. */
export class Few<K, V extends object> {
  #key: K | undefined = undefined;
  #value: V | undefined = undefined;
  #all: Map<K, V> | null = null;

  get size(): number {
    return this.#all === null ? (this.#value === undefined ? 0 : 1) : this.#all.size;
  }

  get(key: K): V | undefined {
    if (this.#all !== null) return this.#all.get(key);
    return this.#key === key ? this.#value : undefined;
  }

  set(key: K, value: V): void {
    if (this.#all === null && this.#value !== undefined && this.#key !== key) {
      this.#all = new Map([[this.#key as K, this.#value]]);
    }
    if (this.#all !== null) return void this.#all.set(key, value);
    this.#key = key;
    this.#value = value;
  }

  /** False if there was none. */
  delete(key: K): boolean {
    if (this.#all !== null) return this.#all.delete(key);
    const isThere = this.get(key) !== undefined;
    if (isThere) this.clear();
    return isThere;
  }

  clear(): void {
    this.#key = undefined;
    this.#value = undefined;
    this.#all = null;
  }

  /** In the order in which they came; as they are now. */
  values(): V[] {
    if (this.#all !== null) return [...this.#all.values()];
    return this.#value === undefined ? [] : [this.#value];
  }
}
