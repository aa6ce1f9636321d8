/** Handlers that carry bytes to another server and back. */
import { type Conn, connect, type Handler, serve, silentLogger } from "../../../mod.ts";
import { codeOf, job, type Pattern, pause, type Scene } from "../../support/handlers.ts";
import { tcp } from "../../support/handler_kinds.ts";
import type { Peer } from "../../support/handler_peer.ts";
import { numbered, quietly, upload } from "../../support/handler_flow.ts";

/** A server behind the one that is stopped; gives its port. */
async function behind(scene: Scene<Peer>, handler: Handler): Promise<number> {
  const server = await serve({ port: 0, hostname: "127.0.0.1", logger: silentLogger }, handler);
  scene.defer(() => server.close());
  return (server.address as { port: number }).port;
}

const answersAfter600: Handler = async (conn) => {
  for await (const chunk of conn) job(new TextDecoder().decode(chunk)).then((text) => conn.write(text)).catch(quietly);
};

const streamsForTwoSeconds: Handler = async (conn) => {
  await conn.read();
  for (let i = 0; i < 20; i++) {
    await conn.write(`${i}\n`);
    await pause(100);
  }
};

/** One direction; where it breaks off, the other end is cut, too. */
async function pump(from: Conn, to: Conn): Promise<void> {
  try {
    for await (const chunk of from) await to.write(chunk);
    await to.closeWrite();
  } catch (error) {
    to.abort(error);
  }
}

const byLoops = (port: Promise<number>): Handler => async (conn) => {
  const out = await connect({ port: await port });
  await Promise.all([pump(conn, out), pump(out, conn)]);
};

/** As by loops; what the drain ends is no failure: the other side is told that nothing more comes. */
const byCarefulLoops = (port: Promise<number>): Handler => async (conn) => {
  const out = await connect({ port: await port });
  const there = async () => {
    try {
      for await (const chunk of conn) await out.write(chunk);
    } catch (error) {
      if (codeOf(error) !== "ERR_CONN_DRAINED") return out.abort(error);
    }
    await out.closeWrite();
  };
  await Promise.all([there(), pump(out, conn)]);
};

const byPipes = (port: Promise<number>): Handler => async (conn) => {
  const out = await connect({ port: await port });
  await Promise.allSettled([conn.readable.pipeTo(out.writable), out.readable.pipeTo(conn.writable)]);
  out.abort();
};

export const PROXIES: readonly Pattern[] = [
  // Proxies and tunnels.
  tcp({
    name: "a proxy by loops, the upstream answers after 600 ms",
    handler: (scene) => byLoops(behind(scene, answersAfter600)),
    owes: true,
    client: (peer) => peer.send("a"),
    sees: "a!",
    work: 400,
  }),
  tcp({
    name: "a proxy by loops, the upstream sends twenty chunks in two seconds",
    handler: (scene) => byLoops(behind(scene, streamsForTwoSeconds)),
    client: (peer) => peer.send("a"),
    sees: numbered(20),
    work: 1800,
  }),
  tcp({
    name: "a proxy by loops that tells the drain's end from a failure",
    handler: (scene) => byCarefulLoops(behind(scene, answersAfter600)),
    owes: true,
    client: (peer) => peer.send("a"),
    sees: "a!",
    work: 400,
  }),
  tcp({
    name: "a proxy by pipes, the upstream answers after 600 ms",
    handler: (scene) => byPipes(behind(scene, answersAfter600)),
    owes: true,
    client: (peer) => peer.send("a"),
    sees: "a!",
    work: 400,
  }),
  tcp({
    name: "a proxy by pipes, the upstream sends twenty chunks in two seconds",
    handler: (scene) => byPipes(behind(scene, streamsForTwoSeconds)),
    client: (peer) => peer.send("a"),
    sees: numbered(20),
    work: 1800,
  }),
  tcp({
    name: "a proxy that carries an upload for a second, answered at its end",
    handler: (scene) =>
      byLoops(behind(scene, async (conn) => {
        let length = 0;
        for await (const chunk of conn) length += chunk.length;
        await conn.write(`${length}\n`);
      })),
    client: (peer) => upload(peer, 10, 1000, 100),
    sees: "10000\n",
    work: 900,
  }),
  tcp({
    name: "an idle proxy",
    handler: (scene) => byLoops(behind(scene, answersAfter600)),
    client: async (peer) => {
      peer.send("a");
      await peer.until("the answer", () => peer.saw === "a!" || !peer.isOpen);
    },
    stopAt: 1200,
    sees: "a!",
  }),
];
