/** The fault proxy on real sockets, and `sluice faults` as a real process with real signals. */
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Conn, connect, listen, type Listener, type TcpAddress } from "../../../mod.ts";
import { type Fault, type FaultProxy, startFaultProxy } from "../../../src/tools/faults/mod.ts";
import { leakCheck } from "../../support/leaks.ts";
import { type Program, root, startProgram } from "../../support/processes.ts";
import { concat, firstDifference, pattern, within } from "../../support/rig.ts";
import { inOrder, pingPong, Swarm } from "../../support/swarm.ts";

const CLI = `${root}src/cli/main.ts`;
const ECHO = "tests/programs/drain_server.ts";
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A proxy and an upstream on the runtime's own sockets, in this process. */
class Bench implements AsyncDisposable {
  readonly listener: Listener;
  readonly proxy: FaultProxy;
  readonly #conns: Conn[] = [];

  constructor(listener: Listener, proxy: FaultProxy) {
    this.listener = listener;
    this.proxy = proxy;
  }

  async pair(): Promise<[client: Conn, upstream: Conn]> {
    const accepted = this.listener.accept();
    const client = await connect({ port: (this.proxy.address as TcpAddress).port });
    const upstream = await within("the upstream's end", accepted);
    this.#conns.push(client, upstream);
    return [client, upstream];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const conn of this.#conns) conn.abort();
    await this.proxy.close();
    await this.listener.close();
  }
}

async function bench(faults: readonly Fault[] = []): Promise<Bench> {
  const listener = await listen({ port: 0, hostname: "127.0.0.1" });
  const upstream = { port: (listener.address as TcpAddress).port };
  return new Bench(listener, await startFaultProxy({ upstream, faults, seed: 1 }));
}

/** Everything up to the end, and how that was. */
async function drain(conn: Conn): Promise<[bytes: Uint8Array, end: "fin" | "reset"]> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of conn) chunks.push(chunk);
    return [concat(chunks), "fin"];
  } catch {
    return [concat(chunks), "reset"];
  }
}

describe("a fault proxy on real sockets", () => {
  const leaks = leakCheck();
  before(leaks.before);
  after(leaks.after);

  it("passes 8 MiB each way at once, whole and in order, and FIN as FIN", async () => {
    await using rig = await bench();
    const [client, upstream] = await rig.pair();
    const [up, down] = [pattern(8 << 20), pattern(8 << 20).reverse()];
    const results = Promise.all([drain(client), drain(upstream)]);
    await within("the writes", Promise.all([client.write(up), upstream.write(down)]));
    await Promise.all([client.closeWrite(), upstream.closeWrite()]);
    const [[atClient, clientEnd], [atUpstream, upstreamEnd]] = await within("both ends", results);
    assertEquals([firstDifference(atUpstream, up), firstDifference(atClient, down)], [-1, -1]);
    assertEquals([clientEnd, upstreamEnd], ["fin", "fin"]);
  });

  it("passes a half-close on, and the answer that follows it", async () => {
    await using rig = await bench();
    const [client, upstream] = await rig.pair();
    await client.write("question");
    await client.closeWrite();
    const [question, end] = await within("the question", drain(upstream));
    assertEquals([question.length, end], [8, "fin"]);
    await upstream.write("answer");
    await upstream.closeWrite();
    assertEquals((await within("the answer", drain(client)))[0].length, 6);
  });

  it("passes a reset on as a reset, each way", async () => {
    await using rig = await bench();
    for (const side of [0, 1]) {
      const ends = await rig.pair();
      await ends[side].write("x");
      await within("the first byte", ends[1 - side].read());
      ends[side].abort();
      assertEquals((await within("the reset", drain(ends[1 - side])))[1], "reset");
    }
  });

  it("makes a writer wait for a reader that takes nothing, then loses nothing", async () => {
    await using rig = await bench();
    const [client, upstream] = await rig.pair();
    const chunk = pattern(1 << 20);
    let taken = 0;
    const writing = (async () => {
      for (; taken < 64; taken++) await client.write(chunk);
      await client.closeWrite();
    })();
    for (let before = -1; before !== taken;) {
      before = taken;
      await pause(300);
    }
    assert(taken < 40, `${taken} MiB were taken for a reader that takes nothing`);
    const [bytes, end] = await within("all of it", drain(upstream));
    await writing;
    assertEquals([bytes.length, end], [64 << 20, "fin"]);
    assertEquals(firstDifference(bytes.subarray(63 << 20), chunk), -1);
  });

  it("resets both ends when exactly so many bytes have passed", async () => {
    await using rig = await bench([{ kind: "reset", afterBytes: 70_000, direction: "down" }]);
    const [client, upstream] = await rig.pair();
    const ends = Promise.all([drain(client), drain(upstream)]);
    upstream.write(pattern(200_000)).catch(() => {});
    const [[bytes, clientEnd], [, upstreamEnd]] = await within("the reset", ends);
    assertEquals([bytes.length, clientEnd, upstreamEnd], [70_000, "reset", "reset"]);
  });

  it("slices and delays what it is told to", async () => {
    await using rig = await bench([{ kind: "slice", bytes: 3, delay: 20 }, { kind: "latency", ms: 100 }]);
    const [client, upstream] = await rig.pair();
    const sentAt = performance.now();
    await client.write("123456789");
    const pieces: string[] = [];
    while (pieces.join("").length < 9) {
      pieces.push(new TextDecoder().decode((await within("a piece", upstream.read()))!));
    }
    assertEquals(pieces, ["123", "456", "789"]);
    // A timer may fire up to a millisecond early.
    assert(performance.now() - sentAt >= 138, `${performance.now() - sentAt} ms`);
  });
});

describe("sluice faults", () => {
  it("prints its seed, is changed over HTTP, and ends with 0 at SIGTERM", async () => {
    await using upstream = await echo();
    await using proxy = await faults(upstream, ["--seed", "99", "--control", "0", "--latency", "30ms"]);
    assertEquals(await proxy.program.line(/^seed/), "seed 99");
    assertEquals(await proxy.program.line(/^faults/), 'faults [{"kind":"latency","ms":30}]');
    const control = (await proxy.program.line(/^control/)).slice("control ".length);
    using swarm = new Swarm(proxy.port);
    const [client] = await swarm.greeted(1);
    const changed = await fetch(control, { method: "PUT", body: '[{"kind":"stall","direction":"up"}]' });
    assertEquals(await changed.json(), { seed: 99, faults: [{ kind: "stall", direction: "up" }] });
    client.send("held\n");
    await pause(200);
    assertEquals(client.answered, 1);
    const wrong = await fetch(control, { method: "PUT", body: '[{"kind":"stall","share":5}]' });
    assertEquals([wrong.status, await wrong.text()], [400, "faults[0].share must be from 0 to 1, got 5\n"]);
    await fetch(control, { method: "PUT", body: "[]" }).then((response) => response.text());
    await client.until("the held answer", () => client.answered === 2);
    proxy.program.signal("SIGTERM");
    assertEquals(await client.over(), "fin");
    const { code, stdout, stderr } = await proxy.program.exited();
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, '{"seed":99,"connections":{"accepted":1,');
  });

  it("loses no answer at SIGTERM under load, and its report says so", async () => {
    await using upstream = await echo();
    await using proxy = await faults(upstream, ["--grace", "4s", "--latency", "5ms~5ms", "--slice", "7"]);
    using swarm = new Swarm(proxy.port);
    const clients = await swarm.greeted(20);
    for (const client of clients) pingPong(client, 5);
    await pause(300);
    proxy.program.signal("SIGTERM");
    for (const client of clients) {
      assertEquals(await client.over(), "fin");
      assert(client.answered > client.owed, `${client.describe()}, ${client.owed} owed`);
      assert(inOrder(client.text.slice("echo: hello\n".length), 1), client.text.slice(0, 200));
    }
    const { code, stdout } = await proxy.program.exited();
    const report = JSON.parse(stdout.trim().split("\n").at(-1)!);
    assertEquals([code, report.clean, report.connections.atStart, report.connections.cut], [0, true, 20, 0]);
  });

  it("ends with 1 if it can't listen, and leaves nothing open that keeps it running", async () => {
    await using upstream = await echo();
    const port = String(upstream.port);
    await using program = startProgram(CLI, { args: ["faults", "--upstream", port, "--control", port] });
    const { code, stderr } = await program.exited();
    assertEquals(code, 1, stderr);
    assertStringIncludes(stderr, "choose another place with --control");
  });
});

interface Running extends AsyncDisposable {
  readonly program: Program;
  readonly port: number;
}

async function echo(): Promise<Running> {
  const program = startProgram(ECHO);
  const port = Number((await program.line(/^port /)).slice("port ".length));
  return { program, port, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

async function faults(upstream: Running, args: readonly string[]): Promise<Running> {
  const program = startProgram(CLI, { args: ["faults", "--upstream", String(upstream.port), ...args] });
  const [, port] = /127\.0\.0\.1:(\d+),/.exec(await program.line(/^listening/))!;
  return { program, port: Number(port), [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}
