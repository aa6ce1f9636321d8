/**
 * Messages that wait for a connection: bounded, in order.
 *
 * @module
 */
import { sizeOf } from "../../text_size.ts";
import { QueueFullError } from "./reconnect_errors.ts";
import type { WhenFull } from "./reconnect_api.ts";

/** Limits of a queue, and what becomes of a message beyond them. */
export interface QueueLimits {
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
  readonly whenFull: WhenFull;
}

interface Queued {
  readonly data: string | Uint8Array;
  readonly size: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Promises settle as messages leave, whichever way they do. */
export class SendQueue {
  readonly #limits: QueueLimits;
  #messages: Queued[] = [];
  #bytes = 0;
  #dropped = 0;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  /** Messages that wait. */
  get length(): number {
    return this.#messages.length;
  }

  /** Their bytes, text as UTF-8. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Messages that found no room, or gave theirs to newer ones. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Queues a message, as far as the limits and the policy let it. */
  add(data: string | Uint8Array, resolve: () => void, reject: (error: Error) => void): void {
    const message = { data, size: sizeOf(data), resolve, reject };
    const { maxQueued, maxQueuedBytes, whenFull } = this.#limits;
    if (maxQueued < 1 || message.size > maxQueuedBytes) return this.#drop(message, "is more than the queue may hold");
    if (whenFull === "reject" && !this.#fits(message)) return this.#drop(message, "finds the queue full");
    while (!this.#fits(message)) this.#drop(this.#shift(), "gave its place to a newer one");
    this.#messages.push(message);
    this.#bytes += message.size;
  }

  /** Hands messages to `take`, first come first, until it takes no more. */
  drain(take: (data: string | Uint8Array) => boolean): void {
    while (this.#messages.length > 0) {
      const first = this.#messages[0];
      try {
        if (!take(first.data)) return;
      } catch (error) {
        this.#shift().reject(error as Error);
        continue;
      }
      this.#shift().resolve();
    }
  }

  /** Rejects all that wait. */
  fail(error: Error): void {
    const messages = this.#messages;
    this.#messages = [];
    this.#bytes = 0;
    for (const message of messages) message.reject(error);
  }

  #fits(message: Queued): boolean {
    const { maxQueued, maxQueuedBytes } = this.#limits;
    return this.#messages.length < maxQueued && this.#bytes + message.size <= maxQueuedBytes;
  }

  #shift(): Queued {
    const message = this.#messages.shift()!;
    this.#bytes -= message.size;
    return message;
  }

  #drop(message: Queued, why: string): void {
    this.#dropped++;
    const { maxQueued, maxQueuedBytes } = this.#limits;
    message.reject(
      new QueueFullError(
        `A message of ${message.size} bytes ${why}: raise maxQueued (${maxQueued}) or maxQueuedBytes ` +
          `(${maxQueuedBytes}), or send less while there is no connection`,
      ),
    );
  }
}
