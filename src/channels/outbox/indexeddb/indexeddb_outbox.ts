/**
 * An outbox that outlives its page.
 *
 * @module
 */
import type { Outbox, OutboxLimits } from "../../client/client_api.ts";
import { outboxLimits } from "../../client/outbox.ts";

/** What is stored: a tab's own, by its id. */
type Row = readonly [tab: string, key: number, frame: string | Uint8Array];

/** Of the browser's database, what is needed. */
interface Request<T> {
  readonly result: T;
  readonly error: Error | null;
  onsuccess: () => void;
  onerror: () => void;
  onupgradeneeded: () => void;
}

interface Store {
  getAll(): Request<Row[]>;
  put(row: Row, key: readonly [string, number]): Request<unknown>;
  delete(key: readonly [string, number]): Request<unknown>;
}

interface Transaction {
  readonly error: Error | null;
  oncomplete: () => void;
  onabort: () => void;
  objectStore(name: string): Store;
}

interface Database {
  transaction(store: string, mode: Mode): Transaction;
  createObjectStore(name: string): unknown;
  close(): void;
}

type Mode = "readonly" | "readwrite";

/** Of its locks: one is held until the promise is over that `act` gives; null for one that another tab has. */
interface Locks {
  request(
    name: string,
    options: { readonly ifAvailable: true },
    act: (lock: object | null) => Promise<void> | undefined,
  ): Promise<void>;
}

const STORE = "outbox";

/**
 * Keeps what was not acknowledged in a database of the browser, so that it survives the page: its reload, its crash and
 * its end. Each tab has a part of its own. A tab that is opened, or reloaded, takes over the oldest part whose tab is
 * gone, with its session, and says what is in it. It needs Web Locks to see that (every browser has them in secure
 * contexts); without them the first client with this name takes over all there is, and a second at the same time must
 * have another name.
 *
 * @param name Of the database. What was said as one user must not be said as another: give each user one of its own.
 * @throws {OptionError} A limit can't be used.
 * @example
 * ```ts
 * const client = new ChannelClient("/channels", { outbox: indexedDbOutbox(`outbox of ${user}`) });
 * ```
 */
export function indexedDbOutbox(name: string, limits: OutboxLimits = {}): Outbox {
  // In the order in which they were opened.
  let tab = `${Date.now()} ${Math.random()}`;
  let opened: Promise<Database> | undefined;
  let letGo: (() => void) | undefined;
  const run = async <T>(mode: Mode, act: (store: Store) => Request<T>): Promise<T> => {
    const transaction = (await (opened ??= openDatabase(name))).transaction(STORE, mode);
    const request = act(transaction.objectStore(STORE));
    return await new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  };
  const hold = (id: string): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const { locks } = navigator as unknown as { readonly locks?: Locks };
      if (!locks) return resolve(true);
      const held = (lock: object | null): Promise<void> | undefined => {
        resolve(lock !== null);
        return lock ? new Promise((release) => letGo = release) : undefined;
      };
      locks.request(`${name} ${id}`, { ifAvailable: true }, held).catch(reject);
    });
  return {
    ...outboxLimits(limits),
    async load() {
      const rows = await run("readonly", (store) => store.getAll());
      for (const id of new Set([...rows.map(([id]) => id), tab])) {
        if (!await hold(id)) continue;
        tab = id;
        break;
      }
      return rows.filter(([id]) => id === tab).map(([, key, frame]) => [key, frame] as const);
    },
    async save(key, frame) {
      await run("readwrite", (store) => store.put([tab, key, frame], [tab, key]));
    },
    async remove(key) {
      await run("readwrite", (store) => store.delete([tab, key]));
    },
    async close() {
      letGo?.();
      (await opened)?.close();
    },
  };
}

function openDatabase(name: string): Promise<Database> {
  const { indexedDB } = globalThis as unknown as { readonly indexedDB: { open(name: string): Request<Database> } };
  const request = indexedDB.open(name);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
