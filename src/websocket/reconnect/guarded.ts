/**
 * Calls what others wrote.
 *
 * @module
 */

/** An error of theirs doesn't break the order here: it becomes an uncaught one, as in an event listener. */
export function guarded<T>(theirs: () => T, otherwise?: T): T {
  try {
    return theirs();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
    return otherwise as T;
  }
}
