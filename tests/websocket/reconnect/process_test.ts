/** The reconnecting WebSocket on real connections, against a server that is killed and started again. */
import { createRequire } from "node:module";
import { createServer, type Socket } from "node:net";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import {
  type ConnectionEndEvent,
  ReconnectingWebSocket,
  type ReconnectOptions,
  type Transport,
} from "../../../src/websocket/reconnect/mod.ts";
import { webSocketTransport } from "../../../src/websocket/client/transport.ts";
import { leakCheck } from "../../support/leaks.ts";
import { type Program, root, runtimeName, startProgram, within } from "../../support/processes.ts";

/** Node 20 has no WebSocket of its own: there, one of the same make stands in. */
const hasNative = typeof WebSocket === "function";
if (!hasNative) {
  globalThis.WebSocket = createRequire(import.meta.url)(`${root}node_modules/ws/index.js`).WebSocket;
}

const transports: readonly (readonly [name: string, transport: Transport | undefined])[] = [
  [hasNative ? "the runtime's own WebSocket" : "a WebSocket like the web's", undefined],
  ["connectWebSocket()", webSocketTransport()],
];

/** Those of a group of tests, whichever way they ended. */
const clients: ReconnectingWebSocket[] = [];

/** A client whose doings can be waited for. */
function connect(url: string, options: ReconnectOptions) {
  const client = new ReconnectingWebSocket(url, { minDelay: 50, maxDelay: 300, ...options });
  clients.push(client);
  const log: string[] = [];
  const messages: (string | Uint8Array)[] = [];
  const ends: ConnectionEndEvent[] = [];
  const waiting = new Set<() => void>();
  const note = () => waiting.forEach((check) => check());
  client.addEventListener("state", ({ state }) => (log.push(state), note()));
  client.addEventListener("message", ({ data }) => (messages.push(data), note()));
  client.addEventListener("end", (event) => (ends.push(event), note()));
  const until = (what: () => boolean, ms: number = 10_000) => {
    const met = new Promise<void>((resolve) => {
      const check = () => {
        if (!what()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
    return within(met, ms, () => `${what}; states ${log}, messages ${messages.length}, state ${client.state}`);
  };
  return { client, log, messages, ends, until };
}

async function startPeer(port: number): Promise<readonly [Program, number]> {
  const peer = startProgram("tests/programs/ws_peer.ts", { runtime: "node", args: [String(port)] });
  return [peer, Number((await peer.line("listening")).split(" ")[1])];
}

for (const [name, transport] of transports) {
  describe(`a ReconnectingWebSocket on ${name}`, () => {
    const leaks = leakCheck();
    let peer: Program;
    let port: number;
    let url: string;

    before(async () => {
      leaks.before();
      [peer, port] = await startPeer(0);
      url = `ws://127.0.0.1:${port}/`;
    });
    after(async () => {
      await Promise.all(clients.splice(0).map((client) => client.close()));
      await peer.kill();
      await leaks.after();
    });

    it("comes back when the server was killed, with what was queued, each message once", async () => {
      const { client, messages, ends, until } = connect(url, { transport, protocols: ["chat"] });
      const sent = [client.send("0"), client.send(new Uint8Array([1, 2, 3]))];
      await until(() => messages.length === 2);
      assertEquals([messages, client.protocol], [["0", new Uint8Array([1, 2, 3])], "chat"]);
      await peer.kill();
      await until(() => client.state === "waiting");
      assertEquals([ends[0].code, ends[0].opened, ends[0].wasClean], [1006, true, false]);
      for (let i = 1; i <= 20; i++) sent.push(client.send(String(i)));
      await until(() => ends.length >= 3);
      assertEquals([ends[1].code, ends[1].opened], [1006, false]);
      [peer] = await startPeer(port);
      await until(() => messages.length === 22);
      await Promise.all(sent);
      assertEquals(messages.slice(2), Array.from({ length: 20 }, (_, i) => String(i + 1)));
      await client.close(4000, "done");
      assertEquals(client.state, "closed");
      await peer.line("closed 4000 done");
    });

    it("hears a farewell and stays away for as long as it says", async () => {
      const { client, log, ends, until } = connect(url, { transport, farewell: true });
      await until(() => client.state === "open");
      assertEquals(client.protocol, "");
      await client.send("bye 1001 normal wait=10 retry=700 going away");
      await until(() => client.state === "waiting");
      const start = performance.now();
      assertEquals(ends[0].farewell, { flag: "normal", wait: 10, retry: 700, words: "going away" });
      assertEquals([ends[0].code, ends[0].wasClean], [1001, true]);
      await until(() => client.state === "open");
      assertGreaterOrEqual(performance.now() - start, 690);
      assertEquals(log, ["open", "waiting", "connecting", "open"]);
      await client.close();
    });

    it("keeps what a closing connection doesn't take for the next one", async () => {
      const { client, messages, ends, until } = connect(url, { transport });
      await until(() => client.state === "open");
      await client.send("bye 1012");
      for (let i = 0; client.state === "open" && client.queued === 0; i++) {
        void client.send(`early ${i}`);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      const late = ["a", "b"].map((data) => client.send(data));
      await until(() => messages.includes("b"));
      await Promise.all(late);
      assertEquals([ends[0].code, messages.slice(-2), new Set(messages).size], [1012, ["a", "b"], messages.length]);
      await client.close();
    });

    const skip = transport === undefined && runtimeName() !== "bun" && "its bufferedAmount is 0 at the end";
    it("counts what a connection took and could not get rid of", { skip }, async () => {
      const { client, ends, until } = connect(url, { transport });
      await client.send("pause");
      for (let i = 0; i < 20; i++) await client.send(new Uint8Array(1_000_000));
      await new Promise((resolve) => setTimeout(resolve, 100));
      const { bufferedAmount } = client;
      assertGreater(bufferedAmount, 1_000_000);
      await peer.kill();
      await until(() => ends.length > 0);
      assertGreater(ends[0].unsentBytes, 1_000_000);
      assert(ends[0].unsentBytes <= bufferedAmount);
      await client.close();
      [peer] = await startPeer(port);
    });

    it("gives in when the server says that it is done", async () => {
      const { client, ends, until } = connect(url, { transport });
      await until(() => client.state === "open");
      await client.send("bye 4001 not you");
      await within(client.closed, 5000, () => "closed");
      assertEquals([ends[0].code, ends[0].reason, ends[0].willReconnect], [4001, "not you", false]);
    });

    it("keeps trying while the handshake is refused", async () => {
      const { client, ends, until } = connect(`${url}refused`, { transport });
      await until(() => ends.length === 3);
      assertEquals(ends.map(({ code, opened }) => [code, opened]), Array(3).fill([1006, false]));
      await client.close();
    });

    it("gives up an attempt that nobody answers", async () => {
      const silent = new Set<Socket>();
      const server = createServer((socket) => {
        silent.add(socket.on("error", () => {}).on("close", () => silent.delete(socket)));
        socket.resume();
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const address = server.address();
      assert(typeof address === "object" && address !== null);
      const { client, ends, until } = connect(`ws://127.0.0.1:${address.port}`, { transport, connectTimeout: 150 });
      await until(() => ends.length === 2);
      assertEquals(ends.map(({ error }) => error?.name), ["ConnectionDroppedError", "ConnectionDroppedError"]);
      await client.close();
      for (let i = 0; i < 100 && silent.size > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
      const { size } = silent;
      for (const socket of silent) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      // Node 22 itself keeps the socket of a WebSocket that was closed before it was open.
      const kept = transport === undefined && process.versions.node.startsWith("22.") ? 1 : 0;
      assertLessOrEqual(size, kept, "connections of attempts that were given up");
    });
  });
}

describe("a process with a ReconnectingWebSocket", () => {
  for (const kind of runtimeName() === "node" && !hasNative ? ["dialled"] : ["native", "dialled"]) {
    it(`lives while the client waits, and ends by itself after close() (${kind})`, async () => {
      await using program = startProgram("tests/programs/reconnect_client.ts", { args: ["ws://127.0.0.1:1", kind] });
      const { code, stdout, stderr } = await program.exited();
      assertEquals(stdout.trim().split("\n"), [
        "waiting",
        "connecting",
        "waiting",
        "connecting",
        "waiting",
        "closed",
      ]);
      assertEquals([code, stderr], [0, ""]);
    });
  }
});

describe("errors of what others wrote", () => {
  it("become uncaught ones, as in any listener, and break nothing", async () => {
    await using program = startProgram("tests/programs/reconnect_errors.ts");
    const { code, stdout, stderr } = await program.exited();
    assertEquals(stdout.trim().split("\n").sort(), [
      "heard x",
      "uncaught message",
      "uncaught should",
      "waiting",
    ]);
    assertEquals([code, stderr], [0, ""]);
  });
});
