/**
 * Who hears of what happens: observers of servers, requests and channels.
 *
 * @module
 */
import { OptionError } from "./errors.ts";

/** What an observer may hear of: the compiler sees to it that no event is missing. */
export type Events<T> = { readonly [Name in keyof Required<T>]: true };

/**
 * A list that is made anew at each change, so that whoever goes through it is not disturbed; null while nobody listens,
 * so that nothing has to be made for nobody.
 */
export class Observers<T extends object> {
  /** In the order in which they came. */
  list: readonly T[] | null = null;
  /** Hears what an observer throws: it reaches nobody else. */
  readonly failed: (error: unknown) => void;

  constructor(failed: (error: unknown) => void) {
    this.failed = failed;
  }

  /** Lets one hear; the function that this gives ends it. One that is there twice hears all twice. */
  add(observer: T): () => void {
    this.list = [...this.list ?? [], observer];
    let isThere = true;
    return () => {
      if (!isThere) return;
      isThere = false;
      const left = [...this.list!];
      left.splice(left.indexOf(observer), 1);
      this.list = left.length === 0 ? null : left;
    };
  }

  /** Tells all of them; for what doesn't happen at each request. @param call Gives what the observer gives. */
  tell(call: (observer: T) => unknown): void {
    for (const observer of this.list ?? []) {
      try {
        this.told(call(observer));
      } catch (error) {
        this.failed(error);
      }
    }
  }

  /** What one has given: nothing, unless it is an async function, whose failure must not end the process. */
  told(given: unknown): void {
    if (given instanceof Promise) given.catch(this.failed);
  }
}

/** Whether an observer hears of one of these events. */
export function hears(observer: object, events: Readonly<Record<string, true>>): boolean {
  return Object.keys(events).some((name) => (observer as Record<string, unknown>)[name] !== undefined);
}

/**
 * An object of a class may have more than what is called; of what is called there has to be something, or it is a slip
 * of the pen.
 *
 * @throws {OptionError} It hears of nothing that there is.
 */
export function checkObserver(observer: unknown, events: Readonly<Record<string, true>>): void {
  const names = Object.keys(events);
  if (typeof observer !== "object" || observer === null) {
    throw new OptionError("observer", `observe() takes an object with ${names[0]}() or others, got ${typeof observer}`);
  }
  const given = names.filter((name) => (observer as Record<string, unknown>)[name] !== undefined);
  if (given.length === 0) {
    throw new OptionError(
      "observer",
      `observe() takes an object with one of ${names.join(", ")}, and found none there`,
    );
  }
  for (const name of given) {
    const type = typeof (observer as Record<string, unknown>)[name];
    if (type !== "function") throw new OptionError(name, `${name} of an observer must be a function, got ${type}`);
  }
}
