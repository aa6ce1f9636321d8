/** Hubs of several processes that are joined by channels. */
import { describe, it } from "node:test";
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { InUseError, OptionError } from "../../mod.ts";
import { Channels, memoryLog } from "../../src/channels/mod.ts";
import { Hub, type WebSocketHandler } from "../../src/websocket/mod.ts";
import { type WsWorld, wsWorld } from "../support/websocket_world.ts";

const SECRET = "not a secret at all";

/** Two hubs, each as one process would have it, on one log. */
async function hubsWorld(): Promise<{ w: WsWorld; hubs: [Hub, Hub]; errors: unknown[]; leave: (() => void)[] }> {
  const log = memoryLog();
  const errors: unknown[] = [];
  const hubs: [Hub, Hub] = [new Hub(), new Hub()];
  let next = 0;
  const handler: WebSocketHandler = async (ws) => {
    const hub = hubs[next++ % 2];
    hub.subscribe(ws, "all");
    for await (const message of ws) hub.publish("all", message, { except: ws });
  };
  const w = await wsWorld(handler);
  const leave = hubs.map((hub) =>
    hub.bridge(new Channels({ log, secret: SECRET, clock: w.clock }), { onError: (error) => void errors.push(error) })
  );
  return { w, hubs, errors, leave };
}

describe("hub.bridge()", () => {
  it("lets the subscribers of all hubs hear what one of them publishes, once", async () => {
    const { w, hubs, errors } = await hubsWorld();
    await using _ = w;
    const [here, there, alsoHere] = await w.many(3);
    await w.pass(20);
    hubs[0].publish("all", "text");
    hubs[0].publish("all", Uint8Array.of(1, 2));
    hubs[1].publish("all", "back");
    await w.pass(20);
    for (const peer of [here, alsoHere]) assertEquals(peer.messages, ["text", "<2>", "back"]);
    // Its own it hears at once, those of others in their order.
    assertEquals([there.messages.length, there.messages.includes("back"), errors], [3, true, []]);
    assertEquals(there.messages.filter((message) => message !== "back"), ["text", "<2>"]);
  });

  it("reads nothing for topics that nobody here wants, and nothing after it was left", async () => {
    const { w, hubs, leave } = await hubsWorld();
    await using _ = w;
    const [here, there] = await w.many(2);
    await w.pass(20);
    leave[1]();
    hubs[0].publish("all", "one");
    hubs[1].publish("all", "two");
    await w.pass(20);
    assertEquals([here.messages, there.messages], [["one"], ["two"]]);
    assertEquals(hubs[0].publish("nobody's", "x"), 0);
  });

  it("is refused twice, and with what is no channels", () => {
    const hub = new Hub();
    hub.bridge(new Channels());
    assertThrows(() => hub.bridge(new Channels()), InUseError);
    const error = assertThrows(() => new Hub().bridge({} as never), OptionError);
    assertStringIncludes((error as Error).message, "new Channels()");
  });
});
