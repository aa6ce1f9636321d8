/**
 * Compression for Node, Deno and Bun, on the zlib that each of them brings along.
 *
 * zlib's streams can be driven synchronously and with their context kept, but only through members that are not public.
 * They are tried out before the first use; where they don't do what they did when this was written, there is a slower
 * way through public functions.
 *
 * Memory of one connection that has sent and received, both directions together, measured with 1,000 of them on Node 20,
 * Deno 2.9 and Bun 1.4: with window 15 and memory level 8 up to 301, 327 and 325 KiB, of which inflating takes 43 to 48;
 * with window 11 and level 4 99, 170 and 172 KiB. Most of it is tables for the search that no option makes smaller. One
 * context of each kind is kept for whoever comes next, so that users who reset after each message share it and hold less
 * than 5 KiB in between.
 *
 * @module
 */
import { createRequire } from "node:module";
import process from "node:process";
import type { DeflateOptions, Deflater, Inflater } from "../../../src/platform.ts";
import { NativeDeflater, NativeInflater } from "./native.ts";
import { PublicDeflater, PublicInflater } from "./public.ts";
import type { ZlibModule } from "./stream.ts";

/** Output of one step at most. Contexts take turns, so they share the place for it. */
const SCRATCH_BYTES = 64 * 1024;

/** Compressors and decompressors that share their memory where they can. */
export class Zlib {
  readonly #deflaters: Map<string, Pool<Deflater>> = new Map();
  readonly #inflaters: Map<number, Pool<Inflater>> = new Map();
  #engine: Engine | null = null;

  /** Loads nothing before the first message; with `publicOnly` it goes the slow way in any case. */
  constructor(publicOnly = false) {
    if (publicOnly) this.#engine = publicEngine(loadZlib());
  }

  /** `Adapter.deflater`. */
  readonly deflater: (options: DeflateOptions) => Deflater = (options) => {
    const key = `${options.windowBits} ${options.level} ${options.memLevel}`;
    return new PooledDeflater(pool(this.#deflaters, key, () => this.#load().deflater(options)));
  };

  /** `Adapter.inflater`. */
  readonly inflater: (options: { readonly windowBits: number }) => Inflater = ({ windowBits }) => {
    return new PooledInflater(pool(this.#inflaters, windowBits, () => this.#load().inflater(windowBits)));
  };

  #load(): Engine {
    return this.#engine ??= bestEngine(loadZlib());
  }
}

interface Engine {
  deflater(options: DeflateOptions): Deflater;
  inflater(windowBits: number): Inflater;
}

/** Not imported: it takes one to three megabytes, and few servers compress. Node has the first way since 20.16. */
function loadZlib(): ZlibModule {
  return process.getBuiltinModule?.("node:zlib") ?? createRequire(import.meta.url)("node:zlib");
}

function bestEngine(zlib: ZlibModule): Engine {
  const native = nativeEngine(zlib);
  return isRight(native) ? native : publicEngine(zlib);
}

function nativeEngine(zlib: ZlibModule): Engine {
  const scratch = new Uint8Array(SCRATCH_BYTES);
  return {
    deflater: (options) => new NativeDeflater(zlib, options, scratch),
    inflater: (windowBits) => new NativeInflater(zlib, windowBits, scratch),
  };
}

function publicEngine(zlib: ZlibModule): Engine {
  return {
    deflater: (options) => new PublicDeflater(zlib, options),
    inflater: (windowBits) => new PublicInflater(zlib, windowBits),
  };
}

/** Whether messages come out as they went in, with the context kept, and what is wrong is told at once. */
function isRight(engine: Engine): boolean {
  try {
    const deflater = engine.deflater({ windowBits: 15, level: 6, memLevel: 8 });
    const inflater = engine.inflater(15);
    const sample = Uint8Array.from({ length: 1000 }, (_, i) => (i * i) >> 3);
    const [first, second] = [deflater.push(sample), deflater.push(sample)];
    const right = [first, second].every((packed) => isSame(inflater.push(packed, sample.length), sample)) &&
      second.length < 100 && throwsAt(() => inflater.push(second, 10), RangeError);
    inflater.reset();
    // A block of the reserved type.
    const told = throwsAt(() => inflater.push(Uint8Array.of(0x07), 10), Error);
    deflater.close();
    inflater.close();
    return right && told;
  } catch {
    return false;
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function throwsAt(fn: () => unknown, kind: new () => Error): boolean {
  try {
    fn();
    return false;
  } catch (error) {
    return error instanceof kind;
  }
}

/** Contexts that anybody may use who needs nothing of what was before; keeps one. */
class Pool<T extends Deflater | Inflater> {
  readonly #make: () => T;
  #idle: T | null = null;

  constructor(make: () => T) {
    this.#make = make;
  }

  take(): T {
    const context = this.#idle ?? this.#make();
    this.#idle = null;
    return context;
  }

  give(context: T): void {
    if (this.#idle !== null) return context.close();
    context.reset();
    this.#idle = context;
  }
}

function pool<K, T extends Deflater | Inflater>(pools: Map<K, Pool<T>>, key: K, make: () => T): Pool<T> {
  let found = pools.get(key);
  if (found === undefined) pools.set(key, found = new Pool(make));
  return found;
}

/** Has a context only while something has to be remembered. */
class Pooled<T extends Deflater | Inflater> {
  readonly #pool: Pool<T>;
  #context: T | null = null;

  constructor(pool: Pool<T>) {
    this.#pool = pool;
  }

  reset(): void {
    if (this.#context !== null) this.#pool.give(this.#context);
    this.#context = null;
  }

  close(): void {
    this.reset();
  }

  /** What `fn` makes of the context; one that fails is not used again. */
  protected use(fn: (context: T) => Uint8Array): Uint8Array {
    const context = this.#context ?? this.#pool.take();
    this.#context = null;
    try {
      const result = fn(context);
      this.#context = context;
      return result;
    } finally {
      if (this.#context === null) context.close();
    }
  }
}

class PooledDeflater extends Pooled<Deflater> implements Deflater {
  push(data: Uint8Array): Uint8Array {
    // zlib says nothing at all of nothing. The header of an empty block stands for it (RFC 7692 §7.2.3.6).
    if (data.length === 0) return Uint8Array.of(0);
    return this.use((context) => context.push(data));
  }
}

class PooledInflater extends Pooled<Inflater> implements Inflater {
  push(data: Uint8Array, limit: number): Uint8Array {
    // Not valid, but what some make of an empty message.
    if (data.length === 0) return new Uint8Array(0);
    return this.use((context) => context.push(data, limit));
  }
}
