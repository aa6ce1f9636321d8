/** Real files, as editors, deployments and Kubernetes change them, on the runtime that runs this. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { systemClock } from "../../../mod.ts";
import { type Config, loadConfig } from "../../../src/run/config/mod.ts";
import { within } from "../../support/processes.ts";

const SCHEMA = v.object({ a: v.number(), secret: v.optional(v.string()) });
type Value = v.InferOutput<typeof SCHEMA>;

/** Longest wait for what the kernel tells, in ms. */
const LIMIT = 20_000;

class World {
  readonly folder: string;
  readonly file: string;
  /** Values of `a` that were applied. */
  readonly applied: number[] = [];
  readonly refused: string[] = [];
  config!: Config<Value>;
  #timers = 0;
  #wake: () => void = () => {};

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), "sluice-config-"));
    this.file = join(this.folder, "app.json");
  }

  /** What the kernel tells alone: nothing is looked at by itself. */
  async load(poll: number = 0): Promise<void> {
    const noted = () => {};
    this.config = await loadConfig(this.file, {
      schema: SCHEMA,
      watch: true,
      debounce: 20,
      poll,
      clock: { ...systemClock, setIdleTimer: (fn, delay) => this.#timer(fn, delay) },
      logger: {
        debug: noted,
        info: noted,
        warn: (msg) => this.#note(() => this.refused.push(`warn ${msg}`)),
        error: () => this.#note(() => this.refused.push(this.config.status.error!.issues[0].expected)),
      },
    });
    this.config.onChange(({ a }) => this.#note(() => this.applied.push(a)));
  }

  #timer(fn: () => void, delay: number): () => void {
    let isOver = false;
    const end = (): void => {
      if (!isOver) this.#timers--;
      isOver = true;
    };
    this.#timers++;
    const cancel = systemClock.setTimer(() => {
      end();
      fn();
      this.#wake();
    }, delay);
    return () => {
      end();
      cancel();
    };
  }

  /** Waits until no look is to come: what is found from then on was heard of. */
  async rest(): Promise<void> {
    do {
      await this.until(() => this.#timers === 0);
      await this.config.reload();
    } while (this.#timers > 0);
  }

  #note(note: () => void): void {
    note();
    this.#wake();
  }

  /** Waits until something is so; it is asked whenever something was applied or refused. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await within(
        new Promise<void>((resolve) => this.#wake = resolve),
        LIMIT,
        () => `${this.applied} ${this.refused}`,
      );
    }
  }

  async untilApplied(a: number): Promise<void> {
    await this.until(() => this.applied.includes(a));
  }

  replace(text: string, file: string = this.file): void {
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  }

  [Symbol.dispose](): void {
    this.config?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function withWorld(body: (world: World) => Promise<void>): Promise<void> {
  const world = new World();
  try {
    await body(world);
  } finally {
    world[Symbol.dispose]();
  }
}

describe("a file that is watched", () => {
  it("may be replaced by another of its name, again and again", () =>
    withWorld(async (world) => {
      world.replace('{ "a": 0 }');
      await world.load();
      for (let a = 1; a <= 5; a++) {
        world.replace(`{ "a": ${a} }`);
        await world.untilApplied(a);
      }
      assertEquals([world.applied, world.refused], [[1, 2, 3, 4, 5], []]);
    }));

  it("may be written in place, and be moved aside first, as editors do it", () =>
    withWorld(async (world) => {
      world.replace('{ "a": 0 }');
      await world.load();
      writeFileSync(world.file, '{ "a": 1 }');
      await world.untilApplied(1);
      renameSync(world.file, `${world.file}~`);
      writeFileSync(world.file, '{ "a": 2 }');
      await world.untilApplied(2);
      assertEquals(world.applied, [1, 2]);
    }));

  it("may stand behind a link to a folder that is changed, as in Kubernetes", () =>
    withWorld(async (world) => {
      const { folder } = world;
      const put = (generation: number): void => {
        mkdirSync(join(folder, `..${generation}`));
        writeFileSync(join(folder, `..${generation}`, "app.json"), `{ "a": ${generation} }`);
        symlinkSync(`..${generation}`, join(folder, "..data_tmp"));
        // The old one goes some time later: nothing may depend on that.
        renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
      };
      put(0);
      symlinkSync(join("..data", "app.json"), world.file);
      await world.load();
      for (let generation = 1; generation <= 4; generation++) {
        await world.rest();
        put(generation);
        await world.untilApplied(generation);
      }
      assertEquals([world.applied, world.refused], [[1, 2, 3, 4], []]);
    }));

  it("may be a link to a file elsewhere, and the link may be changed", () =>
    withWorld(async (world) => {
      const elsewhere = join(world.folder, "elsewhere");
      mkdirSync(elsewhere);
      writeFileSync(join(elsewhere, "one.json"), '{ "a": 0 }');
      symlinkSync(join(elsewhere, "one.json"), world.file);
      await world.load();
      world.replace('{ "a": 1 }', join(elsewhere, "one.json"));
      await world.untilApplied(1);
      await world.rest();
      writeFileSync(join(elsewhere, "two.json"), '{ "a": 2 }');
      symlinkSync(join(elsewhere, "two.json"), `${world.file}.new`);
      renameSync(`${world.file}.new`, world.file);
      await world.untilApplied(2);
      await world.rest();
      world.replace('{ "a": 3 }', join(elsewhere, "two.json"));
      await world.untilApplied(3);
      assertEquals([world.applied, world.refused], [[1, 2, 3], []]);
    }));

  it("changes nothing while it is empty, half-written or broken, and everything when it is whole", () =>
    withWorld(async (world) => {
      world.replace('{ "a": 0 }');
      await world.load();
      const refused = ["is empty: it must be an object", 'must have "," or "}" here, the file ends', "must be number"];
      for (const [i, text] of ["", '{ "a": 1', '{ "a": "1" }'].entries()) {
        writeFileSync(world.file, text);
        await world.until(() => world.refused.includes(refused[i]));
        assertEquals(world.config.value, { a: 0 });
      }
      writeFileSync(world.file, '{ "a": 1 }');
      await world.untilApplied(1);
      assertEquals([world.applied, world.refused, world.config.status.error], [[1], refused, null]);
    }));

  it("brings the files of its secrets along", () =>
    withWorld(async (world) => {
      const secrets = join(world.folder, "secrets");
      mkdirSync(secrets);
      writeFileSync(join(secrets, "db"), "one\n");
      world.replace('{ "a": 0, "secret": { "$file": "secrets/db" } }');
      await world.load();
      let seen = "";
      world.config.onChange(({ secret }) => void (seen = secret!));
      world.replace("two\n", join(secrets, "db"));
      await world.untilApplied(0);
      await world.until(() => seen === "two");
      assertEquals(world.config.status.refused, 0);
    }));

  it("is found again when its folder was taken away, by looking now and then", () =>
    withWorld(async (world) => {
      world.replace('{ "a": 0 }');
      await world.load(50);
      rmSync(world.folder, { recursive: true });
      await world.until(() => world.refused.includes("can't be read: there is no such file"));
      mkdirSync(world.folder);
      world.replace('{ "a": 1 }');
      await world.untilApplied(1);
      world.replace('{ "a": 2 }');
      await world.untilApplied(2);
      assertEquals(world.applied, [1, 2]);
    }));

  it("is watched in the folder that has taken the name of another, once it was looked at", () =>
    withWorld(async (world) => {
      world.replace('{ "a": 0 }');
      await world.load();
      const aside = mkdtempSync(join(tmpdir(), "sluice-config-"));
      renameSync(world.folder, aside);
      try {
        mkdirSync(world.folder);
        world.replace('{ "a": 1 }');
        await world.rest();
        assertEquals(world.config.value.a, 1);
        world.replace('{ "a": 2 }');
        await world.untilApplied(2);
        assertEquals(world.applied, [1, 2]);
      } finally {
        rmSync(aside, { recursive: true });
      }
    }));

  it("must be a file, and no endless one", () =>
    withWorld(async (world) => {
      mkdirSync(world.file);
      const load = (file: string) => loadConfig(file, { schema: SCHEMA }).catch(({ issues }) => issues[0].expected);
      assertEquals(await load(world.file), "can't be read: it is no file");
      assertEquals(await load("/dev/zero"), "can't be read: it is no file");
      assertEquals(await load(join(world.folder, "none")), "can't be read: there is no such file");
      writeFileSync(join(world.folder, "large"), "x".repeat(1_048_577));
      assertEquals(
        await load(join(world.folder, "large")),
        "can't be read: it has 1048577 bytes, and 1048576 at the most are read",
      );
      writeFileSync(join(world.folder, "bytes"), new Uint8Array([0x7b, 0xff, 0x7d]));
      assertEquals(await load(join(world.folder, "bytes")), "can't be read: it is not UTF-8");
    }));
});
