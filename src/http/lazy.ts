/**
 * Objects that look like the runtime's own `Request`, `Response` or `Headers` and become one when somebody looks closer.
 * Most are never looked at, and building one costs more than answering a request.
 *
 * The runtime's class is not asked for before that either: on Node the first mention of one loads all of `fetch()`,
 * which is a third of a server's start (issue 13).
 *
 * @module
 */

/** What a lazy object can do: become the real one. */
export interface Lazy<T> {
  /** The runtime's own object; built at the first call. */
  native(): T;
}

/** A class of the runtime. */
interface Kind {
  readonly prototype: object;
}

/**
 * Completes the prototype of a lazy class when somebody looks for more than it has: `instanceof` holds, and every member
 * of the runtime's class that the lazy one has not itself is taken from the real object. So are the properties that a
 * runtime hides behind symbols of its own and reads from whatever is given to `new Request(request)`.
 *
 * @param kindOf The runtime's class.
 * @param sampleOf One of its objects.
 */
export function standInFor<T extends object>(
  lazy: { readonly prototype: Lazy<T> },
  kindOf: () => Kind,
  sampleOf: () => object,
): void {
  const proto = lazy.prototype;
  const complete = (): object => {
    const kind = kindOf().prototype;
    Object.setPrototypeOf(proto, kind);
    for (const key of Reflect.ownKeys(kind)) {
      if (!Object.hasOwn(proto, key) && isTaken(kind, key)) Object.defineProperty(proto, key, delegate(kind, key));
    }
    const sample = sampleOf();
    for (const symbol of Object.getOwnPropertySymbols(sample)) {
      Object.defineProperty(proto, symbol, delegate(sample, symbol));
    }
    return kind;
  };
  const notYet = new Proxy(Object.create(null), {
    getPrototypeOf: complete,
    has: (_, key) => key in complete(),
    get(_, key, receiver) {
      complete();
      return Reflect.get(proto, key, receiver);
    },
  });
  // Whoever awaits one asks for `then`: that is no closer look.
  Object.setPrototypeOf(proto, Object.create(notYet, { then: { value: undefined } }));
}

/** A symbol that says what the class is, and no more, may be inherited. */
function isTaken(kind: object, key: PropertyKey): boolean {
  return typeof key === "string" || typeof Object.getOwnPropertyDescriptor(kind, key)!.value === "function";
}

function delegate(source: object, key: PropertyKey): PropertyDescriptor {
  const { value } = Object.getOwnPropertyDescriptor(source, key)!;
  if (typeof value !== "function") {
    return {
      configurable: true,
      get(this: Lazy<Record<PropertyKey, unknown>>) {
        return this.native()[key];
      },
      set(this: Lazy<Record<PropertyKey, unknown>>, value: unknown) {
        this.native()[key] = value;
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
