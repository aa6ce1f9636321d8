import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { type Drained, drained } from "../../support/drained.ts";
import { batches, inOrder, type NetClient, pingPong, slidingWindow, unansweredOf } from "../../support/swarm.ts";

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** What is unanswered came after our FIN, to the last line. */
async function assertAllAccounted(server: Drained, clients: readonly NetClient[]): Promise<void> {
  const { report } = await server.outcome();
  assertEquals([report.clean, report.reports[0].afterFin.messages], [true, unansweredOf(clients)]);
}

describe("SIGTERM: what clients of a real process see", () => {
  it("answers every line that was received or on the wire, in full, and ends with FIN and exit code 0", async () => {
    await using server = await drained({ run: { grace: 4000 } });
    const clients = await server.swarm.greeted(20);
    for (const client of clients) client.send("a\nb\n");
    server.signal();
    for (const client of clients) client.send("on the wire\n");
    for (const client of clients) {
      assertEquals(await client.over(), "fin");
      assertEquals(client.text, "echo: hello\necho: a\necho: b\necho: on the wire\n");
    }
    const { report } = await server.outcome();
    assertEquals([report.clean, report.signal, report.reports[0].connections.atStart], [true, "SIGTERM", 20]);
    assertEquals(report.reports[0].delivery.finSeen, 20);
  });

  it("loses nothing of a client that sends 32 lines, waits for all answers and repeats", async () => {
    await using server = await drained({ run: { grace: 3000, patience: 600 } });
    const clients = await server.swarm.greeted(8);
    for (const client of clients) batches(client, 32);
    await pause(150);
    server.signal();
    for (const client of clients) {
      assertEquals(await client.over(), "fin");
      assertGreater(client.owed, 32);
      assert(client.answered > client.owed, client.describe());
      assert(inOrder(client.text.slice("echo: hello\n".length), 1), client.text.slice(0, 200));
    }
    await assertAllAccounted(server, clients);
  });

  it("loses nothing of a client that keeps 32 lines in flight, but what it wrote after our FIN was there", async () => {
    await using server = await drained({ run: { grace: 3000, patience: 600 } });
    const clients = await server.swarm.greeted(8);
    for (const client of clients) slidingWindow(client, 32);
    await pause(150);
    server.signal();
    for (const client of clients) {
      assertEquals(await client.over(), "fin");
      assert(client.answered > client.owed, `${client.describe()}, ${client.owed} owed`);
      assert(inOrder(client.text.slice("echo: hello\n".length), 1), client.text.slice(0, 200));
    }
    await assertAllAccounted(server, clients);
  });

  it("serves a busy client on until patience is over, and loses nothing then", async () => {
    await using server = await drained({ run: { grace: 3000, patience: 600 } });
    const clients = await server.swarm.greeted(20);
    for (const client of clients) pingPong(client, 5);
    await pause(100);
    server.signal();
    for (const client of clients) {
      assertEquals(await client.over(), "fin");
      assertGreater(client.endedAt - server.signalledAt, 500);
      assert(client.answered > client.owed, `${client.describe()}, ${client.owed} owed`);
    }
    await assertAllAccounted(server, clients);
  });

  it("gives a client that has half-closed all its answers", async () => {
    await using server = await drained({ run: { grace: 4000 } });
    const [client] = await server.swarm.greeted(1);
    client.send("slow 100\nslow 100\nslow 100\n");
    client.finish();
    await pause(50);
    server.signal();
    assertEquals(await client.over(), "fin");
    assertEquals([client.answered, client.text.endsWith("echo: slow 100\n")], [4, true]);
    assertEquals((await server.outcome()).report.clean, true);
  });

  it("delivers an answer of 1 MiB to a slow reader whole", async () => {
    await using server = await drained({ run: { grace: 8000 } });
    const client = await server.swarm.client({ reads: "slowly" });
    client.send(`big ${1 << 20}\n`);
    await client.until("the first piece", () => client.received > 0);
    server.signal();
    assertEquals(await client.over(), "fin");
    assertEquals(client.received, (1 << 20) + 1 + `echo: big ${1 << 20}\n`.length);
    assertEquals((await server.outcome()).report.clean, true);
  });

  it("answers a line whose second half comes 200 ms after the signal", async () => {
    await using server = await drained({ run: { grace: 4000 } });
    const [client] = await server.swarm.greeted(1);
    client.send("ha");
    await pause(50);
    server.signal();
    await pause(200);
    client.send("lf\n");
    assertEquals(await client.over(), "fin");
    assertEquals(client.text, "echo: hello\necho: half\n");
    assertEquals((await server.outcome()).report.clean, true);
  });

  it("closes an idle client with FIN", async () => {
    await using server = await drained({ run: { grace: 4000 } });
    const [greeted] = await server.swarm.greeted(1);
    const silent = await server.swarm.client();
    await pause(50);
    server.signal();
    assertEquals([await greeted.over(), await silent.over()], ["fin", "fin"]);
    const { report } = await server.outcome();
    assertEquals([report.clean, report.reports[0].connections.idle], [true, 2]);
    assertLess(performance.now() - server.signalledAt, server.stretched(1500));
  });
});
