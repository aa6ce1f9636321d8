/**
 * Objects that look like the runtime's own `Request` or `Response` and become one when somebody looks closer. Most are
 * never looked at, and building one costs more than answering a request.
 *
 * @module
 */

/** What a lazy object can do: become the real one. */
export interface Lazy<T> {
  /** The runtime's own object; built at the first call. */
  native(): T;
}

/**
 * Completes the prototype of a lazy class: `instanceof` holds, and every member of the runtime's class that the lazy
 * one has not itself is taken from the real object. So are the properties that a runtime hides behind symbols of its
 * own and reads from whatever is given to `new Request(request)`.
 */
export function standInFor<T extends object>(
  lazy: { readonly prototype: Lazy<T> },
  kind: { readonly prototype: object },
  sample: object,
): void {
  const proto = lazy.prototype;
  Object.setPrototypeOf(proto, kind.prototype);
  for (const name of Object.getOwnPropertyNames(kind.prototype)) {
    if (!Object.hasOwn(proto, name)) Object.defineProperty(proto, name, delegate(kind.prototype, name));
  }
  for (const symbol of Object.getOwnPropertySymbols(sample)) {
    Object.defineProperty(proto, symbol, delegate(sample, symbol));
  }
}

function delegate(source: object, key: PropertyKey): PropertyDescriptor {
  const { value } = Object.getOwnPropertyDescriptor(source, key)!;
  if (typeof value !== "function") {
    return {
      configurable: true,
      get(this: Lazy<Record<PropertyKey, unknown>>) {
        return this.native()[key];
      },
    };
  }
  return {
    configurable: true,
    writable: true,
    value(this: Lazy<Record<PropertyKey, (...args: unknown[]) => unknown>>, ...args: unknown[]) {
      return this.native()[key](...args);
    },
  };
}
