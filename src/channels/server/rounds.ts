/**
 * Looks at something again and again.
 *
 * @module
 */
import { type Clock, idleTimer } from "../../clock.ts";

/** What is looked at, and when. */
export interface RoundsWorld {
  readonly clock: Clock;
  /** How long to wait before each look, in ms; Infinity for no look at all. */
  readonly every: number;
  /** One look. */
  look(): Promise<void>;
  /** Whether there is anything to look at. */
  isNeeded(): boolean;
  /** A look has rejected; the next one comes all the same. */
  failed(error: unknown): void;
}

/** Waits, then looks, then waits again: one look at a time, however long it takes, and no process goes on for it. */
export class Rounds {
  readonly #world: RoundsWorld;
  /** Ends the wait; null while there is neither a wait nor a look. */
  #cancel: (() => void) | null = null;
  #isOver = false;

  constructor(world: RoundsWorld) {
    this.#world = world;
  }

  /** There may be something to look at now. */
  begin(): void {
    const { clock, every } = this.#world;
    if (this.#cancel !== null || this.#isOver || every === Infinity || !this.#world.isNeeded()) return;
    this.#cancel = idleTimer(clock, () => void this.#look(), every);
  }

  /** Nobody looks any more. */
  end(): void {
    this.#isOver = true;
    this.#cancel?.();
  }

  async #look(): Promise<void> {
    try {
      await this.#world.look();
    } catch (error) {
      if (!this.#isOver) this.#world.failed(error);
    }
    this.#cancel = null;
    this.begin();
  }
}
