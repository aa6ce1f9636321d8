/** The outbox in a browser's database, on one in memory. */
import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { indexedDbOutbox } from "../../../src/channels/outbox/indexeddb/mod.ts";
import { FakeServer, fateOf, meet } from "../../fixtures/channel_world.ts";
import { outboxCases } from "../../fixtures/outbox_cases.ts";

const globals = globalThis as { indexedDB?: unknown; IDBKeyRange?: unknown };

/** A browser: its database, and its locks, which end with the tab that has them. */
class Browser {
  readonly #held: Map<string, number> = new Map();
  #tab = 0;

  constructor() {
    globals.indexedDB = new IDBFactory();
    globals.IDBKeyRange = IDBKeyRange;
    const request = (name: string, _: object, act: (lock: object | null) => Promise<void> | undefined) => {
      const isHeld = this.#held.has(name);
      if (!isHeld) this.#held.set(name, this.#tab);
      const held = Promise.resolve(act(isHeld ? null : {}));
      return isHeld ? held : held.then(() => void this.#held.delete(name));
    };
    Object.defineProperty(globalThis.navigator ?? (globalThis.navigator = {} as Navigator), "locks", {
      value: { request },
      configurable: true,
    });
  }

  /** From here on another tab acts. */
  open(): number {
    return ++this.#tab;
  }

  /** A tab is gone, with its locks. */
  crash(tab: number): void {
    for (const [name, holder] of this.#held) if (holder === tab) this.#held.delete(name);
  }
}

describe("indexedDbOutbox()", () => {
  outboxCases(() => {
    const browser = new Browser();
    let tab = browser.open();
    return {
      open: () => indexedDbOutbox("outbox"),
      crash: () => {
        browser.crash(tab);
        tab = browser.open();
      },
      end: () => Promise.resolve(),
    };
  });

  it("has a part for each tab; one that is opened takes over the oldest of a tab that is gone", async () => {
    const browser = new Browser();
    const first = browser.open();
    const a = indexedDbOutbox("outbox");
    assertEquals([...await a.load()], []);
    await a.save(1, "of a");
    browser.open();
    const b = indexedDbOutbox("outbox");
    assertEquals([...await b.load()], []);
    await b.save(1, "of b");
    browser.crash(first);
    browser.open();
    const c = indexedDbOutbox("outbox");
    assertEquals([...await c.load()], [[1, "of a"]]);
    await c.remove(1);
    await b.close();
    browser.open();
    const d = indexedDbOutbox("outbox");
    assertEquals([...await d.load()], [[1, "of b"]]);
  });

  it("tells when a message can't be kept, and one that is refused by the database is not said", async () => {
    new Browser().open();
    const server = new FakeServer();
    const outbox = indexedDbOutbox("outbox");
    const full = {
      ...outbox,
      save: (key: number, frame: string | Uint8Array) => {
        return key === 2 ? Promise.reject(new DOMException("no room", "QuotaExceededError")) : outbox.save(key, frame);
      },
    };
    const { client } = meet({ outbox: full }, server);
    const fates = [1, 2, 3].map((n) => fateOf(client.publish("room", n)));
    await server.pass(500);
    assertEquals(server.log("room").entries.map(({ data }) => data), [1, 3]);
    assertEquals(typeof fates[1].now, "number");
    await Promise.all([client.close(), server.settle()]);
  });

  it("that can't be opened ends the client", async () => {
    new Browser().open();
    globals.indexedDB = {
      open: () => {
        throw new DOMException("private window", "SecurityError");
      },
    };
    const { client, server, errors } = meet({ outbox: indexedDbOutbox("outbox") });
    const published = client.publish("room", 1);
    await server.pass(200);
    assertEquals([client.state, errors.map(({ message }) => message)], ["closed", ["private window"]]);
    await assertRejects(() => published, DOMException, "private window");
  });
});
