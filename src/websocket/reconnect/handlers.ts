/**
 * Event handlers as attributes: `socket.onmessage = ...` (HTML, section 8.1.8.1).
 *
 * @module
 */

/** What such an attribute holds. */
export type EventHandler<E extends Event> = ((event: E) => unknown) | null;

/** The handlers of one target. Each has its place among the listeners from when it was first set. */
export class EventHandlers {
  readonly #target: EventTarget;
  readonly #handlers: Map<string, EventHandler<Event>> = new Map();

  constructor(target: EventTarget) {
    this.#target = target;
  }

  /** The handler for events of a type; null for none. */
  get<E extends Event>(type: string): EventHandler<E> {
    return (this.#handlers.get(type) ?? null) as EventHandler<E>;
  }

  /** Puts a handler in the place of another; what is no function is none. */
  set<E extends Event>(type: string, handler: EventHandler<E>): void {
    if (!this.#handlers.has(type)) {
      this.#target.addEventListener(type, (event) => this.#handlers.get(type)?.call(this.#target, event));
    }
    this.#handlers.set(type, typeof handler === "function" ? handler as EventHandler<Event> : null);
  }
}
