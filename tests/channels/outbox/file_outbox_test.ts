/** The outbox in a file: crashes, torn ends, full disks, and two who want it. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { InUseError, OptionError } from "../../../src/errors.ts";
import { fileOutbox } from "../../../src/channels/outbox/file/mod.ts";
import type { Outbox } from "../../../src/channels/client/mod.ts";
import type { FileAccess } from "../../../src/files.ts";
import { defaultAdapter } from "../../../src/runtime.ts";
import { outboxCases } from "../../fixtures/outbox_cases.ts";

/** Folders as they were at a crash: another life gets a copy, since a lock ends with its process only. */
class Folders {
  readonly #top: string = mkdtempSync(join(tmpdir(), "sluice-outbox-"));
  readonly #opened: Outbox[] = [];
  #life = 0;

  get folder(): string {
    return join(this.#top, String(this.#life));
  }

  open(options: Parameters<typeof fileOutbox>[1] = {}): Outbox {
    const outbox = fileOutbox(this.folder, options);
    this.#opened.push(outbox);
    return outbox;
  }

  crash(): void {
    const from = this.folder;
    this.#life++;
    cpSync(from, this.folder, { recursive: true, filter: (path) => !/(lock|coming)-/.test(path) });
  }

  async end(): Promise<void> {
    for (const outbox of this.#opened) await outbox.close();
    rmSync(this.#top, { recursive: true, force: true });
  }
}

const entries = async (outbox: Outbox) => [...await outbox.load()].sort(([a], [b]) => a - b);

/** Runs with folders of its own. */
async function withFolders(body: (folders: Folders) => Promise<void>): Promise<void> {
  const folders = new Folders();
  try {
    await body(folders);
  } finally {
    await folders.end();
  }
}

describe("fileOutbox()", () => {
  outboxCases(() => new Folders());

  it("loses what was being written when it died, and nothing else, wherever it was cut", () =>
    withFolders(async (folders) => {
      const first = folders.open();
      await entries(first);
      for (const n of [1, 2, 3]) await first.save(n, `message ${n}`);
      const whole = readFileSync(join(folders.folder, "outbox"));
      const ends = [...whole.entries()].filter(([, byte]) => byte === 10).map(([at]) => at + 1);
      for (let length = 0; length <= whole.length; length++) {
        folders.crash();
        writeFileSync(join(folders.folder, "outbox"), whole.subarray(0, length));
        const outbox = folders.open();
        const kept = (await entries(outbox)).map(([key]) => key);
        assertEquals(kept, [1, 2, 3].slice(0, ends.filter((end) => end <= length).length));
        await outbox.save(9, "after");
        await outbox.close();
        const again = folders.open();
        assertEquals((await entries(again)).map(([key]) => key), [...kept, 9]);
        await again.close();
      }
    }));

  it("is one client's at a time, in one process as well", () =>
    withFolders(async (folders) => {
      const first = folders.open();
      await entries(first);
      await assertRejects(() => folders.open().load() as Promise<unknown>, InUseError, "another client's");
      await first.close();
      const second = folders.open();
      assertEquals(await entries(second), []);
    }));

  it("stays small, however much goes through it", () =>
    withFolders(async (folders) => {
      const outbox = folders.open({ sync: true });
      await entries(outbox);
      await outbox.save(0, "session");
      for (let n = 1; n <= 200; n++) {
        await outbox.save(n, new Uint8Array(2000));
        await outbox.remove(n);
      }
      assert(statSync(join(folders.folder, "outbox")).size < 100_000);
      folders.crash();
      assertEquals(await entries(folders.open()), [[0, "session"]]);
      assertEquals(readdirSync(folders.folder).filter((name) => name.endsWith(".new")), []);
    }));

  it("rejects when the disk is full, keeps what it has, and goes on when there is room", () =>
    withFolders(async (folders) => {
      let isFull = false;
      const files = await runtimeFiles();
      const outbox = folders.open({ files: leaky(files, () => isFull) });
      await entries(outbox);
      await outbox.save(1, "fits");
      isFull = true;
      await assertRejects(() => outbox.save(2, "x".repeat(100)), Error, "ENOSPC");
      isFull = false;
      await outbox.remove(2);
      await outbox.save(3, "fits");
      folders.crash();
      assertEquals(await entries(folders.open()), [[1, "fits"], [3, "fits"]]);
    }));

  it("throws synchronously for what it can't use", () => {
    assertThrows(() => fileOutbox(""), OptionError, "folder");
    assertThrows(() => fileOutbox(undefined as never), OptionError, "folder");
    assertThrows(() => fileOutbox("x", { snyc: true } as never), OptionError, "did you mean sync");
    assertThrows(() => fileOutbox("x", { sync: 1 as never }), OptionError, "sync");
    assertThrows(() => fileOutbox("x", { maxQueued: 0 }), OptionError, "maxQueued");
  });
});

async function runtimeFiles(): Promise<FileAccess> {
  return await (await defaultAdapter()).files!();
}

/** Files of a disk that takes half of a write, and then nothing, while it is full. */
function leaky(files: FileAccess, isFull: () => boolean): FileAccess {
  return new Proxy(files, {
    get: (target, name) => {
      const member = Reflect.get(target, name) as (...args: never[]) => unknown;
      if (name !== "open") return member.bind(target);
      return async (...args: Parameters<FileAccess["open"]>) => {
        const file = await files.open(...args);
        let half = true;
        return {
          read: file.read.bind(file),
          sync: file.sync.bind(file),
          truncate: file.truncate.bind(file),
          size: file.size.bind(file),
          close: file.close.bind(file),
          write: (bytes: Uint8Array, position: number) => {
            if (!isFull()) return file.write(bytes, position);
            half = !half;
            if (half) return Promise.reject(new Error("ENOSPC: no space left on device"));
            return file.write(bytes.subarray(0, bytes.length >> 1), position);
          },
        };
      };
    },
  });
}
