/** The balancer of `sluice verify --rolling`, on real sockets. */
import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import {
  type Conn,
  connect,
  ConnResetError,
  type Handler,
  lines,
  serve,
  type Server,
  silentLogger,
} from "../../../mod.ts";
import { Balancer } from "../../../src/tools/cli/verify/balancer.ts";
import type { Place } from "../../../src/tools/cli/verify/places.ts";

const LOCAL = { hostname: "127.0.0.1", logger: silentLogger } as const;
/** More than all buffers on the way hold. */
const LARGE = 16 * 1024 * 1024;

function placeOf({ address }: Server): Place {
  if (address.transport === "unix") throw new Error("not TCP");
  return { hostname: address.hostname, port: address.port };
}

/** A balancer in front of servers with these handlers. */
async function rig(...handlers: Handler[]): Promise<{ balancer: Balancer; servers: Server[] } & AsyncDisposable> {
  const balancer = await Balancer.listen(LOCAL.hostname);
  const servers = await Promise.all(handlers.map((handler) => serve(LOCAL, handler)));
  servers.forEach((server, i) => balancer.putIn(i, placeOf(server)));
  const dispose = async () => {
    await Promise.all(servers.map((server) => server.close()));
    await balancer[Symbol.asyncDispose]();
  };
  return { balancer, servers, [Symbol.asyncDispose]: dispose };
}

const says = (word: string): Handler => (conn) => conn.write(word);

async function everything(conn: Conn): Promise<string> {
  let text = "";
  for await (const chunk of conn) text += new TextDecoder().decode(chunk);
  return text;
}

async function ask(balancer: Balancer): Promise<string> {
  const conn = await connect(balancer.place);
  const text = await everything(conn);
  await conn.close();
  return text;
}

describe("the balancer", () => {
  it("gives connections to its backends in turn", async () => {
    await using all = await rig(says("a"), says("b"));
    const answers = [
      await ask(all.balancer),
      await ask(all.balancer),
      await ask(all.balancer),
      await ask(all.balancer),
    ];
    assertEquals(answers.sort(), ["a", "a", "b", "b"]);
  });

  it("gives none to a backend that was taken out, until it is put in again", async () => {
    await using all = await rig(says("a"), says("b"));
    await all.balancer.takeOut(0);
    assertEquals([await ask(all.balancer), await ask(all.balancer)], ["b", "b"]);
    all.balancer.putIn(0, placeOf(all.servers[1]));
    await all.servers[0].close();
    assertEquals([await ask(all.balancer), await ask(all.balancer)], ["b", "b"]);
    assertEquals(all.balancer.refused, 0);
  });

  it("resets what clients have with one backend, and with no other", async () => {
    const holds: Handler = async (conn) => {
      await conn.write("here");
      await everything(conn);
    };
    await using all = await rig(holds, holds);
    const conns = [await connect(all.balancer.place), await connect(all.balancer.place)];
    for (const conn of conns) await conn.read();
    all.balancer.cut(0);
    const ends = conns.map((conn) => conn.read().then(() => "open", (error) => error.constructor.name));
    assertEquals(await Promise.any(ends), "ConnResetError");
    all.balancer.cut(1);
    assertEquals(await Promise.all(ends), ["ConnResetError", "ConnResetError"]);
  });

  it("takes a backend out by itself that can't be reached, and refuses nobody for that", async () => {
    await using all = await rig(says("a"), says("b"));
    await all.servers[0].close();
    for (let i = 0; i < 4; i++) assertEquals(await ask(all.balancer), "b");
    assertEquals(all.balancer.refused, 0);
  });

  it("resets a connection for which it finds no backend, and counts it", async () => {
    await using all = await rig(says("a"));
    await all.balancer.takeOut(0);
    await assertRejects(() => ask(all.balancer), ConnResetError);
    assertEquals(all.balancer.refused, 1);
  });

  it("lets a connection wait for a backend that comes back", async () => {
    await using all = await rig(says("a"));
    await all.balancer.takeOut(0);
    const waiting = ask(all.balancer);
    await new Promise((resolve) => setTimeout(resolve, 50));
    all.balancer.putIn(0, placeOf(all.servers[0]));
    assertEquals(await waiting, "a");
  });

  it("passes a client's FIN on, and the answer behind it", async () => {
    await using all = await rig(async (conn) => {
      let count = 0;
      for await (const _ of lines(conn)) count++;
      await conn.write(`${count} lines`);
    });
    const conn = await connect(all.balancer.place);
    await conn.write("1\n2\n3\n");
    await conn.closeWrite();
    assertEquals(await everything(conn), "3 lines");
  });

  it("passes much on to a slow reader whole", async () => {
    await using all = await rig((conn) => conn.write(new Uint8Array(LARGE)));
    const conn = await connect(all.balancer.place);
    await new Promise((resolve) => setTimeout(resolve, 100));
    let bytes = 0;
    for await (const chunk of conn) bytes += chunk.length;
    assertEquals(bytes, LARGE);
  });

  it("passes a backend's reset on, behind what it sent before", async () => {
    await using all = await rig(async (conn) => {
      await conn.write("half");
      await conn.read();
      conn.abort();
    });
    const conn = await connect(all.balancer.place);
    assertEquals(new TextDecoder().decode((await conn.read())!), "half");
    await conn.write("go\n");
    await assertRejects(() => conn.read(), ConnResetError);
  });

  it("passes a client's reset on", async () => {
    let told: (error: unknown) => void;
    const error = new Promise<unknown>((resolve) => told = resolve);
    await using all = await rig(async (conn) => {
      await conn.write("go\n");
      await conn.read().then(told, told);
    });
    const conn = await connect(all.balancer.place);
    await conn.read();
    conn.abort();
    assertEquals(await error instanceof ConnResetError, true);
  });
});
