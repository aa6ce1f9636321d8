import { describe, it } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { type Logger, OptionError, type ServeOptions, silentLogger } from "../../../mod.ts";
import { type Client, echoLines, type World, world } from "../../support/world.ts";
import { bodyOf, httpWorld } from "../../support/http_world.ts";

/** The answer to a line, or how the client ended. */
async function ask(w: World, client: Client, line: string): Promise<string> {
  client.send(`${line}\n`);
  await w.pass(10);
  return client.text === "" ? client.end : client.text;
}

describe("the admission option admit", () => {
  it("turns new connections away while it says false, leaves open ones alone, and lets in afterwards", async () => {
    let open = true;
    await using w = await world(echoLines, { admit: () => open, rejectWith: "busy\n" });
    const before = await w.client();
    open = false;
    const during = await w.client();
    await w.pass(10);
    assertEquals([during.text, during.end], ["busy\n", "fin"]);
    assertEquals(await ask(w, before, "a"), "echo: a\n");
    open = true;
    assertEquals(await ask(w, await w.client(), "b"), "echo: b\n");
    assertEquals([w.server.stats.rejected.admit, w.server.stats.active], [1, 2]);
  });

  it("gives HTTP's clients 503 with Retry-After", async () => {
    await using w = await httpWorld(() => new Response("ok"), { admit: () => false, retryAfter: 7 });
    const peer = await w.peer({ unasked: 1 });
    await w.pass(10);
    assertEquals([peer.statuses, peer.end, peer.last.closes], [[503], "fin", true]);
    assertEquals(bodyOf(peer.last), "the server is at its limit\n");
    assertEquals(/retry-after: 7\r\n/.test(peer.text), true);
  });

  it("lets connections wait under the policy queue, and asks again though nobody leaves", async () => {
    let open = false;
    let asked = 0;
    const admit = () => (asked++, open);
    await using w = await world(echoLines, { admit, policy: "queue", keepAlive: 0 });
    const [one, two] = [await w.client(), await w.client()];
    one.send("a\n");
    two.send("b\n");
    await w.pass(1000);
    assertEquals([one.text, two.text, w.server.stats.queued], ["", "", 2]);
    // Once for each that came, and then once in 100 ms for the first of them.
    assertEquals(asked <= 13, true);
    open = true;
    await w.pass(110);
    assertEquals([one.text, two.text, w.server.stats.queued], ["echo: a\n", "echo: b\n", 0]);
    assertEquals(w.clock.pending, 0);
  });

  it("asks no more when nobody waits, and a drain ends though somebody does", async () => {
    let asked = 0;
    const admit = () => (asked++, false);
    await using w = await world(echoLines, { admit, policy: "queue" });
    const one = await w.client();
    await w.pass(50);
    const report = await w.until(w.server.shutdown());
    assertEquals([report.admissionQueueLeft, one.end], [1, "reset"]);
    const before = asked;
    await w.pass(1000);
    assertEquals(asked, before);
  });

  it("respects the rate and the other limits as well", async () => {
    let open = false;
    await using w = await world(echoLines, { admit: () => open, policy: "queue", acceptRate: 2, acceptBurst: 1 });
    const clients = [await w.client(), await w.client(), await w.client()];
    for (const client of clients) client.send("x\n");
    await w.pass(2000);
    const served = () => clients.filter(({ text }) => text !== "").length;
    assertEquals(served(), 0);
    open = true;
    await w.pass(110);
    assertEquals(served(), 1);
    await w.pass(1200);
    assertEquals(served(), 3);
  });

  it("sheds the longest idle of all under the policy shedIdle", async () => {
    let open = true;
    await using w = await world(echoLines, { admit: () => open, policy: "shedIdle" });
    const [first, second] = [await w.client({ from: "10.0.0.1" }), await w.client({ from: "10.0.0.2" })];
    await ask(w, first, "a");
    await ask(w, second, "b");
    await w.pass(1000);
    open = false;
    const third = await w.client({ from: "10.0.0.3" });
    assertEquals(await ask(w, third, "c"), "echo: c\n");
    assertEquals([first.end, second.end, w.server.stats.shed], ["fin", "open", 1]);
  });

  it("is set, replaced and kept by configure()", async () => {
    await using w = await world(echoLines);
    const end = async () => {
      const client = await w.client();
      await w.pass(10);
      return client.end;
    };
    w.server.configure({ admit: () => false });
    assertEquals(await end(), "fin");
    w.server.configure({ maxConnections: 10 });
    assertEquals(await end(), "fin");
    assertThrows(() => w.server.configure({ admit: false } as unknown as ServeOptions), OptionError, "admit must be");
    w.server.configure({ admit: () => true });
    assertEquals(await end(), "open");
  });

  it("lets in when it throws, and logs why", async () => {
    const logged: string[] = [];
    const error = (what: string, { error }: { error: Error }) => logged.push(`${what}: ${error.message}`);
    const admit = () => {
      throw new Error("no idea");
    };
    await using w = await world(echoLines, { admit, logger: { ...silentLogger, error } as Logger });
    assertEquals(await ask(w, await w.client(), "a"), "echo: a\n");
    assertEquals(logged, ["admit() failed, going on: no idea"]);
  });
});
