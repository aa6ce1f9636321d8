import { after, before, describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { connect, defaultAdapter, lines, run, serve, type Server, silentLogger } from "../../mod.ts";
import { job, pause } from "../support/handlers.ts";
import { leakCheck } from "../support/leaks.ts";
import { within } from "../support/rig.ts";

const quietly = () => {};

describe("run() with servers that need each other", () => {
  const leaks = leakCheck();
  before(leaks.before);
  after(leaks.after);

  /** A server that asks the next one for each line, 400 ms after it came. */
  function asking(port: number): Promise<Server> {
    return serve(LOCAL, async (conn) => {
      for await (const line of lines(conn)) {
        await pause(400);
        await using out = await connect({ port });
        const text = lines(out);
        await text.send(line);
        await conn.write(`${(await text.next()).value}\n`);
      }
    });
  }

  const LOCAL = { port: 0, hostname: "127.0.0.1", logger: silentLogger, grace: 5000 };
  const answering = () =>
    serve(LOCAL, async (conn) => {
      for await (const line of lines(conn)) await conn.write(`${await job(line, 300)}\n`);
    });
  const portOf = (server: Server) => (server.address as { port: number }).port;

  it("stops the back end when the front has answered all", async () => {
    const back = await answering();
    const probes = await answering();
    const api = await asking(portOf(back));
    const adapter = await defaultAdapter();
    const handlers: (() => void)[] = [];
    const signals = {
      ...bound(adapter),
      onSignal: (_name: string, fn: () => void) => {
        handlers.push(fn);
        return quietly;
      },
    };
    const stages = [api, [back, probes]];
    const options = { exit: false, grace: 5000, logger: silentLogger, adapter: signals, signals: ["SIGTERM"] };
    try {
      const running = within("the run", run(stages, options));
      running.catch(quietly);
      const [client, probe] = await Promise.all([api, probes].map((server) => connect({ port: portOf(server) })));
      const text = lines(client);
      await text.send("a");
      await pause(200);
      for (const fn of handlers) fn();
      const { value } = await within("the answer", text.next());
      assertEquals(value, "a!");
      await Promise.all([client.close(), probe.close()]);
      const { clean, reports } = await running;
      assertEquals([clean, reports.length], [true, 3]);
    } finally {
      await Promise.all([api, back, probes].map((server) => server.close()));
    }
  });
});

/** The adapter's methods, which are used as an object's own. */
function bound(adapter: Awaited<ReturnType<typeof defaultAdapter>>): typeof adapter {
  return Object.assign(Object.create(adapter), {
    listen: adapter.listen.bind(adapter),
    connect: adapter.connect.bind(adapter),
  });
}
