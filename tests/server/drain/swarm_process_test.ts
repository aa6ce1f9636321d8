import { describe, it } from "node:test";
import { assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { drained } from "../../support/drained.ts";
import { pingPong, type Swarm, unansweredOf } from "../../support/swarm.ts";

const CLIENTS = 500;
/** Clients open nothing new so many ms after the signal; the lame duck lasts longer, on a busy machine too. */
const OPENING = 150;
const LAME_DUCK = 1000;

/** A machine is busy that makes this process's timers late for such a share of the time. */
const BUSY = 0.1;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A client that leaves its connection for a new one now and then, as long as it may. */
function roam(swarm: Swarm, mayOpen: () => boolean): void {
  const client = swarm.open();
  const moveAt = 10 + Math.random() * 90;
  pingPong(client, 10, () => {
    if (client.sent < moveAt || !mayOpen()) return false;
    client.finish();
    roam(swarm, mayOpen);
    return true;
  });
}

describe("SIGTERM under the load of 500 clients that think 0 to 10 ms", () => {
  for (let round = 1; round <= 5; round++) {
    it(`answers every line written before its client could see FIN, start ${round} of 5`, async () => {
      await using server = await drained({ run: { grace: 20_000, patience: 4000, lameDuck: LAME_DUCK } });
      let closesAt = Infinity;
      const mayOpen = () => performance.now() < closesAt;
      for (let i = 0; i < CLIENTS; i++) roam(server.swarm, mayOpen);
      // Under load Node accepts one connection a turn, so it may take a while until all are there.
      await Promise.all(
        [...server.swarm.clients].map((client) => client.until("a first answer", () => client.answered > 0)),
      );
      await pause(300);
      const late = server.lag.mark();
      server.signal();
      closesAt = server.signalledAt + OPENING;
      const { report } = await server.outcome();
      const { clients } = server.swarm;
      await Promise.all(clients.map((client) => client.over()));
      assertEquals(clients.filter((client) => client.end !== "fin").map((client) => client.describe()), []);
      const short = clients.filter((client) => client.answered < client.owed);
      // The last answer and the FIN are two system calls: a server that is kept from its core between them leaves its
      // client a moment. So much only where the machine is busy, and only a few.
      const isBusy = late() > (performance.now() - server.signalledAt) * BUSY;
      const missing = short.map((client) => `${client.describe()}, ${client.owed} owed`);
      assertLessOrEqual(missing.length, isBusy ? CLIENTS / 50 : 0, `${late()} ms late: ${missing.join("; ")}`);
      const unanswered = unansweredOf(clients);
      assertEquals(report.reports[0].afterFin.messages, unanswered);
      const { connections } = report.reports[0];
      assertEquals([report.clean, connections.cut, connections.dropped], [true, 0, 0]);
      assertGreater(connections.finished, CLIENTS - 1);
      if (globalThis.process?.env?.SHOW) {
        console.log(
          clients.length,
          clients.reduce((s, c) => s + c.sent, 0),
          unanswered,
          connections,
        );
      }
    });
  }
});
