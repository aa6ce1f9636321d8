import { describe, it } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import { memoryAdapter } from "../../../adapters/memory/mod.ts";
import { ConnectError, ListenError } from "../../../src/errors.ts";
import type { RawSocket } from "../../../src/socket.ts";
import { LOOPBACK, pair, Witness } from "../../support/memory_pair.ts";

describe("memory adapter: buffers", () => {
  it("write beyond the buffer stays unsent and drains as the peer reads", async () => {
    const { net, client, server } = await pair({ bufferSize: 1000 });
    const a = new Witness(client);
    assertEquals(client.write(new Uint8Array(400)), true);
    assertEquals(client.write(new Uint8Array(1000).fill(5)), false);
    assertEquals(client.unsent, 400);
    await net.settled();
    assertEquals(client.unsent, 400, "nobody reads");
    const b = new Witness(server);
    await net.settled();
    assertEquals([client.unsent, a.events], [0, ["drained"]]);
    assertEquals(b.bytes.length, 1400);
    assertEquals(b.bytes.lastIndexOf(0), 399);
  });

  it("bytes may be reused as soon as unsent is 0", async () => {
    const { net, client, server } = await pair();
    const b = new Witness(server);
    const bytes = Uint8Array.of(1, 2, 3);
    client.write(bytes);
    bytes.fill(9);
    await net.settled();
    assertEquals(b.bytes, [1, 2, 3]);
  });

  it("nothing is delivered inside write", async () => {
    const { net, client, server } = await pair();
    const b = new Witness(server);
    client.write(new Uint8Array(1));
    assertEquals(b.events, []);
    await net.settled();
    assertEquals(b.events, ["data 1"]);
  });

  it("destroy with bytes unread resets the peer and discards what is in flight", async () => {
    const { net, client, server } = await pair();
    const a = new Witness(client);
    client.write(new Uint8Array(10));
    client.shutdown();
    server.write(new Uint8Array(10));
    server.destroy();
    await net.settled();
    assertEquals(a.events, ["gone ECONNRESET"]);
  });

  it("destroy resets the peer unless both sides had finished", async () => {
    const { net, client, server } = await pair();
    const [a, b] = [new Witness(client), new Witness(server)];
    client.shutdown();
    await net.settled();
    server.write(new Uint8Array(10));
    server.destroy();
    await net.settled();
    assertEquals([a.events, b.events], [["gone ECONNRESET"], ["end", "gone clean"]]);
  });

  it("release after shutdown ends here at once, and the peer gets the bytes and FIN", async () => {
    const { net, client, server } = await pair({ bufferSize: 10 });
    const b = new Witness(server);
    server.write(new Uint8Array(30));
    server.shutdown();
    server.detach();
    await net.settled();
    assertEquals([b.events, server.unsent], [[], 20], "what is unsent is flushed first");
    const a = new Witness(client);
    await net.settled();
    assertEquals(a.events, ["data 10", "data 10", "data 10", "end"]);
    assertEquals(b.events, ["drained", "gone clean"]);
    client.write(new Uint8Array(1));
    await net.settled();
    assertEquals(a.events.at(-1), "gone ECONNRESET", "nobody is there any more");
  });

  it("release with bytes unread resets the peer", async () => {
    const { net, client, server } = await pair();
    const a = new Witness(client);
    client.write(new Uint8Array(1));
    server.detach();
    await net.settled();
    assertEquals(a.events, ["gone ECONNRESET"]);
  });
});

describe("memory adapter: listener", () => {
  it("connecting where nobody listens is refused", async () => {
    const net = memoryAdapter();
    const address = { transport: "tcp", hostname: "127.0.0.1", port: 9 } as const;
    const error = await assertRejects(() => net.connect({ address }), ConnectError);
    assertEquals(error.code, "ECONNREFUSED");
    net.faults = { refuse: 1 };
    const listener = await net.listen(LOOPBACK);
    await assertRejects(() => net.connect({ address: listener.address }), ConnectError);
    assertEquals(net.openSockets, 0);
  });

  it("an address is taken until its listener closes, unless both reuse the port", async () => {
    const net = memoryAdapter();
    const first = await net.listen(LOOPBACK);
    const again = { ...LOOPBACK, address: first.address };
    const error = await assertRejects(() => net.listen(again), ListenError);
    assertEquals(error.code, "EADDRINUSE");
    await first.close();
    const shared = { ...again, reusePort: true };
    await net.listen(shared);
    await net.listen(shared);
    assertEquals(net.listeners.size, 2);
  });

  it("Unix paths name the listener only, and pretended TLS agrees on the server's most wanted protocol", async () => {
    const net = memoryAdapter();
    const address = { transport: "unix", path: "/run/a.sock" } as const;
    const pem = "-----BEGIN";
    const listener = await net.listen({
      ...LOOPBACK,
      address,
      tls: { cert: pem, key: pem, alpnProtocols: ["h2", "http/1.1"] },
    });
    await assertRejects(() => net.connect({ address }), ConnectError);
    const client = await net.connect({ address, tls: { alpnProtocols: ["http/1.1", "h2"] } });
    assertEquals([client.alpnProtocol, client.peer.alpnProtocol], ["h2", "h2"]);
    assertEquals([client.remote, client.local], [address, { transport: "unix", path: "" }]);
    assertEquals([client.peer.local, client.peer.remote], [client.remote, client.local]);
    await listener.close();
    await net.listen({ ...LOOPBACK, address });
  });

  it("EMFILE keeps the connection queued until resume", async () => {
    const net = memoryAdapter();
    const listener = await net.listen(LOOPBACK);
    const log: string[] = [];
    listener.start({ accepted: () => void log.push("accepted"), failed: (error) => void log.push(error.code!) });
    net.failAccept("EMFILE");
    await net.connect({ address: listener.address });
    await net.settled();
    assertEquals(log, ["EMFILE"]);
    listener.resume();
    await net.settled();
    assertEquals(log, ["EMFILE", "accepted"]);
  });

  it("ECONNABORTED loses the connection and accepting goes on", async () => {
    const net = memoryAdapter();
    const listener = await net.listen(LOOPBACK);
    const log: string[] = [];
    listener.start({ accepted: () => void log.push("accepted"), failed: (error) => void log.push(error.code!) });
    net.failAccept("ECONNABORTED");
    const lost = new Witness(await net.connect({ address: listener.address }));
    await net.connect({ address: listener.address });
    await net.settled();
    assertEquals([log, lost.events], [["ECONNABORTED", "accepted"], ["gone ECONNRESET"]]);
  });

  it("a client that resets before accept is accepted and closes with ECONNRESET", async () => {
    const net = memoryAdapter({ faults: { earlyReset: 1 } });
    const listener = await net.listen(LOOPBACK);
    await net.connect({ address: listener.address });
    await net.settled();
    const server = await new Promise<RawSocket>((accepted) => listener.start({ accepted, failed() {} }));
    const witness = new Witness(server);
    await net.settled();
    assertEquals([witness.events, net.openSockets], [["gone ECONNRESET"], 0]);
  });

  it("beyond the backlog a connect waits, and can be aborted", async () => {
    const net = memoryAdapter();
    const listener = await net.listen({ ...LOOPBACK, backlog: 1 });
    const { address } = listener;
    await net.connect({ address });
    await net.connect({ address });
    const controller = new AbortController();
    const aborted = net.connect({ address, signal: controller.signal });
    const waiting = net.connect({ address });
    await net.settled();
    controller.abort(new Error("enough"));
    await assertRejects(() => aborted, Error, "enough");
    listener.start({ accepted() {}, failed() {} });
    await waiting;
    assertEquals(net.openSockets, 6);
  });

  it("close resets what is queued and refuses what waits", async () => {
    const net = memoryAdapter();
    const listener = await net.listen({ ...LOOPBACK, backlog: 0 });
    const queued = new Witness(await net.connect({ address: listener.address }));
    const waiting = net.connect({ address: listener.address });
    await net.settled();
    await Promise.all([listener.close(), assertRejects(() => waiting, ConnectError)]);
    await net.settled();
    assertEquals([queued.events, net.openSockets], [["gone ECONNRESET"], 0]);
  });
});

describe("memory adapter: process", () => {
  it("raise calls the handlers of that signal until they are removed", () => {
    const net = memoryAdapter();
    const log: string[] = [];
    const stop = net.onSignal("SIGTERM", () => void log.push("term"));
    net.onSignal("SIGINT", () => void log.push("int"));
    net.raise("SIGTERM");
    stop();
    net.raise("SIGTERM");
    assertEquals([log, net.signalHandlers], [["term"], 1]);
  });

  it("exit records the first code, and kernelTable gives what was set", async () => {
    const net = memoryAdapter();
    assertEquals([net.exitCode, await net.kernelTable()], [null, null]);
    net.exit(3);
    net.exit(0);
    net.table = "sl local";
    assertEquals([net.exitCode, await net.kernelTable()], [3, "sl local"]);
  });
});
