/** The parts of a supervisor that need no process. */
import { describe, it } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ListenError, OptionError, silentLogger } from "../../mod.ts";
import type { BoundSocket, SocketHolder, SocketWish } from "../../src/parent.ts";
import { availableCores } from "../../src/run/supervisor/cores.ts";
import { HeldSockets } from "../../src/run/supervisor/held_sockets.ts";
import { sharesOf } from "../../src/run/supervisor/shares.ts";
import { LineSplitter } from "../../src/run/supervisor/line_splitter.ts";
import { Outbox } from "../../src/run/supervisor/outbox.ts";
import { superviseSettings } from "../../src/run/supervisor/supervise_options.ts";
import { WORKER_STATES, type WorkerEvent, type WorkerState } from "../../src/run/supervisor/worker_states.ts";

describe("the states of a worker", () => {
  const states = Object.keys(WORKER_STATES) as WorkerState[];
  const events: WorkerEvent[] = ["ready", "leave", "kill", "exit"];

  it("have an answer to every event, and end for good", () => {
    for (const state of states) {
      for (const event of events) assertEquals(states.includes(WORKER_STATES[state][event]), true);
    }
    for (const state of states) assertEquals(WORKER_STATES[state].exit, "gone");
    for (const event of events) assertEquals(WORKER_STATES.gone[event], "gone");
  });

  it("let nobody become ready who was told to leave", () => {
    assertEquals(WORKER_STATES.leaving.ready, "leaving");
    assertEquals(WORKER_STATES.killed.ready, "killed");
    assertEquals(WORKER_STATES.killed.leave, "killed");
  });
});

describe("what each worker has on an average", () => {
  const at = (port: number) => ({ transport: "tcp", hostname: "127.0.0.1", port }) as const;
  const server = (port: number, active: number) => ({
    name: "http",
    active,
    ready: true,
    addresses: [at(port)],
    accepted: 0,
  });
  const place = (port: number) => JSON.stringify([at(port)]);

  it("is told by where the server listens, whatever its name", () => {
    const shares = sharesOf([[server(80, 10), server(81, 1)], [server(80, 2), server(81, 0)]]);
    assertEquals(shares, { [place(80)]: 6, [place(81)]: 0.5 });
  });

  it("is nothing of what one has alone", () => {
    assertEquals(sharesOf([]), {});
    assertEquals(sharesOf([[server(80, 10)]]), {});
    assertEquals(sharesOf([[server(80, 10)], [server(81, 1)], []]), {});
  });
});

describe("lines of a worker", () => {
  const cut = (...pieces: string[]): string[] => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    for (const piece of pieces) splitter.push(piece);
    splitter.end();
    return lines;
  };

  it("are cut wherever the pieces end", () => {
    assertEquals(cut("one\ntwo\r\nthree"), ["one", "two", "three"]);
    assertEquals(cut(..."one\ntwo\n"), ["one", "two"]);
    assertEquals(cut("a", "b", "\n\nc", "\n"), ["ab", "", "c"]);
    assertEquals(cut(), []);
  });

  it("are told in parts when one has no end", () => {
    assertEquals(cut("x".repeat(70_000)).map((line) => line.length), [65_536, 4464]);
  });
});

describe("messages to a worker", () => {
  it("wait until the one before was heard", async () => {
    const posted: number[] = [];
    const outbox = new Outbox();
    for (const i of [1, 2, 3]) outbox.send(() => posted.push(i));
    assertEquals([posted, outbox.isIdle], [[1], false]);
    outbox.heard();
    assertEquals(posted, [1, 2]);
    const emptied = outbox.emptied(60_000);
    outbox.heard();
    outbox.heard();
    await emptied;
    assertEquals([posted, outbox.isIdle], [[1, 2, 3], true]);
  });

  it("are waited for as long as is allowed, and not when nobody is there", async () => {
    const outbox = new Outbox();
    outbox.send(() => {});
    await outbox.emptied(1);
    const emptied = outbox.emptied(60_000);
    outbox.close();
    await emptied;
    const posted: number[] = [];
    outbox.send(() => posted.push(1));
    assertEquals(posted, []);
  });
});

describe("sockets that are held", () => {
  const at = (port: number, hostname = "127.0.0.1") => ({ transport: "tcp", hostname, port }) as const;
  const wish = (port: number, nth = 0): SocketWish => ({ address: at(port), name: null, nth });

  function holding(): { holder: SocketHolder; bound: number[]; closed: number[] } {
    const bound: number[] = [];
    const closed: number[] = [];
    let free = 50_000;
    const bind = ({ address }: SocketWish): Promise<BoundSocket> => {
      if (address === null || address.transport !== "tcp") throw new Error("not asked for");
      if (address.port === 1) return Promise.reject(new ListenError("EACCES", "no"));
      const port = address.port || free++;
      bound.push(port);
      return Promise.resolve({ address: at(port), close: () => closed.push(port) });
    };
    const holder = { bind, passed: () => [], notify: () => Promise.resolve(), beat() {} };
    return { holder: holder as unknown as SocketHolder, bound, closed };
  }

  it("are bound once, whoever asks, and at once", async () => {
    const { holder, bound } = holding();
    const sockets = new HeldSockets(holder, []);
    const given = await Promise.all(
      [wish(80), wish(80), wish(443), wish(0), wish(0, 1), wish(0)].map((w) => sockets.give(w, 1)),
    );
    assertEquals(bound, [80, 443, 50_000, 50_001]);
    assertEquals(given[0], given[1]);
    assertEquals(given[3], given[5]);
    assertEquals(sockets.addresses.length, 4);
  });

  it("are tried again after a failure, and told by the system's code", async () => {
    const { holder } = holding();
    const sockets = new HeldSockets(holder, []);
    for (let i = 0; i < 2; i++) {
      assertEquals((await assertRejects(() => sockets.give(wish(1), 1), ListenError)).code, "EACCES");
    }
  });

  it("are found by their names, and at their places", async () => {
    const { holder, bound } = holding();
    const socket: BoundSocket = { address: at(8080, "::"), close() {} };
    const sockets = new HeldSockets(holder, [{ name: "http", socket, wanted: at(8080, "::") }]);
    assertEquals(await sockets.give({ address: null, name: "http", nth: 0 }, 1), socket);
    assertEquals(await sockets.give({ ...wish(8080), address: at(8080, "0.0.0.0") }, 1), socket);
    assertEquals(bound, []);
    const unknown = { address: null, name: "htp", nth: 0 };
    const error = await assertRejects(() => sockets.give(unknown, 1), ListenError);
    assertEquals(error.message, 'No socket is named "htp": there are http');
  });

  it("are all closed at the end, and none is opened behind it", async () => {
    const { holder, closed } = holding();
    const sockets = new HeldSockets(holder, []);
    await sockets.give(wish(80), 1);
    const late = sockets.give(wish(443), 1);
    sockets.close();
    await assertRejects(() => late, ListenError);
    await assertRejects(() => sockets.give(wish(81), 1), ListenError);
    assertEquals(closed, [80, 443]);
  });
});

describe("processors that may be used", () => {
  const files = (all: Record<string, string>) => (path: string) => all[path] ?? "";

  it("are what a container's limit comes to, and one at the least", () => {
    const all = availableCores(files({}));
    assertEquals(availableCores(files({ "/sys/fs/cgroup/cpu.max": "50000 100000\n" })), 1);
    assertEquals(availableCores(files({ "/sys/fs/cgroup/cpu.max": "max 100000\n" })), all);
    assertEquals(availableCores(files({ "/sys/fs/cgroup/cpu.max": "9900000 100000\n" })), all);
    const first = {
      "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000\n",
      "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    };
    assertEquals(availableCores(files(first)), 1);
    assertEquals(availableCores(files({ ...first, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n" })), all);
  });
});

describe("options of supervise()", () => {
  const settings = (options: object) => superviseSettings(options as never, () => 3);

  it("have defaults", () => {
    const { workers, grace, readyTimeout, stable, hangTimeout, name } = settings({
      command: ["a"],
      logger: silentLogger,
    });
    assertEquals({ workers, grace, readyTimeout, stable, hangTimeout, name }, {
      workers: 3,
      grace: 30_000,
      readyTimeout: 30_000,
      stable: 500,
      hangTimeout: 30_000,
      name: "app",
    });
  });

  for (
    const [options, words] of [
      [{}, "command must be"],
      [{ command: [] }, "command must be"],
      [{ command: ["a"], workers: 0 }, "workers must be a whole number from 1 to 1024, got 0"],
      [{ command: ["a"], wrokers: 2 }, "did you mean workers?"],
      [{ command: ["a"], grace: -1 }, "grace"],
      [{ command: ["a"], sockets: [{ name: "x", path: "/x", port: 1 }] }, "excludes port and host"],
      [{ command: ["a"], sockets: [{ name: "", port: 1 }] }, "sockets.name"],
    ] as const
  ) {
    it(`refuse ${JSON.stringify(options)}`, () => {
      const error = assertThrows(() => settings(options), OptionError);
      assertEquals(error.message.includes(words), true, error.message);
    });
  }
});
