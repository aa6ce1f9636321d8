/** What an idle WebSocket keeps alive, and what it does not. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Canceled, withCancel } from "../../mod.ts";
import type { HttpContext } from "../../src/http/mod.ts";
import type { WebSocketLink } from "../../src/websocket/conn/link.ts";
import { upgradeWebSocket } from "../../src/websocket/mod.ts";
import type { WsConn } from "../../src/websocket/conn/ws_conn.ts";
import { collect } from "../support/collector.ts";
import { type HttpWorld, httpWorld, request } from "../support/http_world.ts";
import { echo, wsWorld } from "../support/websocket_world.ts";
import { masked } from "../support/ws_raw.ts";
import { CLOSE, TEXT } from "../support/ws_wire.ts";

const HANDSHAKE = request("/ws", {
  headers: {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  },
});

const CONNECTIONS = 30;
/** A collector may take a word on the stack for a pointer. */
const FEW = 5;

/** One WebSocket, and what its handler of HTTP was given. */
async function upgraded(): Promise<{ w: HttpWorld; ctx: HttpContext; req: Request; close: () => Promise<void> }> {
  let ctx!: HttpContext;
  let req!: Request;
  const w = await httpWorld((given, context) => {
    ctx = context;
    req = given;
    return upgradeWebSocket(given, echo);
  });
  const peer = await w.ask(HANDSHAKE);
  const close = async () => {
    void peer.conn.write(masked(CLOSE));
    await w.pass(500);
  };
  return { w, ctx, req, close };
}

describe("an idle WebSocket", () => {
  it("keeps nothing of the request that it began with, unless somebody looks at its context", async () => {
    const contexts: WeakRef<HttpContext>[] = [];
    const requests: WeakRef<Request>[] = [];
    const looked: AbortSignal[] = [];
    await using w = await httpWorld((req, ctx) => {
      contexts.push(new WeakRef(ctx));
      requests.push(new WeakRef(req));
      if (contexts.length > CONNECTIONS) looked.push(ctx.signal);
      return upgradeWebSocket(req, echo);
    });
    for (let i = 0; i < 2 * CONNECTIONS; i++) await w.ask(HANDSHAKE);
    const alive = (refs: WeakRef<object>[]) => refs.filter((ref) => ref.deref() !== undefined).length;
    for (let i = 0; i < 10 && alive(contexts) > CONNECTIONS; i++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      collect();
    }
    const left = [alive(contexts.slice(0, CONNECTIONS)), alive(requests.slice(0, CONNECTIONS))];
    assert(left.every((number) => number <= FEW), `${left} of ${CONNECTIONS} are kept`);
    assertEquals([alive(contexts.slice(CONNECTIONS)), looked.length], [CONNECTIONS, CONNECTIONS]);
  });

  it("ends the context of its request, whenever that was looked at", async () => {
    const { w, ctx, req, close } = await upgraded();
    await using _ = w;
    const derived = withCancel(ctx)[0];
    assertEquals([ctx.err(), derived.err(), ctx.signal.aborted, req.signal.aborted], [null, null, false, false]);
    await close();
    assertEquals([ctx.err() instanceof Canceled, derived.err() instanceof Canceled], [true, true]);
    assertEquals([ctx.signal.aborted, derived.signal.aborted], [true, true]);
    // It was served to its end.
    assertEquals(req.signal.aborted, false);
  });

  it("has ended the context of its request when that is looked at for the first time", async () => {
    const { w, ctx, req, close } = await upgraded();
    await using _ = w;
    await close();
    assertEquals([ctx.err() instanceof Canceled, withCancel(ctx)[0].err() instanceof Canceled], [true, true]);
    assertEquals([ctx.signal.aborted, req.signal.aborted], [true, false]);
  });

  it("asks the context of its request to finish, when a drain is looked for behind its beginning too", async () => {
    const { w, ctx } = await upgraded();
    await using _ = w;
    const report = w.server.shutdown();
    await w.pass(5);
    assertEquals([ctx.draining.aborted, ctx.err()], [true, null]);
    await w.until(report);
    assertEquals(ctx.err() instanceof Canceled, true);
  });
});

describe("WebSockets with options that are written anew for each", () => {
  it("share what was made of them as long as they say the same", async () => {
    const limits = [10, 10, 20, 10];
    const served: WsConn[] = [];
    await using w = await httpWorld((req) => {
      const maxMessageBytes = limits[served.length];
      return upgradeWebSocket(req, (ws) => void served.push(ws as WsConn), { maxMessageBytes });
    });
    const settings = [];
    for (const _ of limits) await w.ask(HANDSHAKE);
    for (const ws of served) settings.push((ws.conn.consumer as WebSocketLink).settings);
    assertEquals(settings.map(({ limits }) => limits.maxMessageBytes), limits);
    assertEquals(settings[0] === settings[1], true);
  });

  it("see what has changed within them", async () => {
    const protocols = ["a"];
    let asked = 0;
    await using w = await httpWorld((req) => {
      if (asked++ === 1) protocols[0] = "b";
      return upgradeWebSocket(req, () => {}, { protocols });
    });
    const offering = HANDSHAKE.replace("\r\n\r\n", "\r\nsec-websocket-protocol: b\r\n\r\n");
    const told = [];
    for (let i = 0; i < 2; i++) told.push((await w.ask(offering)).text.includes("Sec-WebSocket-Protocol: b"));
    assertEquals(told, [false, true]);
  });
});

describe("a WebSocket whose message comes in parts", () => {
  it("keeps its decoder meanwhile, and others have theirs", async () => {
    const seen: string[] = [];
    await using w = await wsWorld((ws) => ws.forEach((message) => void seen.push(`${message}`)));
    const peers = await w.many(3);
    await w.pass(20);
    for (const peer of peers) peer.send("whole");
    await w.pass(20);
    const frames = peers.map((_, i) => masked(TEXT, `message ${i}`));
    for (const [i, peer] of peers.entries()) void peer.conn.write(frames[i].slice(0, 1 + 6 * i));
    await w.pass(20);
    for (const [i, peer] of peers.entries()) void peer.conn.write(frames[i].slice(1 + 6 * i));
    await w.pass(20);
    assertEquals(seen, ["whole", "whole", "whole", "message 0", "message 1", "message 2"]);
  });
});
