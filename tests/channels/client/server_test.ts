/** The client of channels with a real server, on real connections. */
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { AcceptOptions } from "../../../src/channels/channels_api.ts";
import {
  ChannelClient,
  type ChannelClientOptions,
  ChannelError,
  type DirectMessage,
} from "../../../src/channels/client/mod.ts";
import { Channels } from "../../../src/channels/mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import type { Server } from "../../../src/server/server_api.ts";
import { webSocketTransport } from "../../../src/websocket/mod.ts";
import type { Transport } from "../../../src/websocket/reconnect/mod.ts";
import { collect } from "../../fixtures/channel_world.ts";
import { leakCheck } from "../../support/leaks.ts";
import { root, within } from "../../support/processes.ts";

/** Node 20 has no WebSocket of its own: there, one of the same make stands in. */
if (typeof WebSocket !== "function") {
  globalThis.WebSocket = createRequire(import.meta.url)(`${root}node_modules/ws/index.js`).WebSocket;
}

const LIMIT = 20_000;

/** Waits for something to hold. */
function until(what: () => boolean): Promise<void> {
  const check = async (): Promise<void> => {
    while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return within(check(), LIMIT, () => String(what));
}

for (
  const [name, transport] of [["the runtime's own WebSocket", undefined], [
    "connectWebSocket()",
    webSocketTransport(),
  ]] as const
) {
  describe(`a ChannelClient on ${name}`, () => {
    const leaks = leakCheck();
    const channels = new Channels({ history: { size: 100 } });
    const clients: ChannelClient[] = [];
    const handled: unknown[] = [];
    const unavailable = new Set<unknown>();
    let server: Server;
    let port = 0;
    let tokens = 0;

    const accept: AcceptOptions = {
      authenticate: ({ token }) => token === null || token.startsWith("bad") ? null : { user: token.split(" ")[0] },
      authorize: ({ action, channel }) => action !== "publish" || !channel.startsWith("secret"),
      onMessage: ({ data }, ctx) => {
        if (unavailable.delete(data)) throw new ChannelError("unavailable", "The log is away");
        handled.push(data);
        return ctx.publish("echo", data);
      },
      onCall: async ({ method, data }, ctx) => {
        if (method === "wait") {
          await new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.cause())));
        }
        if (method === "fail") throw new ChannelError("forbidden", "Not for you");
        return data;
      },
    };

    const serve = async (): Promise<void> => {
      server = await serveHttp({ port: 0, hostname: "127.0.0.1" }, (request) => channels.accept(request, accept));
      port = (server.address as { port: number }).port;
    };
    const meet = (options: ChannelClientOptions = {}): ChannelClient => {
      const client = new ChannelClient(() => `ws://127.0.0.1:${port}/`, {
        token: "ada",
        minDelay: 50,
        maxDelay: 300,
        transport,
        ...options,
      });
      clients.push(client);
      return client;
    };

    before(async () => {
      leaks.before();
      await serve();
    });
    after(async () => {
      await Promise.all(clients.map((client) => client.close()));
      await server.shutdown();
      await channels.close();
      await leaks.after();
    });

    it("follows a channel and a pattern, publishes, sends, and calls", async () => {
      const client = meet();
      await channels.publish("room:1", "before");
      const room = collect(client.subscribe("room:1", { since: "oldest" }), ({ data }) => data);
      const halls = collect(client.subscribe("hall:*"), ({ channel, data }) => `${channel} ${data}`);
      const echo = collect(client.subscribe("echo"), ({ data, headers }) => [data, headers]);
      await until(() => client.state === "live");
      assertEquals(await client.publish("room:1", { n: 1 }), { offset: 2, duplicate: false });
      await client.publish("hall:a", "new");
      await client.send(new Uint8Array([1, 2, 3]));
      assertEquals(await client.call("echo", [1]), [1]);
      assertEquals(await client.call("echo", new Uint8Array([5])), new Uint8Array([5]));
      await until(() => echo.all.length === 1 && halls.all.length === 1);
      assertEquals([room.all, halls.all, echo.all], [["before", { n: 1 }], ["hall:a new"], [[
        new Uint8Array([1, 2, 3]),
        {},
      ]]]);
      assertEquals(handled.at(-1), new Uint8Array([1, 2, 3]));
    });

    it("is told what it may not", async () => {
      const client = meet();
      assertEquals((await assertRejects(() => client.publish("secret", 1), ChannelError)).reason, "forbidden");
      assertEquals((await assertRejects(() => client.call("fail"), ChannelError)).reason, "forbidden");
      const stranger = meet({ token: "bad" });
      await stranger.closed;
      assertEquals(stranger.state, "closed");
    });

    it("cancels a call", async () => {
      const client = meet();
      const stop = new AbortController();
      const call = client.call("wait", 1, { signal: stop.signal });
      await until(() => client.state === "live");
      stop.abort(new Error("enough"));
      await assertRejects(() => call, Error, "enough");
      await assertRejects(() => client.call("wait", 1, { timeout: 50 }), ChannelError, "50 ms");
    });

    it("is asked for another token where the old one is not accepted", async () => {
      const client = meet({ token: () => tokens++ === 0 ? "bad" : "bob" });
      await until(() => client.state === "live");
      assertEquals(tokens, 2);
    });

    it("has its messages handled in order, none left out, where the server could not take one", async () => {
      const client = meet();
      unavailable.add("b");
      const sent = ["a", "b", "c"].map((data) => client.send(data));
      await within(Promise.all(sent), LIMIT, () => client.state);
      assertEquals(handled.slice(-3), ["a", "b", "c"]);
    });

    it("goes on at the next server when one stops, and nothing is lost on the way", async () => {
      const client = meet();
      const seen = collect(client.subscribe("deploy", { since: "oldest" }), ({ data }) => data as number);
      await until(() => client.state === "live");
      const fates: Promise<unknown>[] = [];
      const old = server;
      for (let n = 0; n < 300; n++) {
        fates.push(client.publish("deploy", n));
        if (n === 100) {
          await serve();
          fates.push(old.shutdown());
        }
        if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await within(Promise.all(fates), LIMIT, () => `${seen.all.length} have come, ${client.state}`);
      await until(() => seen.all.length === 300);
      assertEquals(seen.all, Array.from({ length: 300 }, (_, n) => n));
    });

    it("is told a gap when its channel's history was too short", async () => {
      const client = meet();
      const sub = client.subscribe("busy", { maxQueued: 5 });
      const gaps: string[] = [];
      sub.on("gap", ({ reason }) => gaps.push(reason));
      await until(() => client.state === "live");
      for (let n = 0; n < 300; n++) await channels.publish("busy", n);
      await until(() => client.state === "catching-up");
      const seen = collect(sub, ({ data }) => data as number);
      await until(() => seen.all.at(-1) === 299);
      assertEquals(gaps, ["trimmed"]);
      assertEquals(seen.all.slice(0, 5), [0, 1, 2, 3, 4]);
      assertEquals(seen.all.slice(5), Array.from({ length: 100 }, (_, n) => 200 + n));
    });

    it("takes direct messages, acknowledges them, and has refused ones again", async () => {
      const client = meet({ token: "eve" });
      const seen: DirectMessage[] = [];
      client.on("message", (message) => seen.push(message));
      await until(() => client.state === "live");
      const acknowledged = channels.sendTo("eve", { n: 1 }, { ack: true });
      await until(() => seen.length === 1);
      seen[0].nack(20);
      await until(() => seen.length === 2);
      assertEquals([seen[1].attempt, seen[1].data, seen[1].id], [2, { n: 1 }, seen[0].id]);
      seen[1].ack();
      await within(acknowledged, LIMIT, () => "the acknowledgement");
    });

    it("sees members come and go", async () => {
      const client = meet({ token: "ada" });
      const sub = client.subscribe("party", { member: { name: "Ada" } });
      sub.on("message", () => {});
      await until(() => sub.members.length === 1);
      const other = meet({ token: "bob" });
      const theirs = other.subscribe("party", { member: { name: "Bob" } });
      theirs.on("message", () => {});
      await until(() => sub.members.length === 2 && theirs.members.length === 2);
      assertEquals(sub.members.map(({ user, data }) => [user, data]), [["ada", { name: "Ada" }], ["bob", {
        name: "Bob",
      }]]);
      theirs.close();
      await until(() => sub.members.length === 1);
    });

    it("can have a channel again that it has left, at once", async () => {
      const client = meet();
      await until(() => client.state === "live");
      for (let n = 0; n < 20; n++) client.subscribe("again").close();
      const seen = collect(client.subscribe("again"), ({ data }) => data);
      await until(() => client.state === "live");
      await channels.publish("again", 1);
      await until(() => seen.all.length > 0);
      assertEquals(seen.all, [1]);
    });

    it("gives its position to another client", async () => {
      const client = meet();
      const sub = client.subscribe("kept", { since: "oldest" });
      for (let n = 0; n < 5; n++) await channels.publish("kept", n);
      await sub.next();
      await sub.next();
      const position = JSON.parse(JSON.stringify(client.position));
      await client.close();
      const seen = collect(meet({ position }).subscribe("kept"), ({ data }) => data);
      await until(() => seen.all.length === 3);
      assertEquals(seen.all, [2, 3, 4]);
    });
  });
}

describe("a ChannelClient whose server forgets everything", () => {
  const leaks = leakCheck();
  before(() => leaks.before());
  after(() => leaks.after());

  it("begins anew behind a gap, in a new session, and what waits is published", async () => {
    let channels = new Channels();
    let server = await serveHttp(
      { port: 0, hostname: "127.0.0.1" },
      (request) => channels.accept(request, { authorize: () => true }),
    );
    const { port } = server.address as { port: number };
    const client = new ChannelClient(`ws://127.0.0.1:${port}/`, {
      minDelay: 50,
      maxDelay: 200,
      transport: webSocketTransport(),
    });
    const sub = client.subscribe("room");
    const seen = collect(sub, ({ data }) => data);
    sub.on("gap", ({ reason }) => seen.all.push(reason));
    await until(() => client.state === "live");
    await client.publish("room", 1);
    await server.shutdown();
    await channels.close();
    const waits = client.publish("room", 2);
    channels = new Channels();
    server = await serveHttp(
      { port, hostname: "127.0.0.1" },
      (request) => channels.accept(request, { authorize: () => true }),
    );
    assertEquals(await within(waits, LIMIT, () => client.state), { offset: 1, duplicate: false });
    await until(() => seen.all.length === 3);
    assertEquals(seen.all, [1, "epoch", 2]);
    await client.close();
    await server.shutdown();
    await channels.close();
    assert(client.state === "closed");
  });
});

describe("a message that was refused", () => {
  it("is refused again where its client has not heard of it, and not told to be handled", async () => {
    const channels = new Channels();
    let runs = 0;
    const server = await serveHttp({ port: 0, hostname: "127.0.0.1" }, (request) =>
      channels.accept(request, {
        onMessage: () => {
          runs++;
          throw new ChannelError("forbidden", "Not for you");
        },
      }));
    const { port } = server.address as { port: number };
    let isDeaf = true;
    const transport: Transport = (url, protocols, events) => {
      const socket = webSocketTransport()(url, protocols, {
        ...events,
        message: (data) => {
          // The answer gets lost with its connection.
          if (isDeaf && String(data).startsWith(`["no"`)) return void (isDeaf = false, socket.close(1001, ""));
          events.message(data);
        },
      });
      return socket;
    };
    const client = new ChannelClient(`ws://127.0.0.1:${port}/`, { transport, minDelay: 20 });
    const error = await assertRejects(() => within(client.send(1), LIMIT, () => client.state), ChannelError);
    assertEquals([error.reason, runs, isDeaf], ["forbidden", 1, false]);
    await client.close();
    await server.shutdown();
    await channels.close();
  });
});
