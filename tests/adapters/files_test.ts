import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { fileAccess } from "../../adapters/shared/files.ts";
import { ChannelLogError, fileLog } from "../../src/channels/mod.ts";

describe("a folder that is made", () => {
  const files = fileAccess();
  let root = "";
  before(async () => {
    root = await mkdtemp(join(tmpdir(), "sluice-files-"));
  });
  after(() => rm(root, { recursive: true, force: true }));

  it("is made with those above it, for its owner alone, and is left as it is when it is there", async () => {
    const folder = join(root, "a", "b", "c");
    for (let i = 0; i < 2; i++) {
      await files.makeFolder(folder);
      assertEquals([(await stat(folder)).isDirectory(), (await stat(folder)).mode & 0o777], [true, 0o700]);
    }
    await chmod(folder, 0o755);
    await files.makeFolder(`${folder}/`);
    assertEquals((await stat(folder)).mode & 0o777, 0o755);
  });

  it("may be made by many at a time", async () => {
    const folder = join(root, "many", "at", "a", "time");
    await Promise.all(Array.from({ length: 32 }, () => files.makeFolder(folder)));
    assert((await stat(folder)).isDirectory());
  });

  it("fails where a file stands in its place, or in that of one above it", async () => {
    const file = join(root, "file");
    await writeFile(file, "");
    for (const path of [file, join(file, "a"), join(file, "a", "b")]) {
      const error = await assertRejects(() => files.makeFolder(path), Error);
      assertEquals((error as Error & { code?: string }).code, "ENOTDIR");
    }
    await assertRejects(() => fileLog(file).open(), ChannelLogError, `${file} is a file, no folder`);
  });

  it("fails in bounded time where the parent takes none", { skip: process.platform !== "linux" }, async () => {
    for (const path of ["/proc/nope", "/proc/nope/a/b", "/proc/self/fd/nope"]) {
      await assertRejects(() => files.makeFolder(path), Error);
      await assertRejects(() => fileLog(path).open(), ChannelLogError, `Cannot open the log in ${path}`);
    }
    await assertRejects(() => fileLog("/proc").open(), ChannelLogError, "Cannot open the log in /proc");
  });
});
