/** The protocol to the letter, where an answer rather than a parser's verdict shows it. */
import { describe, it } from "node:test";
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { OptionError } from "../../mod.ts";
import { createHttpServer, type HttpHandler, type HttpOptions, reply } from "../../src/http/mod.ts";
import { webSocketLimits } from "../../src/websocket/websocket_options.ts";
import { httpWorld, request } from "../support/http_world.ts";

const CONNECT = "CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example:5432\r\n\r\n";

describe("CONNECT", () => {
  it("reaches no handler that didn't ask for it: 405 with Allow, and what follows is not read", async () => {
    let calls = 0;
    await using w = await httpWorld(() => {
      calls++;
      return reply("hi");
    });
    const peer = await w.ask([CONNECT, request("/inside")], 50);
    assertEquals([peer.told, calls], [["405 No tunnels are served here, close"], 0]);
    assertMatch(peer.last.headers.get("allow") ?? "", /GET.*POST/);
    assertEquals(peer.last.headers.get("connection"), "close");
    assertEquals(w.server.http.refused.connectNotServed, 1);
  });

  it("reaches onConnect, which takes the connection and sees the target", async () => {
    const onConnect: HttpHandler = async (_request, ctx) => {
      const conn = ctx.hijack();
      await conn.write(`HTTP/1.1 200 OK\r\nContent-Length: ${ctx.target.length}\r\n\r\n${ctx.target}`);
      return undefined;
    };
    await using w = await httpWorld(() => reply("hi"), { onConnect } as HttpOptions);
    const peer = await w.ask([CONNECT], 50);
    assertEquals(peer.told, ["200 db.example:5432"]);
    assertEquals((await w.ask([request("/")], 50)).told, ["200 hi"]);
  });

  it("is refused by onConnect with any answer but a 2xx, which would open a tunnel", async () => {
    for (const [status, told] of [[403, "403 no"], [200, "500"], [299, "500"]] as const) {
      const onConnect: HttpHandler = () => reply("no", { status });
      await using w = await httpWorld(() => reply("hi"), { onConnect } as HttpOptions);
      assertEquals((await w.ask([CONNECT], 50)).told.map((text) => text.slice(0, told.length)), [told]);
    }
  });

  it("needs a function to answer it", () => {
    const onConnect = "yes" as unknown as HttpHandler;
    assertThrows(
      () => createHttpServer({ onConnect }, () => reply("")),
      OptionError,
      'onConnect must be a function, got "yes"',
    );
  });
});

describe("the target of a request", () => {
  it("is given as it was sent, where request.url is normalised", async () => {
    await using w = await httpWorld((req, ctx) => reply(`${ctx.target} ${new URL(req.url).pathname}`));
    const peer = await w.ask([request("/public/../admin"), request("/a/%2e%2e/b?x"), request("//a")], 50);
    assertEquals(peer.told, ["200 /public/../admin /admin", "200 /a/%2e%2e/b?x /b", "200 //a //a"]);
  });
});

describe("a 205", () => {
  it("has no body, and says so, whatever it was made of", async () => {
    for (const probe of [true, false]) {
      await using w = await httpWorld(
        () =>
          new Proxy(new Response("text"), {
            get: (made, key) => key === "status" ? 205 : Reflect.get(made, key, made),
          }),
        { probe },
      );
      const peer = await w.ask([request("/"), request("/")], 50);
      assertEquals(peer.told, ["205", "205"]);
      assertEquals(peer.last.headers.get("content-length"), "0");
    }
  });
});

describe("the frames of a message", () => {
  it("may be as many as 64 bytes each make its largest size, and 1024 at least", () => {
    const framesFor = (maxMessageBytes?: number) => webSocketLimits({ maxMessageBytes }, "server").maxFragments;
    assertEquals([framesFor(), framesFor(100), framesFor(2 ** 24)], [16_384, 1024, 262_144]);
  });
});

describe("answers that the server gives by itself", () => {
  it("carry Date, whoever is refused", async () => {
    const date = /^date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/im;
    await using w = await httpWorld(() => reply("x"), { maxConnections: 2, maxConcurrentRequests: 1 });
    const refused = [
      await w.ask("nonsense\r\n\r\n"),
      await w.ask([CONNECT]),
    ];
    const held = [await w.peer(), await w.peer()];
    refused.push(await w.peer({ unasked: 1 }));
    await w.pass(50);
    assertEquals(refused.map(({ last }) => last.status), [400, 405, 503]);
    for (const { text } of refused) assertMatch(text, date);
    assertEquals(held.length, 2);
  });

  it("are asked for one by one where rejectWith is a function, and one that fails costs its words", async () => {
    let asked = 0;
    const rejectWith = () => {
      if (++asked === 2) throw new Error("broken");
      return `HTTP/1.1 503 Number ${asked}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;
    };
    await using w = await httpWorld(() => reply("x"), { maxConnections: 1, rejectWith });
    await w.peer();
    const peers = [];
    for (let i = 0; i < 3; i++) {
      peers.push(await w.peer({ unasked: 1 }));
      await w.pass(5);
    }
    assertEquals(peers.map(({ text, end }) => [text.slice(0, 21), end]), [
      ["HTTP/1.1 503 Number 1", "fin"],
      ["", "fin"],
      ["HTTP/1.1 503 Number 3", "fin"],
    ]);
  });
});

describe("an absolute target", () => {
  it("takes the place of Host, in the URL and in the fields", async () => {
    await using w = await httpWorld((req) => reply(`${req.url} ${req.headers.get("host")}`));
    const peer = await w.ask(request("http://real.example:81/x", { headers: { host: "claimed.example" } }));
    assertEquals(peer.told, ["200 http://real.example:81/x real.example:81"]);
  });
});

describe("an idle connection", () => {
  it("is closed at idleTimeout's value, to within a second, and later than the usual balancers do by default", async () => {
    for (const [idleTimeout, value] of [[10_000, 10_000], [undefined, 75_000]] as const) {
      for (const gaps of [[], [0], [0, 30], [0, 5000], [0, 4000, 4000, 4000, 4000, 4000]]) {
        await using w = await httpWorld(() => reply("x"), idleTimeout === undefined ? {} : { idleTimeout });
        const peer = await w.peer();
        for (const gap of gaps) {
          await w.pass(gap);
          peer.ask(request("/"));
          await w.pass(1);
        }
        const last = w.clock.now();
        await w.pass(2 * value);
        assertEquals([peer.end, Math.round((peer.endedAt - last) / 1000)], ["fin", value / 1000], `${value} ${gaps}`);
      }
    }
  });
});
