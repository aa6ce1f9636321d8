/**
 * The sockets that a supervisor holds for its workers, whichever generation they are of.
 *
 * @module
 */
import { ListenError } from "../../errors.ts";
import type { Address } from "../../endpoint.ts";
import { isSamePlace } from "../../same_place.ts";
import type { BoundSocket, SocketHolder, SocketWish } from "../../parent.ts";

/** A socket that has a name, in the settings or by systemd. */
export interface NamedSocket {
  /** Its name. */
  readonly name: string;
  /** It. */
  readonly socket: BoundSocket;
  /** Where it was to be bound: port 0 is another one each time. */
  readonly wanted: Address;
}

/** Each socket is bound once, by the first worker that asks for it. */
export class HeldSockets {
  readonly #holder: SocketHolder;
  readonly #named: readonly NamedSocket[];
  readonly #byKey: Map<string, Promise<BoundSocket>> = new Map();
  readonly #keys: Map<BoundSocket, string> = new Map();
  /** Which generation asked for it last. */
  readonly #lastAsked: Map<BoundSocket, number> = new Map();
  readonly #bound: Set<BoundSocket> = new Set();
  #isClosed = false;

  /** @param named Those that are open already. */
  constructor(holder: SocketHolder, named: readonly NamedSocket[]) {
    this.#holder = holder;
    this.#named = named;
    for (const { socket } of named) this.#bound.add(socket);
  }

  /** Where they are. */
  get addresses(): readonly Address[] {
    return [...this.#bound].map(({ address }) => address);
  }

  /** Rejects with `ListenError`. @param generation Of the worker that asks. */
  async give(wish: SocketWish, generation: number): Promise<BoundSocket> {
    const socket = await this.#find(wish);
    this.#lastAsked.set(socket, Math.max(generation, this.#lastAsked.get(socket) ?? 0));
    return socket;
  }

  /** Those with a name that nobody has asked for: whoever connects there waits for ever. */
  get unused(): readonly NamedSocket[] {
    return this.#named.filter(({ socket }) => !this.#lastAsked.has(socket));
  }

  /** Closes what this generation has not asked for, unless it has a name; a client is refused rather than kept waiting. */
  prune(generation: number): readonly Address[] {
    const left = [...this.#bound].filter((socket) =>
      (this.#lastAsked.get(socket) ?? generation) < generation && !this.#named.some((one) => one.socket === socket)
    );
    for (const socket of left) this.#forget(socket);
    return left.map(({ address }) => address);
  }

  #forget(socket: BoundSocket): void {
    this.#bound.delete(socket);
    this.#lastAsked.delete(socket);
    this.#byKey.delete(this.#keys.get(socket) ?? "");
    this.#keys.delete(socket);
    socket.close();
  }

  #find(wish: SocketWish): Promise<BoundSocket> {
    if (this.#isClosed) {
      return Promise.reject(new ListenError("ERR_PARENT", "The supervisor stops, it opens no sockets"));
    }
    if (wish.name !== null) return this.#byName(wish.name);
    const known = this.#named.find(({ wanted, socket }) =>
      wish.nth === 0 && (isSamePlace(wanted, wish.address!) || isSamePlace(socket.address, wish.address!))
    );
    if (known !== undefined) return Promise.resolve(known.socket);
    const key = `${wish.nth} ${keyOf(wish.address!)}`;
    const there = this.#byKey.get(key);
    if (there !== undefined) return there;
    const bound = this.#bind(wish, key);
    this.#byKey.set(key, bound);
    // What can't be bound now may be free at the next attempt.
    bound.catch(() => this.#byKey.delete(key));
    return bound;
  }

  /** Closes them here; who has got one has it still. */
  close(): void {
    this.#isClosed = true;
    for (const socket of this.#bound) socket.close();
    this.#bound.clear();
  }

  async #bind(wish: SocketWish, key: string): Promise<BoundSocket> {
    const socket = await this.#holder.bind(wish);
    if (this.#isClosed) {
      socket.close();
      throw new ListenError("ERR_PARENT", "The supervisor stops, it opens no sockets");
    }
    this.#bound.add(socket);
    this.#keys.set(socket, key);
    return socket;
  }

  #byName(name: string): Promise<BoundSocket> {
    const found = this.#named.find((one) => one.name === name);
    if (found !== undefined) return Promise.resolve(found.socket);
    const names = this.#named.map((one) => one.name).join(", ") || "none";
    const message = `No socket is named ${JSON.stringify(name)}: there are ${names}`;
    return Promise.reject(new ListenError("ERR_INHERIT", message));
  }
}

function keyOf(address: Address): string {
  return address.transport === "unix" ? address.path : `${address.hostname} ${address.port}`;
}
