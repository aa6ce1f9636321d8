/**
 * What sessions have asked of the log that is not done yet. They share one log: whoever asks without end would keep the
 * others waiting, and fill memory.
 *
 * @module
 */
import type { Session } from "./session.ts";

interface Due {
  count: number;
  /** Who waits until it is less. */
  waiting: (() => void)[];
}

/** Works under way, by session. */
export class Owed {
  readonly #most: number;
  readonly #bySession: Map<Session, Due> = new Map();

  /** @param most With more under way, a session is not heard. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Counts one until it is over. @param work It does not reject. */
  add(session: Session, work: Promise<unknown>): void {
    const due = this.#bySession.get(session) ?? { count: 0, waiting: [] };
    this.#bySession.set(session, due);
    due.count++;
    void work.then(() => {
      if (--due.count === 0) this.#bySession.delete(session);
      if (due.count > this.#most) return;
      for (const resolve of due.waiting.splice(0)) resolve();
    });
  }

  /** Before more is asked for: null to go on at once. */
  room(session: Session): Promise<void> | null {
    const due = this.#bySession.get(session);
    return due === undefined || due.count <= this.#most ? null : new Promise((resolve) => due.waiting.push(resolve));
  }
}
