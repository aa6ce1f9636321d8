/** Calls and compressed frames over real sockets: a stop of the process loses no call, and bombs cost only who sends them. */
import { after, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { type Conn, connect, defaultAdapter, framed } from "../../mod.ts";
import { bytes, deflated, json, jsonLines, lengthPrefix } from "../../src/framing/codecs/mod.ts";
import { type Rpc, rpc, RpcError } from "../../src/framing/rpc/mod.ts";
import { type Program, startProgram } from "../support/processes.ts";

const CLIENTS = 12;
/** Calls of one client that are under way at once. */
const AT_ONCE = 4;
const MIB = 1 << 20;

const conns: Conn[] = [];
after(() => conns.forEach((conn) => conn.abort()));

async function dial(port: number): Promise<Conn> {
  const conn = await connect({ port, hostname: "127.0.0.1" });
  conns.push(conn);
  return conn;
}

async function start(): Promise<{ program: Program; calls: number; echoes: number }> {
  const program = startProgram("tests/programs/rpc_server.ts");
  const [calls, echoes] = [await program.line(/^port /), await program.line(/^port /)].map((line) => +line.slice(5));
  return { program, calls, echoes };
}

/** What became of the calls of one client. */
interface Tally {
  answered: number;
  refused: number;
  readonly wrong: string[];
}

/** Calls without a pause, until the peer takes no more. */
async function keepCalling(peer: Rpc, name: string, tally: Tally): Promise<void> {
  for (let i = 0; peer.isOpen; i++) {
    const token = `${name}-${i}`;
    try {
      const result = await peer.call("work", [token, Math.random() * 30]);
      if (result === token) tally.answered++;
      else tally.wrong.push(`${token} got ${result}`);
    } catch (error) {
      const code = error instanceof RpcError ? error.code : String(error);
      if (code === "ERR_RPC_DRAINING") tally.refused++;
      else tally.wrong.push(`${token}: ${code}`);
    }
  }
}

describe("a server of calls on SIGTERM", () => {
  it("answers each call that was made, and each client hears that it takes no more", async () => {
    const { program, calls } = await start();
    const tally: Tally = { answered: 0, refused: 0, wrong: [] };
    let told = 0;
    const calling: Promise<void>[] = [];
    const peers: Rpc[] = [];
    for (let i = 0; i < CLIENTS; i++) {
      const conn = await dial(calls);
      const peer = rpc(framed(conn, jsonLines()), { onGoodbye: () => told++ });
      peer.done.finally(() => conn.close());
      peers.push(peer);
      for (let k = 0; k < AT_ONCE; k++) calling.push(keepCalling(peer, `${i}-${k}`, tally));
    }
    await delay(500);
    const before = tally.answered;
    assertGreater(before, CLIENTS);
    program.signal("SIGTERM");
    await Promise.all(calling);
    for (const peer of peers) await peer.done;
    const { code, stderr } = await program.exited();
    assertEquals([tally.wrong, told, code], [[], CLIENTS, 0], stderr);
    assertGreater(tally.answered, before);
    assertEquals(peers.map(({ pending }) => pending), peers.map(() => 0));
  });
});

describe("a server of compressed frames under bombs", () => {
  it("grows by no more than the frames it works on, and answers all others", async () => {
    const { program, calls, echoes } = await start();
    const adapter = await defaultAdapter();
    const bomb = deflated(bytes(), { adapter, maxLength: 10 * MIB }).encode(new Uint8Array(10 * MIB));
    const fitting = deflated(bytes(), { adapter, maxLength: 60_000 }).encode(
      new TextEncoder().encode(`"${"a".repeat(59_000)}"`),
    );
    const watch = rpc(framed(await dial(calls), jsonLines()));
    const rss = async (): Promise<number> => await watch.call("rss") as number;
    const { encode } = deflated(json(), { adapter });
    const good = framed(await dial(echoes), lengthPrefix({ encode, decode: json().decode }));
    const echo = async (): Promise<void> => {
      await good.send({ a: "b".repeat(1000) });
      assertEquals((await good.next()).value, { a: "b".repeat(1000) });
    };
    await echo();
    const before = await rss();

    // What is too much as soon as it is announced.
    for (let i = 0; i < 10; i++) {
      const evil = await dial(echoes);
      evil.write(new Uint8Array(lengthPrefix(bytes(), { maxLength: MIB }).encoder.encode(bomb))).catch(() => {});
      await evil.read().catch(() => null);
      evil.abort();
    }
    // What fits, by thousands, to someone who takes no echo: 20 of them would be 1.2 GB if all were inflated.
    const frame = lengthPrefix(bytes()).encoder.encode(fitting);
    const many = new Uint8Array(frame.length * 1000);
    for (let i = 0; i < 1000; i++) many.set(frame, i * frame.length);
    for (let i = 0; i < 20; i++) {
      const evil = await dial(echoes);
      evil.pause();
      evil.write(many).catch(() => {});
    }
    for (let i = 0; i < 20; i++) {
      await echo();
      await delay(50);
    }
    const grown = (await rss() - before) / MIB;
    assertLess(grown, 300, `${grown} MiB`);
    assert(!program.stderr.includes("Uncaught"));
    await program.kill();
  });
});
