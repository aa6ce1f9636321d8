/** Clients of a proof on TCP, and what is seen of their connections. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { serve, silentLogger } from "../../../../mod.ts";
import { Channels } from "../../../../src/channels/mod.ts";
import type { AcceptOptions } from "../../../../src/channels/mod.ts";
import { ChannelClient } from "../../../../src/channels/client/mod.ts";
import { startFaultProxy } from "../../../../src/tools/faults/mod.ts";
import { tapped } from "../../../../src/tools/verify/channels/tap.ts";
import { tcpTransport } from "../../../../src/tools/verify/channels/tcp_transport.ts";
import type { TransportClose, TransportEvents } from "../../../../src/websocket/reconnect/mod.ts";

async function devices(part: AcceptOptions = {}) {
  const channels = new Channels();
  const server = await serve({ port: 0, hostname: "127.0.0.1", logger: silentLogger }, (conn) => {
    return channels.acceptConn(conn, { authorize: () => true, onCall: ({ data }) => data, ...part });
  });
  const { port } = server.address as { readonly port: number };
  const clients: ChannelClient[] = [];
  return {
    channels,
    port,
    client: (token: string | null = null, at: number = port) => {
      const options = { transport: tcpTransport(), page: null, minDelay: 1, maxDelay: 10, token };
      const client = new ChannelClient(`ws://127.0.0.1:${at}/`, options);
      clients.push(client);
      return client;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(clients.map((client) => client.close()));
      await server.close();
      await channels.close();
    },
  };
}

describe("a device", () => {
  it("publishes, follows and calls, with text and with bytes", async () => {
    await using w = await devices();
    const client = w.client();
    const sub = client.subscribe("a", { since: "oldest" });
    const big = new Uint8Array(50_000).fill(7);
    assertEquals((await client.publish("a", { text: "é" })).offset, 1);
    assertEquals((await client.publish("a", big)).offset, 2);
    const first = (await sub.next()).value!;
    const second = (await sub.next()).value!;
    assertEquals([first.data, second.data], [{ text: "é" }, big]);
    assertEquals(await client.call("m", Uint8Array.of(1, 2)), Uint8Array.of(1, 2));
  });

  it("is told why it is sent away, and does not come back", async () => {
    await using w = await devices({ authenticate: () => null });
    const client = w.client("nobody's");
    const error = new Promise<Error>((resolve) => client.on("error", resolve));
    assertEquals((await error as Error & { readonly reason: string }).reason, "unauthorized");
    await client.closed;
  });

  it("comes back where it was when its connection is lost", async () => {
    await using w = await devices();
    await using proxy = await startFaultProxy({ upstream: { port: w.port }, seed: 1, logger: silentLogger });
    const client = w.client(null, (proxy.address as { readonly port: number }).port);
    const sub = client.subscribe("a");
    await client.publish("a", 1);
    assertEquals((await sub.next()).value!.data, 1);
    const lost = new Promise<void>((resolve) => client.on("state", (state) => state === "offline" && resolve()));
    proxy.set([{ kind: "reset", afterBytes: 0 }]);
    const published = client.publish("a", 2);
    await lost;
    proxy.set([]);
    assertEquals([(await sub.next()).value!.data, (await published).offset], [2, 2]);
  });
});

/** A transport whose connections do as they are told. */
function fake() {
  const opened: TransportEvents[] = [];
  const sent: (string | Uint8Array)[] = [];
  const transport = (_url: string, _protocols: readonly string[], events: TransportEvents) => {
    opened.push(events);
    return {
      bufferedAmount: 7,
      pings: true,
      send: (message: string | Uint8Array) => {
        sent.push(message);
        return true;
      },
      close: () => {},
    };
  };
  return { opened, sent, transport };
}

describe("what is seen of connections", () => {
  it("is direct messages, what is said of them, and answers: those of the newest one", () => {
    const { opened, sent, transport } = fake();
    const seen: unknown[] = [];
    const heard: unknown[] = [];
    const tap = tapped(transport, {
      connected: () => seen.push("connected"),
      letterCame: (id) => seen.push(["came", id]),
      letterSaid: (id, word) => seen.push([word, id]),
      callSaid: (seq) => seen.push(["call", seq]),
      callCame: (seq) => seen.push(["answer", seq]),
    });
    const events: TransportEvents = {
      open: (protocol) => heard.push(protocol),
      message: (message) => heard.push(message),
      close: ({ code }: TransportClose) => heard.push(code),
    };
    const first = tap("ws://x/", [], events);
    opened[0].open("p");
    const frames = [
      '["d","u1.e",1,{}]',
      '["m","d",1,{}]',
      Uint8Array.of(1),
      '["answer",4,null,0]',
      '["failed",5,"x",""]',
    ];
    for (const frame of frames) opened[0].message(frame);
    for (const frame of ['["ack",["a","b"]]', '["nack","c",5]', '["call",6,["m",0],1]', '["pub",1,"d",0]']) {
      first.send(frame);
    }
    tap("ws://x/", [], events);
    opened[0].message('["d","late",1,{}]');
    opened[1].open("p");
    opened[0].close({ code: 1006, reason: "", wasClean: false });
    assertEquals(seen, [
      "connected",
      ["came", "u1.e"],
      ["answer", 4],
      ["answer", 5],
      ["ack", "a"],
      ["ack", "b"],
      ["nack", "c"],
      ["call", 6],
      "connected",
    ]);
    assertEquals(heard, ["p", ...frames, '["d","late",1,{}]', "p", 1006]);
    assertEquals([sent.length, first.bufferedAmount, first.pings], [4, 7, true]);
  });
});
