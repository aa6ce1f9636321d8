import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { background, DeadlineExceeded, OptionError, withCancelCause, withTimeout, withValue } from "../../mod.ts";
import { type CallOptions, PoolTimeoutError, upstream, UpstreamError } from "../../src/upstream/mod.ts";
import { type CallEvent, type CallState, TRANSITIONS } from "../../src/upstream/http/call_states.ts";
import { answer, counting, type Side, upstreamWorld } from "../support/upstream_world.ts";

/** Answers the first request of each connection, then does this at the second. */
function thenAt2(act: (side: Side) => void) {
  return async (side: Side): Promise<void> => {
    await side.head();
    side.send(answer(`${side.number}.1`));
    if (await side.head() === null) return;
    if (side.number === 1) return act(side);
    side.send(answer(`${side.number}.2`));
  };
}

async function* threeBytes(): AsyncGenerator<string> {
  yield "abc";
}

async function failureOf(promise: Promise<unknown>): Promise<UpstreamError> {
  return await assertRejects(() => promise, UpstreamError);
}

describe("upstream()", () => {
  it("asks one after the other on a connection that is kept", async () => {
    await using w = await upstreamWorld(counting);
    for (const expected of ["1.1", "1.2", "1.3"]) {
      const response = await w.until(w.upstream.fetch("/x?y=1"));
      assertEquals([response.status, await response.text()], [200, expected]);
    }
    const { calls, statuses, addresses: [{ pool }] } = w.upstream.stats;
    assertEquals([calls, statuses["2xx"], pool.connects, pool.idle], [3, 3, 1, 1]);
  });

  it("says a request as RFC 9112 wants it", async () => {
    await using w = await upstreamWorld(counting);
    await w.until(w.upstream.fetch("/a%20b", { headers: { "x-one": "1", host: "other.example" } }));
    await w.until(w.upstream.fetch("/p", { method: "post", body: "grüße" }));
    await w.until(w.upstream.fetch("/q", { method: "PUT" }));
    const host = new URL(w.url(0)).host;
    assertEquals(
      w.sides[0][0].text,
      "GET /a%20b HTTP/1.1\r\nhost: other.example\r\nx-one: 1\r\n\r\n" +
        `POST /p HTTP/1.1\r\nhost: ${host}\r\ncontent-type: text/plain;charset=UTF-8\r\ncontent-length: 7\r\n\r\n` +
        "grÃ¼Ã\u009fe" +
        `PUT /q HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 0\r\n\r\n`,
    );
  });

  it("sends a stream in chunks, or with the length that is said, and no faster than it is taken", async () => {
    await using w = await upstreamWorld(async (side) => {
      await side.head();
      await side.until("0\r\n\r\n");
      side.send(answer("1"));
      await side.head();
      await side.until("defg");
      side.send(answer("2"));
    });
    async function* parts() {
      yield "abc";
      yield new TextEncoder().encode("defg");
    }
    await w.until(w.upstream.fetch("/", { method: "POST", body: parts() }));
    await w.until(w.upstream.fetch("/", { method: "POST", body: parts(), headers: { "content-length": "7" } }));
    const [, chunked, , whole] = w.sides[0][0].text.split("\r\n\r\n");
    assertStringIncludes(w.sides[0][0].text, "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
    assertStringIncludes(w.sides[0][0].text, "content-length: 7\r\n\r\nabcdefg");
    assert(chunked !== undefined && whole !== undefined);
  });

  it("never lets a request look whole whose body is not", async () => {
    await using w = await upstreamWorld(async (side) => void await side.until("never"));
    async function* broken() {
      yield "abc";
      throw new Error("disk");
    }
    const failed = await failureOf(w.until(w.upstream.fetch("/", { method: "POST", body: broken() })));
    assertEquals([failed.failure, (failed.cause as Error).message], ["body", "disk"]);
    for (const length of ["2", "9"]) {
      const headers = { "content-length": length };
      const short = await failureOf(w.until(w.upstream.fetch("/", { method: "POST", body: threeBytes(), headers })));
      assertEquals(short.failure, "body");
    }
    await w.pass(10);
    assertEquals(w.sides[0].map(({ end }) => end), ["reset", "reset", "reset"]);
    assert(w.sides[0].every(({ text }) => !text.includes("0\r\n\r\n")));
  });

  it("reads bodies of every framing, whole and byte by byte", async () => {
    const ways: [string, string, string[] | undefined][] = [
      ["content-length: 5\r\n\r\nhello", "hello", undefined],
      ["transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello", undefined],
      ["transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n", "hello", ["x-sum", "7"]],
      ["content-length: 0\r\n\r\n", "", undefined],
    ];
    for (const isSplit of [false, true]) {
      await using w = await upstreamWorld(async (side) => {
        for (let i = 0; await side.head() !== null; i++) {
          const text = `HTTP/1.1 200 OK\r\n${ways[i][0]}`;
          if (!isSplit) side.send(text);
          for (const char of isSplit ? text : "") {
            side.send(char);
            await side.conn.flush();
            await new Promise<void>((resolve) => w.clock.soon(resolve));
          }
        }
      });
      for (const [, body, trailer] of ways) {
        const got = await w.until(w.upstream.request("/"));
        assertEquals([await w.until(got.text()), got.trailers?.[0]], [body, trailer]);
      }
      assertEquals(w.sides[0].length, 1);
    }
  });

  it("reads to the end of the connection where nothing else ends the body, and takes HEAD, 204 and 304 for bodiless", async () => {
    await using w = await upstreamWorld(async (side) => {
      for (let head = await side.head(); head !== null; head = await side.head()) {
        if (head.startsWith("HEAD")) side.send("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n");
        else if (head.includes("/204")) side.send("HTTP/1.1 204 No Content\r\n\r\n");
        else if (head.includes("/304")) side.send("HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n");
        else {
          side.send("HTTP/1.0 200 OK\r\n\r\nto the end");
          side.close();
        }
      }
    });
    const head = await w.until(w.upstream.fetch("/", { method: "HEAD" }));
    assertEquals([head.headers.get("content-length"), head.body], ["99", null]);
    assertEquals((await w.until(w.upstream.fetch("/204"))).status, 204);
    assertEquals((await w.until(w.upstream.fetch("/304"))).status, 304);
    assertEquals(w.sides[0].length, 1);
    assertEquals(await w.until((await w.until(w.upstream.fetch("/"))).text()), "to the end");
    await w.pass(10);
    assertEquals(w.upstream.stats.addresses[0].pool.total, 0);
  });

  it("tells interim answers, and waits with a body until it is wanted, or for long enough", async () => {
    await using w = await upstreamWorld(async (side) => {
      for (let i = 1; await side.head() !== null; i++) {
        const before = side.text;
        if (i === 1) await new Promise<void>((resolve) => w.clock.setTimer(resolve, 100));
        if (i === 1) side.send(`HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n`);
        seen.push(side.text === before);
        await side.until("body");
        side.send(answer(`${w.clock.now()}`));
      }
    });
    const seen: boolean[] = [];
    const told: string[] = [];
    const inform: CallOptions["inform"] = (head) => told.push(`${head.status} ${head.header("link")}`);
    const call = (): Promise<Response> =>
      w.upstream.fetch("/", { method: "POST", body: "body", expectContinue: true, inform });
    assertEquals(await (await w.until(call())).text(), "100");
    assertEquals([seen, told], [[true], ["103 </a>", "100 null"]]);
    const began = w.clock.now();
    assertEquals(Number(await (await w.until(call())).text()) - began, 1000);
    assertStringIncludes(w.sides[0][0].text, "expect: 100-continue\r\n");
  });

  it("sends no body that an upstream has refused before, and no other request behind it", async () => {
    await using w = await upstreamWorld(async (side) => {
      await side.head();
      side.send(answer("too large", "", "413 Content Too Large"));
    });
    const refused = await w.until(w.upstream.fetch("/", { method: "POST", body: "body", expectContinue: true }));
    assertEquals([refused.status, await refused.text()], [413, "too large"]);
    await w.pass(2000);
    assert(!w.sides[0][0].text.includes("body"));
    assertEquals([w.sides[0][0].end, w.upstream.stats.addresses[0].pool.total], ["fin", 0]);
  });
});

describe("a call on a connection that was used before", () => {
  for (const [how, act] of [["closed", (s: Side) => s.close()], ["reset", (s: Side) => s.reset()]] as const) {
    it(`is made once more on a fresh one, if the old one was ${how} before it got anything and it may be repeated`, async () => {
      await using w = await upstreamWorld(thenAt2(act));
      await w.until(w.upstream.fetch("/"));
      const again = await w.until(w.upstream.fetch("/"));
      assertEquals(await again.text(), "2.1");
      assertEquals([w.upstream.stats.retries, w.sides[0].length], [1, 2]);
      // That a server closes what was idle is no failure of it.
      assertEquals(w.upstream.stats.addresses[0].failures, 0);
    });
  }

  it("is not repeated if it may do harm, unless its caller says so", async () => {
    await using w = await upstreamWorld(thenAt2((side) => side.close()));
    await w.until(w.upstream.fetch("/"));
    const failed = await failureOf(w.until(w.upstream.fetch("/", { method: "POST", body: "order" })));
    assertEquals([failed.failure, w.sides[0].length, w.upstream.stats.retries], ["closed", 1, 0]);

    await using willing = await upstreamWorld(thenAt2((side) => side.close()));
    await willing.until(willing.upstream.fetch("/"));
    const options: CallOptions = { method: "POST", body: "order", idempotent: true };
    assertEquals(await (await willing.until(willing.upstream.fetch("/", options))).text(), "2.1");
  });

  it("is not repeated when something of an answer has come, nor when its body is gone", async () => {
    await using w = await upstreamWorld(thenAt2((side) => {
      side.send("HTTP/1.1 2");
      side.close();
    }));
    await w.until(w.upstream.fetch("/"));
    assertEquals((await failureOf(w.until(w.upstream.fetch("/")))).failure, "closed");
    assertEquals(w.upstream.stats.retries, 0);

    await using read = await upstreamWorld(thenAt2((side) => side.close()));
    await read.until(read.upstream.fetch("/"));
    const body = new Blob(["a stream"]).stream();
    assertEquals((await failureOf(read.until(read.upstream.fetch("/", { method: "PUT", body })))).failure, "closed");
  });

  it("is repeated once, and on a fresh connection never", async () => {
    await using w = await upstreamWorld(async (side) => {
      await side.head();
      if (side.number > 1) return side.close();
      side.send(answer("1.1"));
      if (await side.head() !== null) side.close();
    });
    await w.until(w.upstream.fetch("/"));
    assertEquals((await failureOf(w.until(w.upstream.fetch("/")))).failure, "closed");
    assertEquals([w.sides[0].length, w.upstream.stats.retries], [2, 1]);
    assertEquals((await failureOf(w.until(w.upstream.fetch("/")))).failure, "closed");
    assertEquals([w.sides[0].length, w.upstream.stats.retries], [3, 1]);
  });

  it("goes to a fresh one even while others are idle, which may be dead as well", async () => {
    await using w = await upstreamWorld(async (side) => {
      await side.head();
      side.send(answer(`${side.number}`));
      if (await side.head() !== null) side.reset();
    }, { max: 3 });
    await w.until(Promise.all([1, 2, 3].map(() => w.upstream.fetch("/"))));
    assertEquals(await (await w.until(w.upstream.fetch("/"))).text(), "4");
    assertEquals([w.upstream.stats.retries, w.sides[0].length], [1, 4]);
  });

  it("goes to a fresh one even while the pool is full", async () => {
    await using w = await upstreamWorld(thenAt2((side) => side.reset()), { max: 2 });
    await w.until(Promise.all([w.upstream.fetch("/"), w.upstream.fetch("/")]));
    assertEquals(w.upstream.stats.addresses[0].pool.idle, 2);
    const texts = await w.until(Promise.all([1, 2].map(async () => await (await w.upstream.fetch("/")).text())));
    assertEquals([texts.sort(), w.upstream.stats.retries], [["2.2", "3.1"], 1]);
  });

  it("is never made on one that was closed while it was idle", async () => {
    await using w = await upstreamWorld(async (side) => {
      await side.head();
      side.send(answer(`${side.number}`));
      if (side.number === 1) w.clock.setTimer(() => side.close(), 100);
    });
    await w.until(w.upstream.fetch("/"));
    await w.pass(200);
    const response = await w.until(w.upstream.fetch("/", { method: "POST" }));
    assertEquals([await response.text(), w.upstream.stats.retries], ["2", 0]);
  });
});

describe("an upstream that misbehaves", () => {
  const ways: [string, string, string, string][] = [
    ["closes without an answer", "", "closed", "without an answer"],
    ["closes in the head", "HTTP/1.1 200 OK\r\ncontent-le", "closed", "inside of its answer"],
    ["speaks no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", "protocol", "does not speak HTTP/1.1"],
    [
      "says two lengths",
      "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
      "protocol",
      "HTTP/1.1",
    ],
    [
      "says a length and chunks",
      "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
      "protocol",
      "HTTP/1.1",
    ],
    ["folds a line", "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n", "protocol", "HTTP/1.1"],
    [
      "switches unasked",
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
      "protocol",
      "unasked",
    ],
  ];
  for (const [what, said, failure, message] of ways) {
    it(`and ${what} costs its call, and its connection`, async () => {
      await using w = await upstreamWorld(async (side) => {
        await side.head();
        side.send(said);
        side.close();
      });
      const error = await failureOf(w.until(w.upstream.fetch("/")));
      assertEquals([error.failure, error.code, error.address], [
        failure,
        `ERR_UPSTREAM_${failure.toUpperCase()}`,
        w.url(0),
      ]);
      assertStringIncludes(error.message, message);
      await w.pass(10);
      const { failures, addresses: [address] } = w.upstream.stats;
      assertEquals([failures[error.failure], address.failures, address.active, address.pool.total], [1, 1, 0, 0]);
    });
  }

  const bodies: [string, string, string][] = [
    ["closes in the body", "content-length: 10\r\n\r\nhalf", "truncated"],
    ["closes between two chunks", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", "truncated"],
    ["breaks a chunk's size", "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n", "protocol"],
    ["breaks a chunk's end", "transfer-encoding: chunked\r\n\r\n4\r\nhalfXX", "protocol"],
  ];
  for (const [what, said, failure] of bodies) {
    it(`and ${what} gives what it gave, and then the failure`, async () => {
      await using w = await upstreamWorld(async (side) => {
        await side.head();
        side.send(`HTTP/1.1 200 OK\r\n${said}`);
        side.close();
      });
      const got = await w.until(w.upstream.request("/"));
      assertEquals(new TextDecoder().decode((await w.until(got.read()))!), "half");
      assertEquals((await failureOf(w.until(got.read()))).failure, failure);
      assertEquals(w.upstream.stats.addresses[0].failures, 1);
    });
  }

  it("and says more than was asked for is not asked again on that connection", async () => {
    await using w = await upstreamWorld(async (side) => {
      await side.head();
      side.send(answer("mine") + (side.number === 1 ? answer("poison") : ""));
      await side.head();
      side.send(answer("second"));
    });
    assertEquals(await (await w.until(w.upstream.fetch("/"))).text(), "mine");
    assertEquals(await (await w.until(w.upstream.fetch("/"))).text(), "mine");
    assertEquals(w.sides[0].length, 2);
  });

  it("and says something while nobody asks has its connection dropped", async () => {
    await using w = await upstreamWorld(async (side) => {
      await side.head();
      side.send(answer("mine"));
      if (side.number === 1) w.clock.setTimer(() => side.send("HTTP/1.1 408 Request Timeout\r\n\r\n"), 50);
    });
    await w.until(w.upstream.fetch("/"));
    await w.pass(100);
    const { pool } = w.upstream.stats.addresses[0];
    assertEquals([pool.idle, pool.closed.died, w.sides[0][0].end], [0, 1, "reset"]);
  });

  it("and gives interim answers without end is dropped", async () => {
    await using w = await upstreamWorld(async (side) => {
      await side.head();
      side.send("HTTP/1.1 102 Processing\r\n\r\n".repeat(100));
    });
    assertEquals((await failureOf(w.until(w.upstream.fetch("/")))).failure, "protocol");
  });

  it("and is slow is given headTimeout for the head, and bodyTimeout for each silence in the body", async () => {
    await using w = await upstreamWorld(async (side) => {
      const head = await side.head();
      if (head!.includes("/silent")) return;
      side.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
      for (let i = 0; i < 5; i++) {
        await new Promise<void>((resolve) => w.clock.setTimer(resolve, 900));
        side.send("x");
      }
    }, { headTimeout: 500, bodyTimeout: 1000 });
    const began = w.clock.now();
    assertEquals((await failureOf(w.until(w.upstream.fetch("/silent")))).failure, "timeout");
    assertEquals(w.clock.now() - began, 500);
    const got = await w.until(w.upstream.request("/"));
    const answeredAt = w.clock.now();
    const late = await failureOf(w.until(got.bytes()));
    const took = w.clock.now() - answeredAt;
    assert(late.failure === "timeout" && took >= 5490 && took <= 5510, `${took}`);
    await w.pass(10);
    assertEquals(w.sides[0].map(({ end }) => end), ["reset", "reset"]);
  });

  it("and gives more than is read is made to wait", async () => {
    const CHUNK = "x".repeat(65_536);
    await using w = await upstreamWorld(async (side) => {
      await side.head();
      side.send(`HTTP/1.1 200 OK\r\ncontent-length: ${CHUNK.length * 64}\r\n\r\n`);
      for (let i = 0; i < 64; i++) await side.conn.write(CHUNK).then(() => given += CHUNK.length, () => {});
    });
    let given = 0;
    const got = await w.until(w.upstream.request("/"));
    await w.pass(60_000);
    assert(given < CHUNK.length * 8, `${given}`);
    assertEquals((await w.until(got.bytes())).length, CHUNK.length * 64);
    assertEquals(w.upstream.stats.addresses[0].pool.idle, 1);
  });

  it("and gives a byte in each chunk is made to wait for a few of them", async () => {
    await using w = await upstreamWorld(async (side) => {
      await side.head();
      side.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
      for (let i = 0; i < 100; i++) await side.conn.write("1\r\nx\r\n".repeat(600)).then(() => given += 600, () => {});
    });
    let given = 0;
    const got = await w.until(w.upstream.request("/"));
    await w.pass(1000);
    let here = 0;
    while (got.take() instanceof Uint8Array) here++;
    // What came together is here together.
    assert(here < 12_000, `${here} of ${given}`);
    got.cancel();
  });

  it("is not to blame for a reader that is slow, though a body was sent meanwhile", async () => {
    const CHUNK = "x".repeat(65_536);
    await using w = await upstreamWorld(async (side) => {
      await side.head();
      side.send(`HTTP/1.1 200 OK\r\ncontent-length: ${CHUNK.length * 16}\r\n\r\n`);
      for (let i = 0; i < 16; i++) await side.conn.write(CHUNK).catch(() => {});
    }, { bodyTimeout: 1000 });
    const body = async function* () {
      yield "a";
      await new Promise<void>((resolve) => w.clock.setTimer(resolve, 500));
      yield "b";
    };
    const got = await w.until(w.upstream.request("/", { method: "POST", body: body() }));
    await w.pass(5000);
    assertEquals((await w.until(got.bytes())).length, CHUNK.length * 16);
  });

  it("and gives a body where there can't be one leaves no connection in use", async () => {
    await using w = await upstreamWorld(async (side) => {
      await side.head();
      side.send("HTTP/1.1 205 Reset Content\r\ncontent-length: 1000000\r\n\r\n");
      for (let i = 0; i < 16; i++) await side.conn.write("x".repeat(65_536)).catch(() => {});
    });
    assertEquals((await w.until(w.upstream.fetch("/"))).status, 205);
    await w.pass(10);
    assertEquals(w.upstream.stats.addresses[0].pool.inUse, 0);
  });
});

describe("a call's context", () => {
  it("reaches the wire: at its deadline the connection is reset, and the caller gets the cause", async () => {
    await using w = await upstreamWorld(async (side) => void await side.head());
    const [ctx] = withTimeout(background(w.clock), 300);
    const began = w.clock.now();
    await assertRejects(() => w.until(w.upstream.fetch("/", { context: ctx })), DeadlineExceeded);
    assertEquals(w.clock.now() - began, 300);
    await w.pass(10);
    const { cancelled, addresses: [address] } = w.upstream.stats;
    assertEquals([w.sides[0][0].end, cancelled, address.active, address.failures], ["reset", 1, 0, 1]);
  });

  it("that is cancelled ends the call before and in the middle of the answer, and is no failure of the address", async () => {
    await using w = await upstreamWorld(async (side) => {
      if ((await side.head())!.includes("/body")) side.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
    });
    const why = new Error("the client has left");
    const [early, cancelEarly] = withCancelCause(background(w.clock));
    const waiting = w.upstream.fetch("/", { context: early });
    const rejected = assertRejects(() => waiting);
    await w.pass(10);
    cancelEarly(why);
    assertEquals(await rejected, why);
    const [late, cancelLate] = withCancelCause(background(w.clock));
    const got = await w.until(w.upstream.request("/body", { context: late }));
    await got.read();
    const rest = assertRejects(() => got.read());
    cancelLate(why);
    assertEquals(await rest, why);
    await w.pass(10);
    assertEquals(w.sides[0].map(({ end }) => end), ["reset", "reset"]);
    const { cancelled, addresses: [address] } = w.upstream.stats;
    assertEquals([cancelled, address.failures, address.pool.total], [2, 0, 0]);
  });

  it("that has ended sends nothing; one that ends while all connections are in use gives up", async () => {
    await using w = await upstreamWorld(async (side) => void await side.head(), { max: 1, acquireTimeout: 1000 });
    const why = new Error("over");
    assertEquals(await assertRejects(() => w.upstream.fetch("/", { context: AbortSignal.abort(why) })), why);
    assertEquals(w.sides[0].length, 0);
    const [first, end] = withCancelCause(background(w.clock));
    const held = assertRejects(() => w.upstream.fetch("/", { context: first }));
    await w.pass(1);
    await assertRejects(() => w.until(w.upstream.fetch("/")), PoolTimeoutError);
    end(why);
    await held;
  });

  it("passes on nothing of a trace that is none", async () => {
    await using w = await upstreamWorld(counting);
    const known = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const evil = "x\r\nx-evil: 1";
    for (const [traceparent, tracestate] of [[evil, ""], [`cc${known.slice(2)}-${evil}`, ""], [known, evil]]) {
      const context = Object.assign(new AbortController().signal, { traceparent, tracestate });
      await w.until(w.upstream.fetch("/", { context }));
    }
    assert(!w.sides[0].some(({ text }) => text.includes("evil")));
  });

  it("passes its trace on, those derived from it too, and tracestate with the trace that it belongs to", async () => {
    await using w = await upstreamWorld(counting);
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const root = background(w.clock);
    const traced = Object.assign(Object.create(root), { traceparent, tracestate: "a=1" });
    await w.until(w.upstream.fetch("/", { context: traced }));
    const [derived] = withTimeout(withValue(traced, {}, 1), 1000);
    await w.until(w.upstream.fetch("/", { context: derived }));
    await w.until(w.upstream.fetch("/", { context: traced, headers: { traceparent: "own" } }));
    await w.until(w.upstream.fetch("/", { context: root }));
    const traces = w.sides[0][0].text.split("\r\n\r\n").map((head) => head.match(/^trace.*(?=$)/gm) ?? []);
    const both = [`traceparent: ${traceparent}`, "tracestate: a=1"];
    assertEquals(traces.map((lines) => lines.map((line) => line.trim())), [both, both, ["traceparent: own"], [], []]);
  });
});

describe("an answer that is cancelled", () => {
  it("drops its connection, unless all of it is here", async () => {
    await using w = await upstreamWorld(async (side) => {
      await side.head();
      side.send(side.number === 1 ? "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf" : answer("whole"));
    });
    (await w.until(w.upstream.request("/"))).cancel();
    await w.pass(10);
    assertEquals(w.sides[0][0].end, "reset");
    (await w.until(w.upstream.request("/"))).cancel();
    await w.pass(10);
    assertEquals([w.sides[0][1].end, w.upstream.stats.addresses[0].pool.idle], ["open", 1]);
  });

  it("by leaving its loop, or its Response's stream, is the same", async () => {
    const half = async (side: Side): Promise<void> => {
      await side.head();
      side.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
    };
    await using w = await upstreamWorld(half);
    for await (const part of await w.until(w.upstream.request("/"))) {
      assertEquals(part.length, 4);
      break;
    }
    await (await w.until(w.upstream.fetch("/"))).body!.cancel();
    await w.pass(10);
    assertEquals(w.sides[0].map(({ end }) => end), ["reset", "reset"]);
  });
});

describe("a 101", () => {
  it("gives the connection away, with what came behind it", async () => {
    await using w = await upstreamWorld(async (side) => {
      await side.head();
      side.send("HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\nfirst");
      await side.until("ping");
      side.send("pong");
    });
    const got = await w.until(w.upstream.request("/", { upgrade: "echo" }));
    assertEquals(got.status, 101);
    const conn = got.takeOver();
    assertEquals(new TextDecoder().decode((await conn.read())!), "first");
    await conn.write("ping");
    assertEquals(new TextDecoder().decode((await w.until(conn.read()))!), "pong");
    assertThrows(() => got.takeOver(), Error, "only a 101 has one");
    assertEquals(w.upstream.stats.addresses[0].pool.total, 0);
    conn.abort();
  });
});

describe("what upstream() and its calls refuse", () => {
  it("is named, at once", async () => {
    const wrong: [unknown, unknown, string][] = [
      ["10.0.0.7:8080", {}, "An address must be a URL such as"],
      ["ftp://a", {}, "An address must be a URL such as"],
      ["http://a/base", {}, "An address must have a scheme, a host and a port only"],
      [[], {}, "addresses must have at least one"],
      [[{ url: "http://a", weight: 0 }], {}, "weight must be a number above 0, got 0"],
      ["http://a", { timeout: 5 }, "upstream() has no option timeout"],
      ["http://a", { max: 0 }, "max must be a whole number"],
      ["https://a", { tls: { rejectUnauthorized: false } }, "tls has no option rejectUnauthorized"],
    ];
    for (const [address, options, message] of wrong) {
      assertThrows(() => upstream(address as string, options as object), OptionError, message);
    }
    await using w = await upstreamWorld(counting);
    const calls: [string, CallOptions, string][] = [
      ["prices", {}, 'target must be a path from its first "/" on'],
      ["/a b", {}, "target must be a path"],
      ["/a\r\nx: y", {}, "target must be a path"],
      ["http://other/", {}, "target must be a path"],
      ["/", { method: "A B" }, "method must be a token"],
      ["/", { method: "CONNECT" }, "opens a tunnel"],
      ["/", { headers: { "transfer-encoding": "chunked" } }, "transfer-encoding is for the connection"],
      ["/", { headers: { Connection: "close" } }, "Connection is for the connection"],
      ["/", { headers: { "content-length": "-1" } }, "Content-Length must be a whole number"],
      ["/", { body: "abc", headers: { "content-length": "4" } }, "Content-Length says 4, the body has 3 bytes"],
      ["/", { body: 7 as unknown as string }, "body must be text, bytes or a stream"],
      ["/", { upgrade: "websocket", body: "x" }, "upgrade goes with no body"],
      ["/", { retry: 3 } as CallOptions, "request() has no option retry"],
      ["/", { signal: AbortSignal.timeout(1) } as CallOptions, "give context"],
    ];
    for (const [target, options, message] of calls) {
      assertThrows(() => w.upstream.request(target, options), OptionError, message);
    }
    assertThrows(() => w.upstream.fetch("/", { headers: { x: "a\r\nb: c" } }), TypeError, "control characters");
    assertEquals(w.upstream.stats.calls, 0);
  });
});

describe("a call's states", () => {
  const states: CallState[] = ["waiting", "begun", "body", "done", "handed", "failed"];

  it("have an answer to every event, and an end that nothing changes", () => {
    for (const [event, row] of Object.entries(TRANSITIONS)) {
      assertEquals(Object.keys(row), states, event);
      assertEquals([row.done, row.handed, row.failed], ["done", "handed", "failed"], event);
    }
  });

  it("lead to each end", () => {
    const after = (...events: CallEvent[]) => events.reduce<CallState>((state, e) => TRANSITIONS[e][state], "waiting");
    assertEquals(after("bytes", "head", "end"), "done");
    assertEquals(after("bytes", "switch"), "handed");
    assertEquals(["fail", "bytes fail", "bytes head fail"].map((e) => after(...e.split(" ") as CallEvent[])), [
      "failed",
      "failed",
      "failed",
    ]);
  });
});
