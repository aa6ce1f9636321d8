/** Who is told of as gone when an instance on Redis stops in order. */
import { after, before, describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { ChannelClient } from "../../../src/channels/client/mod.ts";
import { Channels } from "../../../src/channels/mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import { webSocketTransport } from "../../../src/websocket/mod.ts";
import { silentLogger } from "../../../mod.ts";
import { RedisServer, skipWithoutRedis, until } from "../../support/redis.ts";
import { makers } from "./clients.ts";
import { Logs } from "./world.ts";

const SECRET = "a secret of sixteen characters and more";
const ROOM = "room";

describe("presence on Redis", { skip: skipWithoutRedis() }, () => {
  let server: RedisServer;
  before(async () => {
    server = await RedisServer.start();
  });
  after(() => server[Symbol.asyncDispose]());

  it("an instance that stopped in order is not lost: who went elsewhere stays, who did not leaves", async () => {
    const make = makers.ioredis;
    await using logs = new Logs(make);
    const start = async (instance: string) => {
      const log = await logs.open(server);
      const session = { expiry: 1000 };
      const channels = new Channels({ log, secret: SECRET, instance, lease: 500, session, logger: silentLogger });
      const accept = { authenticate: ({ token }: { token: string | null }) => ({ user: token! }) };
      const options = { port: 0, hostname: "127.0.0.1", logger: silentLogger };
      const http = await serveHttp(options, (request) => channels.accept(request, accept));
      return { channels, http, url: `ws://127.0.0.1:${(http.addresses[0] as { port: number }).port}/` };
    };
    const [one, two] = [await start("i1"), await start("i2")];
    let url = one.url;
    const client = (token: string, to: () => string) =>
      new ChannelClient(to, { token, transport: webSocketTransport(), minDelay: 20, maxDelay: 100 });
    const [eve, ada, bob] = [client("eve", () => two.url), client("ada", () => url), client("bob", () => one.url)];
    const told: string[] = [];
    const room = eve.subscribe(ROOM, { member: {} });
    room.on("presence", ({ type, user, instance }) => told.push(`${type} ${user ?? ""} ${instance}`));
    for (const other of [ada, bob]) other.subscribe(ROOM, { member: {} });
    const who = () => room.members.map(({ user, instance }) => `${user} ${instance}`).sort();
    await until(() => Promise.resolve(who().length === 3), "that all three are there");
    url = two.url;
    await one.http.shutdown();
    await one.channels.close();
    await until(() => Promise.resolve(who().join() === "ada i2,eve i2"), "that bob is gone and ada elsewhere");
    assertEquals(told.slice(-2).sort(), ["join ada i2", "leave bob i1"]);
    // The lease of the stopped one is cleared with the last of it.
    await until(async () => (await two.channels.instances()).length === 1, "that i1 is forgotten");
    assertEquals(told.filter((what) => what.startsWith("lost")), []);
    for (const each of [eve, ada, bob]) await each.close();
    await two.http.shutdown();
    await two.channels.close();
  });
});
