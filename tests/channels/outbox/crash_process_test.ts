/** An outbox in a file, whose process is killed while it says what is in it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Channels } from "../../../src/channels/mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import type { Server } from "../../../src/server/server_api.ts";
import { dice } from "../../support/dice.ts";
import { type Program, startProgram } from "../../support/processes.ts";

describe("a client with an outbox in a file", () => {
  const channels = new Channels({ history: { size: 100_000 } });
  let top = "";
  let server: Server | null = null;
  let port = 0;

  const serve = async (): Promise<void> => {
    server = await serveHttp(
      { port, hostname: "127.0.0.1" },
      (request) => channels.accept(request, { authorize: () => true }),
    );
    port = (server.address as { port: number }).port;
  };
  const stop = async (): Promise<void> => {
    await server?.close();
    server = null;
  };
  before(async () => {
    top = mkdtempSync(join(tmpdir(), "sluice-crash-"));
    await serve();
  });
  after(async () => {
    await stop();
    await channels.close();
    rmSync(top, { recursive: true, force: true });
  });

  const start = (folder: string, name: string, count: number): Program =>
    startProgram("tests/programs/channel_client.ts", {
      args: [`ws://127.0.0.1:${port}/`, join(top, folder), name, String(count)],
    });
  const lines = (program: Program, word: string): string[] =>
    program.stdout.split("\n").filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  let ends = 0;
  /** What the channel has that begins so, in order. */
  const published = async (prefix: string): Promise<string[]> => {
    const end = `end ${++ends}`;
    await channels.publish("room", end);
    const all: string[] = [];
    for await (const { data } of channels.subscribe("room", { since: "oldest" })) {
      if (data === end) break;
      if (String(data).startsWith(prefix)) all.push(String(data));
    }
    return all;
  };

  it("says in its next life what it had kept while there was no server", async () => {
    await stop();
    const first = start("down", "first", 50);
    await first.line("kept first 49");
    await first.kill();
    await serve();
    await using second = start("down", "second", 1);
    await second.line("over");
    assertEquals(
      await published("first"),
      Array.from({ length: 50 }, (_, n) => `first ${n}`),
    );
    assertEquals(await published("second"), ["second 0"]);
  });

  it("loses nothing that it had kept, and says nothing twice, killed at any moment", async () => {
    const roll = dice(7);
    const kept: string[] = [];
    const acknowledged: string[] = [];
    for (let life = 0; life < 4; life++) {
      const program = start("killed", `life${life}`, 10_000);
      await program.line(`acknowledged life${life} ${20 + roll(150)}`);
      await program.kill();
      kept.push(...lines(program, "kept"));
      acknowledged.push(...lines(program, "acknowledged"));
    }
    await using last = start("killed", "last", 1);
    await last.line("over");
    const all = await published("life");
    assert(kept.length > 80, `${kept.length} were kept`);
    assertEquals(new Set(all).size, all.length, "nothing is there twice");
    assertEquals(kept.filter((each) => !all.includes(each)), [], "everything kept is there");
    assertEquals(acknowledged.filter((each) => !all.includes(each)), []);
    for (let life = 0; life < 4; life++) {
      const numbers = all.filter((each) => each.startsWith(`life${life} `)).map((each) => Number(each.split(" ")[1]));
      assertEquals(numbers, [...numbers].sort((a, b) => a - b), "in order");
    }
  });
});
