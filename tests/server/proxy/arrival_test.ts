/** What came together with a header belongs to the socket's owner, who can stop it as all other bytes. */
import { describe, it } from "node:test";
import { assertEquals, assertGreater } from "@std/assert";
import { memoryAdapter, type MemorySocket } from "../../../adapters/memory/mod.ts";
import { proxiedBy } from "../../../src/server/proxy/mod.ts";
import type { RawSocket } from "../../../src/socket.ts";
import { ascii } from "../../fixtures/proxy_headers.ts";
import { LOOPBACK, ManualClock, Witness } from "../../support/memory_pair.ts";

const HEADER = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n";

/** A socket that was accepted with these bytes behind its header. */
async function accepted(text: string): Promise<{ client: MemorySocket; server: RawSocket; settled(): Promise<void> }> {
  const net = memoryAdapter();
  const listener = proxiedBy({ from: ["loopback"] }, LOOPBACK, new ManualClock())(await net.listen(LOOPBACK));
  const sockets: RawSocket[] = [];
  listener.start({ accepted: (socket) => void sockets.push(socket), failed() {} });
  const client = await net.connect({ address: listener.address });
  client.write(ascii(HEADER + text));
  await net.settled();
  return { client, server: sockets[0], settled: () => net.settled() };
}

describe("a socket whose header is read", () => {
  it("tells nothing inside of start(), nor while it is paused, and all of it in order afterwards", async () => {
    const { client, server, settled } = await accepted("early");
    const witness = new Witness(server);
    assertEquals(witness.events, []);
    server.pause();
    client.write(ascii("later"));
    client.shutdown();
    await settled();
    assertEquals(witness.events, []);
    server.resume();
    assertEquals(witness.events, []);
    await settled();
    assertEquals([witness.events, witness.bytes], [["data 5", "data 5", "end"], [...ascii("earlylater")]]);
  });

  it("can be paused inside of its first bytes", async () => {
    const { client, server, settled } = await accepted("early");
    const got: number[] = [];
    server.start({
      data(chunk) {
        got.push(chunk.length);
        server.pause();
      },
      end() {},
      drained() {},
      gone() {},
    });
    client.write(ascii("more"));
    await settled();
    assertEquals(got, [5]);
    server.resume();
    await settled();
    assertEquals(got, [5, 4]);
  });

  it("leaves what follows with the kernel until it is started", async () => {
    const { client, server, settled } = await accepted("");
    client.write(new Uint8Array(1 << 20));
    await settled();
    assertGreater(client.unsent, 900_000);
    const witness = new Witness(server);
    await settled();
    assertEquals([client.unsent, witness.bytes.length], [0, 1 << 20]);
  });

  it("tells no more than its end when it is destroyed, or was reset before it was started", async () => {
    const { server, settled } = await accepted("early");
    const witness = new Witness(server);
    server.destroy();
    await settled();
    assertEquals(witness.events, ["gone clean"]);
    const other = await accepted("early");
    other.client.reset();
    await other.settled();
    const late = new Witness(other.server);
    await other.settled();
    assertEquals(late.events, ["gone ECONNRESET"]);
  });
});
