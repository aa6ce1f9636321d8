/** What clients say while Redis stands still: each message is there once, in order, or was not acknowledged. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { Channels } from "../../../src/channels/mod.ts";
import { CHANNELS_PROTOCOL, decodeFrame, encodeFrame, type Frame } from "../../../src/channels/wire/frames.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import { connectWebSocket } from "../../../src/websocket/mod.ts";
import { RedisServer, skipWithoutRedis, until } from "../../support/redis.ts";
import { all, texts } from "../log_rules/tools.ts";
import { makers } from "./clients.ts";
import { Logs } from "./world.ts";

/** A client's end. */
async function talk(port: number) {
  const ws = await connectWebSocket(`ws://127.0.0.1:${port}/`, { protocols: [CHANNELS_PROTOCOL] });
  const heard: Frame[] = [];
  const reading = (async () => {
    for await (const message of ws) heard.push(decodeFrame(message)!);
  })();
  return {
    heard,
    say: (...frames: readonly Frame[]) => {
      for (const frame of frames) void ws.send(encodeFrame(frame));
    },
    answers: (count: number) =>
      until(() => heard.filter(([word]) => word === "ok" || word === "no").length >= count, `${count} answers`),
    async [Symbol.asyncDispose](): Promise<void> {
      await ws.close();
      await reading;
    },
  };
}

for (const [name, make] of Object.entries(makers)) {
  describe(`messages for a handler, with redisLog() of ${name}`, { skip: skipWithoutRedis() }, () => {
    it("are none passed over that Redis had no answer for, whatever is said meanwhile", async () => {
      await using server = await RedisServer.start();
      await using logs = new Logs(make);
      const log = await logs.open(server, { timeout: 500 });
      await using channels = new Channels({ log, secret: "the same for all of this test" });
      await using http = await serveHttp({ port: 0, hostname: "127.0.0.1" }, (request) =>
        channels.accept(request, {
          onMessage: async ({ data }, ctx) => void await ctx.publish("a", data),
        }));
      await using client = await talk((http.address as { readonly port: number }).port);
      const said = (seq: number): Frame => ["msg", seq, null, seq];
      client.say(["hello", 1, null, null, []], said(1));
      await client.answers(1);
      server.signal("SIGSTOP");
      client.say(said(2), said(3), said(4));
      await client.answers(4);
      server.signal("SIGCONT");
      // It says the first one again, and something new, as one that has not heard yet of the others.
      client.say(said(2), said(5));
      await client.answers(6);
      client.say(said(3), said(4), said(5));
      await client.answers(9);
      const answers = client.heard.filter(([word]) => word === "ok" || word === "no").map(([word, seq]) => [word, seq]);
      assertEquals(answers.slice(1, 4), [["no", 2], ["no", 3], ["no", 4]]);
      assertEquals(answers.slice(4), [["ok", 2], ["no", 5], ["ok", 3], ["ok", 4], ["ok", 5]]);
      assertEquals(texts((await all(log, "a")).entries), ["1", "2", "3", "4", "5"]);
    });
  });
}
