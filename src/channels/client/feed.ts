/**
 * Events and messages in their order: listened to, or iterated over.
 *
 * @module
 */
import { InUseError } from "../../errors.ts";
import { guarded } from "../../websocket/reconnect/guarded.ts";
import { mustBe } from "./checks.ts";

/** What waits: `taken` runs when it is its turn, before anybody hears of it. */
interface Waiting {
  /** Null: nobody is told. */
  readonly type: string | null;
  readonly value: unknown;
  readonly taken?: () => void;
}

interface Taker<T> {
  readonly resolve: (result: IteratorResult<T, void>) => void;
  readonly reject: (error: Error) => void;
}

const OVER = { value: undefined, done: true } as const;

/** Hands messages out one by one, and what else happens when the messages before it were taken. */
export class Feed<T, E extends { readonly message: T }> implements AsyncIterableIterator<T, void, void> {
  readonly #listeners: { [type: string]: Set<(event: never) => void> } = {};
  #queue: Waiting[] = [];
  #taker: Taker<T> | null | undefined;
  /** Whoever iterates has a message in hand: what comes behind it waits until the next one is asked for. */
  #busy = false;
  #ended = false;
  #error: Error | null | undefined;

  constructor(types: readonly (keyof E & string)[]) {
    for (const type of types) this.#listeners[type] = new Set();
  }

  /** What was not taken yet. */
  get queued(): number {
    return this.#queue.length;
  }

  on<K extends keyof E & string>(type: K, listener: (event: E[K]) => void): () => void {
    const listeners = this.#listeners[type];
    mustBe(listeners, "type", `one of ${Object.keys(this.#listeners)}`, type);
    mustBe(typeof listener === "function", "listener", "a function", listener);
    listeners.add(listener);
    this.pump();
    return () => listeners.delete(listener);
  }

  /** Tells at once. */
  emit<K extends keyof E & string>(type: K, event: E[K]): void {
    const listeners = [...this.#listeners[type]] as ((event: E[K]) => void)[];
    for (const listener of listeners) guarded(() => listener(event));
  }

  /** To be told, or handed out, in its turn. */
  add<K extends keyof E & string>(type: K | "" | null, value: E[K], taken?: () => void): void {
    this.#queue.push({ type, value, taken });
    this.pump();
  }

  /** Hands on whatever somebody waits for. */
  pump(): void {
    for (let next; (next = this.#queue[0]) && this.#wanted(next);) {
      this.#queue.shift();
      next.taken?.();
      const taker = this.#taker;
      if (next.type !== "message" || !taker) {
        if (next.type) this.emit(next.type as never, next.value as never);
      } else {
        this.#taker = null;
        this.#busy = true;
        taker.resolve({ value: next.value as T, done: false });
      }
    }
    if (this.#queue.length > 0) return;
    if (!this.#ended) return this.emptied();
    const taker = this.#taker;
    this.#taker = null;
    if (this.#error && taker) {
      taker.reject(this.#error);
      this.#error = null;
    } else taker?.resolve(OVER);
  }

  /** Nothing waits. */
  protected emptied(): void {}

  /** Nothing more comes; with an error whoever iterates gets it, behind what waits. */
  end(error?: Error | null, queue: Waiting[] = this.#queue): void {
    this.#queue = queue;
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.pump();
  }

  /** @throws {InUseError} Somebody waits for a message already. */
  next(): Promise<IteratorResult<T, void>> {
    if (this.#taker) throw new InUseError("next() is pending: one loop takes all");
    this.#busy = false;
    const taken = new Promise<IteratorResult<T, void>>((resolve, reject) => this.#taker = { resolve, reject });
    this.pump();
    return taken;
  }

  return(): Promise<IteratorResult<T, void>> {
    return Promise.resolve(OVER);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #wanted({ type }: Waiting): boolean {
    return type !== "message" ? !this.#busy : !!this.#taker || this.#listeners.message.size > 0;
  }
}
