/**
 * Who follows which streams, and in which order they are told.
 *
 * @module
 */
import type { Notice } from "./log_api.ts";

interface Follower {
  readonly heard: (notice: Notice) => void;
  hasLeft: boolean;
}

interface Telling {
  readonly to: readonly Follower[];
  readonly notice: Notice;
}

const NOBODY: readonly Follower[] = [];

/** Followers by stream. */
export class Followers {
  /** Lists are replaced, never changed: one that is being told of something stays as it is. */
  readonly #lists: Map<string, readonly Follower[]> = new Map();
  /** Notices that wait until the one before was told; null while none is being told. */
  #waiting: Telling[] | null = null;

  /** Whether anybody follows that stream. */
  has(stream: string): boolean {
    return this.#lists.has(stream);
  }

  /** Tells `heard` of the stream until the function that it gives is called. */
  add(stream: string, heard: (notice: Notice) => void): () => void {
    const follower: Follower = { heard, hasLeft: false };
    this.#lists.set(stream, [...this.#lists.get(stream) ?? NOBODY, follower]);
    return () => {
      if (follower.hasLeft) return;
      follower.hasLeft = true;
      const others = (this.#lists.get(stream) ?? NOBODY).filter((other) => other !== follower);
      if (others.length === 0) this.#lists.delete(stream);
      else this.#lists.set(stream, others);
    };
  }

  /** Tells those who follow now; behind what is being told, where one of them has caused it. */
  tell(stream: string, notice: Notice): void {
    const to = this.#lists.get(stream);
    if (to === undefined) return;
    if (this.#waiting !== null) {
      this.#waiting.push({ to, notice });
      return;
    }
    const waiting: Telling[] = this.#waiting = [];
    try {
      call(to, notice);
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) call(next.to, next.notice);
    } finally {
      this.#waiting = null;
    }
  }

  /** Nobody follows anything any more. */
  clear(): void {
    for (const list of this.#lists.values()) for (const follower of list) follower.hasLeft = true;
    this.#lists.clear();
  }
}

function call(to: readonly Follower[], notice: Notice): void {
  for (const follower of to) if (!follower.hasLeft) follower.heard(notice);
}
