import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryAdapter } from "../../adapters/memory/mod.ts";
import {
  background,
  type Conn,
  ConnectError,
  listen,
  type ListenOptions,
  OptionError,
  withCancelCause,
} from "../../mod.ts";
import { Dialer } from "../../src/server/connect.ts";
import { VirtualClock } from "../../src/testing/clock.ts";
import { type ConnectWebSocketOptions, type Dialled, dialWebSocket } from "../../src/websocket/client/dial.ts";
import { HandshakeError } from "../../src/websocket/websocket_errors.ts";
import { acceptKey } from "../../src/websocket/handshake/accept_key.ts";
import { latin1Bytes } from "../fixtures/http_parser_tools.ts";
import { answerText } from "../fixtures/websocket_handshakes.ts";
import { leakCheck } from "../support/leaks.ts";
import { bytes, within } from "../support/rig.ts";
import { TEST_CERT, TEST_KEY } from "../support/tls.ts";

const leaks = leakCheck();
before(leaks.before);
after(leaks.after);

/** The bytes of a head, as text. */
async function readHead(conn: Conn): Promise<string> {
  let text = "";
  while (!text.endsWith("\r\n\r\n")) {
    const chunk = await conn.read();
    if (chunk === null) break;
    text += new TextDecoder().decode(chunk);
  }
  return text;
}

function rightAnswer(request: string, fields: Record<string, string> = {}): string {
  const key = /\r\nSec-WebSocket-Key: (.*)\r\n/.exec(request)![1];
  return answerText({ fields: { "Sec-WebSocket-Accept": acceptKey(key), ...fields } });
}

/** In memory, with a server that does what it is told to each connection. */
class Network implements AsyncDisposable {
  readonly clock: VirtualClock = new VirtualClock();
  readonly adapter = memoryAdapter({ clock: this.clock });
  readonly #serve: (conn: Conn) => Promise<void>;
  #close: () => Promise<void> = () => Promise.resolve();

  constructor(serve: (conn: Conn) => Promise<void>) {
    this.#serve = serve;
  }

  async open(): Promise<this> {
    const { adapter, clock } = this;
    const listener = await listen({ port: 80, hostname: "127.0.0.1", adapter, clock });
    this.#close = () => listener.close();
    (async () => {
      for await (const conn of listener) this.#serve(conn).catch(() => {});
    })();
    return this;
  }

  dial(options: ConnectWebSocketOptions = {}): Promise<Dialled> {
    return dialWebSocket("ws://127.0.0.1/chat", { adapter: this.adapter, clock: this.clock, ...options });
  }

  /** Lets time pass until the promise settles. */
  async passing<T>(promise: Promise<T>, limit = 20_000): Promise<T> {
    let settled = false;
    promise.then(() => settled = true, () => settled = true);
    for (let ms = 0; ms < limit && !settled; ms += 100) await this.clock.advance(100);
    assert(settled, `pending after ${limit} ms`);
    return promise;
  }

  /** Nothing is open any more. */
  async assertNothingOpen(): Promise<void> {
    await this.clock.advance(100);
    assertEquals(this.adapter.openSockets, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }
}

function network(serve: (conn: Conn) => Promise<void>): Promise<Network> {
  return new Network(serve).open();
}

/** Answers with this text, then ends its side. */
function answering(text: string): Promise<Network> {
  return network(async (conn) => {
    await readHead(conn);
    await conn.write(latin1Bytes(text));
    await conn.close();
  });
}

describe("dialWebSocket()", () => {
  it("gives a connection whose next bytes are those behind the answer, and what was agreed on", async () => {
    let request = "";
    await using net = await network(async (conn) => {
      request = await readHead(conn);
      await conn.write(rightAnswer(request, { "Sec-WebSocket-Protocol": "b" }) + "behind");
      await conn.read();
      await conn.write(" and later");
    });
    const { conn, agreement, limits, adapter } = await net.passing(
      net.dial({ protocols: ["a", "b"], maxFragments: 7 }),
    );
    assert(request.startsWith("GET /chat HTTP/1.1\r\nHost: 127.0.0.1\r\n"), request);
    assertEquals(agreement, { protocol: "b", deflate: null, extensions: "", farewell: false });
    assertEquals(limits.maxFragments, 7);
    assertStrictEquals(adapter, net.adapter);
    assertEquals(await conn.read(), bytes("behind"));
    await conn.write("go");
    assertEquals(await net.passing(conn.read()), bytes(" and later"));
    conn.abort();
    await net.assertNothingOpen();
  });

  it("offers no compression where the adapter has none", async () => {
    let request = "";
    await using net = await network(async (conn) => {
      request = await readHead(conn);
      await conn.write(rightAnswer(request));
    });
    const adapter = { ...net.adapter, connect: net.adapter.connect.bind(net.adapter) };
    for (const part of ["deflater", "inflater"] as const) adapter[part] = undefined;
    const { conn } = await net.passing(net.dial({ compression: true, adapter }));
    assert(!request.includes("permessage-deflate"), request);
    conn.abort();
    await net.assertNothingOpen();
  });

  it("rejects with the answer's status, and leaves nothing open", async () => {
    await using net = await answering("HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 4\r\n\r\nbusy");
    const error = await assertRejects(() => net.passing(net.dial()), HandshakeError, 'try again after "3"');
    assertEquals([error.status, error.code, error.failure], [503, "ERR_HANDSHAKE", "answer"]);
    await net.assertNothingOpen();
  });

  for (
    const [name, text, says] of [
      ["without an answer", "", "without an answer"],
      ["in the middle of its answer", "HTTP/1.1 101 Sw", "in the middle of its answer"],
    ] as const
  ) {
    it(`rejects when the server closes ${name}`, async () => {
      await using net = await answering(text);
      const error = await assertRejects(() => net.passing(net.dial()), HandshakeError, says);
      assertEquals([error.status, error.failure], [0, "closed"]);
      await net.assertNothingOpen();
    });
  }

  it("rejects when the server resets, with the reset as its cause", async () => {
    await using net = await network(async (conn) => {
      await readHead(conn);
      conn.abort();
    });
    const error = await assertRejects(() => net.passing(net.dial()), HandshakeError, "dropped");
    assertEquals([(error.cause as Error).name, error.failure], ["ConnResetError", "closed"]);
    await net.assertNothingOpen();
  });

  it("rejects when the answer takes longer than handshakeTimeout, however it trickles", async () => {
    await using net = await network(async (conn) => {
      for (const byte of rightAnswer(await readHead(conn))) {
        await conn.write(byte);
        await new Promise<void>((resolve) => net.clock.setTimer(resolve, 100));
      }
    });
    const started = net.clock.now();
    const dialled = net.dial({ handshakeTimeout: 1000 });
    const says = "No answer to the handshake within 1000 ms";
    const error = await assertRejects(() => net.passing(dialled), HandshakeError, says);
    assertEquals(error.failure, "timeout");
    assertEquals(net.clock.now() - started, 1000);
    await net.assertNothingOpen();
  });

  it("counts the time of connecting in handshakeTimeout", async () => {
    await using net = await network(() => new Promise(() => {}));
    net.adapter.faults = { delay: 600 };
    const started = net.clock.now();
    await assertRejects(() => net.passing(net.dial({ handshakeTimeout: 1000 })), HandshakeError);
    assertEquals(net.clock.now() - started, 1000);
    net.adapter.faults = {};
    await net.assertNothingOpen();
  });

  it("waits without an end with a handshakeTimeout of 0", async () => {
    await using net = await network(() => new Promise(() => {}));
    const [context, cancel] = withCancelCause(background(net.clock));
    let settled = false;
    const dialled = net.dial({ handshakeTimeout: 0, context }).finally(() => settled = true);
    dialled.catch(() => {});
    await net.clock.advance(1_000_000);
    assertEquals(settled, false);
    cancel(new Error("enough"));
    await assertRejects(() => dialled, Error, "enough");
    await net.assertNothingOpen();
  });

  it("gives up when its context ends, with the context's cause", async () => {
    await using net = await network(() => new Promise(() => {}));
    for (const early of [true, false]) {
      const [context, cancel] = withCancelCause(background(net.clock));
      if (early) cancel(new Error("changed my mind"));
      const dialled = net.dial({ context });
      dialled.catch(() => {});
      await net.clock.advance(100);
      cancel(new Error("changed my mind"));
      await assertRejects(() => net.passing(dialled), Error, "changed my mind");
      await net.assertNothingOpen();
    }
  });

  it("lets the context end later without touching the connection, and holds no timer", async () => {
    await using net = await network(async (conn) => {
      await conn.write(rightAnswer(await readHead(conn)));
    });
    const [context, cancel] = withCancelCause(background(net.clock));
    const { conn } = await net.passing(net.dial({ context }));
    assertEquals(net.clock.pending, 0);
    cancel(new Error("too late"));
    await net.clock.advance(20_000);
    assert(conn.state !== "closed");
    conn.abort();
    await net.assertNothingOpen();
  });

  it("rejects with ConnectError where nobody listens", async () => {
    const net = new Network(() => Promise.resolve());
    await assertRejects(() => net.passing(net.dial()), ConnectError);
  });

  for (
    const [name, url, options, option] of [
      ["a url that is none", "chat", {}, "url"],
      ["a protocol that is no token", "ws://a", { protocols: ["a b"] }, "protocols"],
      ["a limit that is none", "ws://a", { maxFragments: 0 }, "maxFragments"],
      ["a timeout that is none", "ws://a", { handshakeTimeout: -1 }, "handshakeTimeout"],
      ["tls for ws:", "ws://a", { tls: { ca: TEST_CERT } }, "tls"],
      ["tls that is no object", "wss://a", { tls: true }, "tls"],
      ["an empty socketPath", "ws://a", { socketPath: "" }, "socketPath"],
    ] as const
  ) {
    it(`refuses ${name} before it connects`, async () => {
      const adapter = { ...memoryAdapter(), connect: () => Promise.reject(new Error("connected")) };
      const all = { ...options, adapter } as unknown as ConnectWebSocketOptions;
      const error = await assertRejects(() => dialWebSocket(url, all), OptionError);
      assertEquals(error.option, option);
    });
  }
});

describe("dialWebSocket() on this runtime", () => {
  /** A server for one connection; gives the request it saw and the protocol that ALPN agreed on. */
  async function once(options: ListenOptions, dial: (port: number) => Promise<Dialled>) {
    const listener = await listen(options);
    const conns: Conn[] = [];
    try {
      const port = listener.address.transport === "tcp" ? listener.address.port : 0;
      const [server, { conn }] = await within("both", Promise.all([listener.accept().then(serveOnce), dial(port)]));
      conns.push(server.conn, conn);
      assertEquals(new TextDecoder().decode((await conn.read())!), "hi");
      return { request: server.request, alpn: server.conn.alpnProtocol };
    } finally {
      for (const conn of conns) conn.abort();
      await listener.close();
    }
  }

  async function serveOnce(conn: Conn): Promise<{ conn: Conn; request: string }> {
    const request = await readHead(conn);
    await conn.write(rightAnswer(request) + "hi");
    return { conn, request };
  }

  it("speaks over TCP", async () => {
    const { request } = await once({ hostname: "127.0.0.1" }, (port) => dialWebSocket(`ws://127.0.0.1:${port}/`, {}));
    assert(/\r\nHost: 127\.0\.0\.1:\d+\r\n/.test(request), request);
  });

  it("speaks over TLS, and asks for http/1.1", async () => {
    const tls = { cert: TEST_CERT, key: TEST_KEY, alpnProtocols: ["h2", "http/1.1"] };
    const dial = (port: number) => dialWebSocket(`wss://localhost:${port}/`, { tls: { ca: TEST_CERT } });
    assertEquals((await once({ hostname: "127.0.0.1", tls }, dial)).alpn, "http/1.1");
  });

  it("speaks over a Unix socket, and asks for the url's host", async () => {
    const path = join(tmpdir(), `sluice-dial-${crypto.randomUUID()}.sock`);
    const { request } = await once({ path }, () => dialWebSocket("ws://chat.example/a", { socketPath: path }));
    assert(request.startsWith("GET /a HTTP/1.1\r\nHost: chat.example\r\n"), request);
  });

  it("speaks through a dialer that is shared", async () => {
    const dialer = new Dialer();
    await once({ hostname: "127.0.0.1" }, (port) => dialWebSocket(`ws://127.0.0.1:${port}/`, { dialer }));
  });

  it("says what is wrong when a TLS server is asked without TLS", async () => {
    const tls = { cert: TEST_CERT, key: TEST_KEY };
    const secure = await listen({ hostname: "127.0.0.1", tls });
    const port = secure.address.transport === "tcp" ? secure.address.port : 0;
    const error = await assertRejects(
      () => within("an error", dialWebSocket(`ws://127.0.0.1:${port}/`, {})),
      HandshakeError,
    );
    assert(/wss:|TLS|dropped/.test(error.message), error.message);
    await secure.close();
  });
});
