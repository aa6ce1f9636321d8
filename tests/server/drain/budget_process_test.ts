import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import type { DrainedConn, RunReport } from "../../../mod.ts";
import { type Drained, drained } from "../../support/drained.ts";
import { type NetClient, pingPong } from "../../support/swarm.ts";

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe("SIGTERM: the budget of a real process", () => {
  it("exits within 100 ms of the signal without connections", async () => {
    let [best, allowed] = [Infinity, 100];
    for (let attempt = 0; attempt < 6 && best >= allowed; attempt++) {
      await using server = await drained({ run: { grace: 4000 } });
      server.signal();
      const { report } = await server.outcome();
      best = Math.min(best, performance.now() - server.signalledAt);
      assertEquals([report.clean, report.reports[0].connections.atStart], [true, 0]);
      assertLess(report.reports[0].duration, server.stretched(100));
      allowed = Math.max(allowed, server.stretched(100));
    }
    assertLess(best, allowed);
  });

  it("is not held beyond the grace by a client that never reads, which is reset and named", async () => {
    await using server = await drained({ run: { grace: 1500 } });
    const stuck = await server.swarm.client({ reads: "never" });
    const [busy] = await server.swarm.greeted(1);
    stuck.send(`big ${32 << 20}\n`);
    await pause(200);
    server.signal();
    const { report } = await server.outcome(1);
    assertInBudget(server, report);
    stuck.look();
    assertEquals([await stuck.over(), await busy.over()], ["reset", "fin"]);
    const [cut] = report.reports[0].cut;
    assertEquals([cut.peer, cut.delivery], [`127.0.0.1:${stuck.port}`, "process"]);
    assertGreater(cut.bytesUnsent, 1 << 20);
  });

  it("is not held beyond the grace by clients that never close, which were served and are not called cut", async () => {
    await using server = await drained({ run: { grace: 1500 } });
    const clients = await server.swarm.greeted(3, { closesOnFin: false });
    server.signal();
    const { report } = await server.outcome();
    assertInBudget(server, report);
    for (const client of clients) assertEquals(await client.over(), "fin");
    assertEquals([report.clean, report.reports[0].connections.idle], [true, 3]);
  });

  it("is not held beyond the grace by handlers that hang, and spares those that unwind", async () => {
    await using server = await drained({ run: { grace: 1500 } });
    const [hanging, unwinding] = await server.swarm.greeted(2);
    hanging.send("hang\n");
    unwinding.send("unwind\n");
    await pause(50);
    server.signal();
    const { report } = await server.outcome(1);
    assertInBudget(server, report);
    assertEquals([await hanging.over(), await unwinding.over()], ["reset", "fin"]);
    assertEquals([unwinding.answered, report.reports[0].cut.map((cut) => cut.handlerRunning)], [2, [true]]);
  });

  it("reports, connection by connection, what the clients saw", async () => {
    await using server = await drained({ run: { grace: 2500, patience: 500 } });
    const { swarm } = server;
    const idle = await swarm.greeted(10);
    const busy = await swarm.greeted(10);
    const hanging = await swarm.greeted(10);
    const unread = await Promise.all(Array.from({ length: 5 }, () => swarm.client({ reads: "never" })));
    const dropping = await swarm.greeted(5);
    for (const client of busy) pingPong(client, 10);
    for (const client of hanging) client.send("hang\n");
    for (const client of unread) client.send(`big ${16 << 20}\n`);
    await pause(200);
    server.signal();
    await server.program.line("phase drain");
    for (const client of dropping) client.reset();
    const { report } = await server.outcome(1);
    for (const client of unread) client.look();
    const all = new Map(report.reports[0].all.map((conn) => [conn.peer, conn]));
    assertEquals(all.size, 40);
    const outcomes = (clients: NetClient[]) => Promise.all(clients.map((client) => seenAndReported(client, all)));
    assertEquals(await outcomes(idle), Array(10).fill("fin idle finSeen"));
    assertEquals(await outcomes(busy), Array(10).fill("fin finished finSeen"));
    assertEquals(await outcomes(hanging), Array(10).fill("reset cut"));
    assertEquals(await outcomes(unread), Array(5).fill("reset cut"));
    assertEquals(await outcomes(dropping), Array(5).fill("closed dropped"));
    assertEquals(report.reports[0].cut.length, 15);
    const { connections } = report.reports[0];
    assertEquals(connections, { atStart: 40, accepted: 0, idle: 10, finished: 10, dropped: 5, truncated: 0, cut: 15 });
  });

  it("serves what sat in the accept queue of a frozen process, with a lame duck", async () => {
    await using server = await drained({ run: { grace: 4000, lameDuck: 300 } });
    const clients = await frozen(server);
    for (const client of clients) {
      assertEquals(await client.over(), "fin");
      assertEquals(client.text, "echo: hello\n");
    }
    const { report } = await server.outcome();
    const { connections } = report.reports[0];
    assertEquals([report.clean, connections.atStart + connections.accepted], [true, 50]);
  });

  it("counts what it left in the accept queue of a frozen process, without a lame duck", async () => {
    await using server = await drained({ run: { grace: 4000 } });
    const clients = await frozen(server);
    let served = 0;
    for (const client of clients) {
      const end = await client.over();
      if (end === "fin") served++;
      assertEquals(client.answered, end === "fin" ? 1 : 0);
    }
    const { report } = await server.outcome();
    const { connections, acceptQueueLeft } = report.reports[0];
    assertEquals(connections.atStart + connections.accepted, served);
    if (acceptQueueLeft !== null) assertEquals(acceptQueueLeft, clients.length - served);
  });
});

/** Of a grace of 1500 ms. The server has measured it; how fast its process ends and is heard is the machine's. */
function assertInBudget(server: Drained, { reports }: RunReport): void {
  // Reading the kernel's table takes its time on a machine with many sockets.
  assertLess(reports[0].duration, server.stretched(1600));
  assertLess(performance.now() - server.signalledAt, server.stretched(6000));
}

/** Stops the process, lets 50 clients connect and send a line, and wakes it with a SIGTERM waiting. */
async function frozen(server: Drained): Promise<NetClient[]> {
  server.program.signal("SIGSTOP");
  const clients = await Promise.all(Array.from({ length: 50 }, () => server.swarm.client()));
  for (const client of clients) client.send("hello\n");
  await pause(50);
  server.signal();
  server.program.signal("SIGCONT");
  return clients;
}

/** What a client saw, and what the report says of it. A cut connection's delivery depends on its peer's buffers. */
async function seenAndReported(client: NetClient, all: ReadonlyMap<string, DrainedConn>): Promise<string> {
  const seen = await client.over();
  const reported = all.get(`127.0.0.1:${client.port}`);
  assert(reported !== undefined, `the report has no ${client.port}`);
  const grade = seen === "fin" ? ` ${reported.delivery}` : "";
  return `${seen} ${reported.outcome}${grade}`;
}
