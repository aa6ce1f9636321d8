import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertLess, assertRejects, assertThrows } from "@std/assert";
import { lines, OptionError, type Server } from "../../../mod.ts";
import { type Client, echoLines, type World, world } from "../../support/world.ts";

/** Sends a line as soon as the last was answered, after `think` ms; counts what got no answer. */
async function pingPong(w: World, client: Client, think: number): Promise<{ sent: number; answered: number }> {
  let sent = 0;
  while (client.end === "open") {
    client.send(`${++sent}\n`);
    while (client.end === "open" && client.lines.length < sent) await client.changed();
    if (client.end === "open") await new Promise<void>((resolve) => w.clock.setTimer(resolve, think));
  }
  return { sent, answered: client.lines.length };
}

/** Keeps `depth` lines in flight until the end. */
async function pipeline(client: Client, depth: number): Promise<{ sent: number; answered: number }> {
  let sent = 0;
  const top = () => {
    let text = "";
    while (sent < client.lines.length + depth) text += `${++sent}\n`;
    if (text !== "") client.send(text);
  };
  top();
  while (client.end === "open") {
    await client.changed();
    if (client.end === "open") top();
  }
  return { sent, answered: client.lines.length };
}

describe("drain: what was received is answered", () => {
  it("answers a line that was received before the drain began", async () => {
    await using w = await world();
    const client = await w.client();
    client.send("a\nb\n");
    await w.pass(10);
    const report = await w.until(w.server.shutdown());
    assertEquals(client.text, "echo: a\necho: b\n");
    assertEquals(client.end, "fin");
    assertEquals(report.clean, true);
    assertEquals(report.connections, {
      atStart: 1,
      accepted: 0,
      idle: 1,
      finished: 0,
      dropped: 0,
      truncated: 0,
      cut: 0,
    });
    assertEquals(report.delivery.finSeen, 1);
  });

  it("answers a line that is on the wire at that moment, and one that comes within the quiet window", async () => {
    await using w = await world(echoLines, { faults: { delay: 1 } });
    const client = await w.client();
    client.send("wire\n");
    const report = w.server.shutdown();
    await w.pass(120);
    client.send("window\n");
    await w.until(report);
    assertEquals(client.text, "echo: wire\necho: window\n");
    assertEquals((await report).clean, true);
    assertEquals((await report).connections.finished, 1);
  });

  it("answers a line whose second half comes 200 ms after the drain began", async () => {
    await using w = await world();
    const client = await w.client();
    client.send("ha");
    await w.pass(10);
    const report = w.server.shutdown();
    await w.pass(200);
    assertEquals(client.end, "open");
    client.send("lf\n");
    await w.until(report);
    assertEquals(client.text, "echo: half\n");
    assertEquals((await report).clean, true);
  });

  it("answers everything of a client that has half-closed", async () => {
    await using w = await world(async (conn) => {
      for await (const line of lines(conn)) {
        await new Promise<void>((resolve) => w.clock.setTimer(resolve, 30));
        await conn.write(`echo: ${line}\n`);
      }
    });
    const client = await w.client();
    client.send("a\nb\nc\n");
    client.conn.closeWrite();
    await w.pass(10);
    const report = await w.until(w.server.shutdown());
    assertEquals(client.lines, ["echo: a", "echo: b", "echo: c"]);
    assertEquals([client.end, report.clean], ["fin", true]);
  });

  it("delivers 1 MiB to a slow reader whole", async () => {
    const big = "x".repeat(1 << 20);
    await using w = await world(async (conn) => {
      for await (const _ of lines(conn)) await conn.write(big + "\n");
    });
    const client = await w.client();
    client.conn.pause();
    client.send("go\n");
    await w.pass(10);
    client.conn.pause();
    const report = w.server.shutdown();
    await w.pass(1000);
    client.conn.resume();
    await w.until(report);
    assertEquals(client.text.length, big.length + 1);
    assertEquals([client.end, (await report).clean], ["fin", true]);
  });

  it("serves a busy client on until patience is over, and loses nothing then", async () => {
    await using w = await world(echoLines, { grace: 2000, faults: { delay: 1, maxDelay: 3 } });
    const client = await w.client();
    const played = pingPong(w, client, 7);
    await w.pass(100);
    const began = w.clock.now();
    const report = await w.until(w.server.shutdown());
    const { sent, answered } = await w.until(played);
    assertEquals(answered, sent);
    assertEquals([client.end, report.clean, report.afterFin.messages], ["fin", true, 0]);
    assertGreater(client.endedAt - began, 1000);
    assertLess(client.endedAt - began, 1500);
  });

  it("loses nothing of a client that keeps 32 lines in flight: answers are withheld until it falls quiet", async () => {
    await using w = await world(echoLines, { grace: 2000, faults: { delay: 1, maxDelay: 3 } });
    const client = await w.client();
    const played = pipeline(client, 32);
    await w.pass(100);
    const report = await w.until(w.server.shutdown());
    const { sent, answered } = await w.until(played);
    // What it wrote on the very answers that came with our FIN, it wrote after it could see the FIN.
    assertLess(sent - answered, 33);
    assertEquals(report.clean, true);
    assertEquals(report.afterFin.messages, sent - answered);
  });

  it("ends even with a client that sends without waiting for answers, and counts what came after the FIN", async () => {
    await using w = await world(echoLines, { grace: 2000 });
    const client = await w.client();
    let sent = 0;
    const send = () => {
      if (client.end !== "open") return;
      client.send(`${++sent}\n`);
      w.clock.setTimer(send, 10);
    };
    send();
    await w.pass(100);
    const report = await w.until(w.server.shutdown());
    assertEquals(client.end, "fin");
    assertEquals(client.lines.length + report.afterFin.messages, sent);
    assertEquals(report.clean, true);
    assertLess(report.duration, 2000);
  });
});

describe("drain: budget and hooks", () => {
  it("refuses parts that exceed the grace, at the start", async () => {
    const error = await assertRejects(() => world(echoLines, { grace: 1000, lameDuck: 900 }), OptionError);
    assert(
      (error as Error).message.includes("grace 1000 ms is less than its parts: lameDuck 900"),
      (error as Error).message,
    );
    await using w = await world(echoLines, { grace: 1000 });
    assertThrows(() => w.server.onShutdown("slow", () => {}, { timeout: 900 }), OptionError);
    assertThrows(() => w.server.shutdown({ lameDuck: 2000 }), OptionError);
    assertEquals(w.server.state, "running");
  });

  it("serves who waits for admission before it believes itself empty", async () => {
    await using w = await world(echoLines, { maxConnections: 1, policy: "queue", grace: 2000 });
    const clients = [await w.client(), await w.client(), await w.client()];
    for (const client of clients) client.send("a\n");
    await w.pass(10);
    const report = await w.until(w.server.shutdown());
    assertEquals(clients.map((client) => [client.text, client.end]), clients.map(() => ["echo: a\n", "fin"]));
    assertEquals([report.phases.abort, report.clean, report.connections.accepted], [0, true, 2]);
  });

  it("runs hooks in reverse order, each with its own time, and a failing one doesn't stop the next", async () => {
    const order: string[] = [];
    await using w = await world(echoLines, { grace: 4000 });
    const hook = (server: Server, name: string, run: () => void | Promise<void>) =>
      server.onShutdown(name, () => {
        order.push(name);
        return run();
      }, { timeout: 200 });
    hook(w.server, "database", () => {});
    hook(w.server, "hangs", () => new Promise(() => {}));
    hook(w.server, "throws", () => {
      throw new Error("broken");
    });
    hook(w.server, "gone", () => {})();
    const report = await w.until(w.server.shutdown());
    assertEquals(order, ["throws", "hangs", "database"]);
    assertEquals(report.hooks.map(({ name, ok }) => [name, ok]), [["throws", false], ["hangs", false], [
      "database",
      true,
    ]]);
    assertEquals([report.hooks[0].error, report.hooks[1].duration], ["broken", 200]);
    assertEquals([report.clean, report.cut.length], [false, 0]);
  });
});
