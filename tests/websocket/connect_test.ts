import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Conn, listen, OptionError } from "../../mod.ts";
import { connectWebSocket } from "../../src/websocket/client/connect.ts";
import { HandshakeError } from "../../src/websocket/websocket_errors.ts";
import { acceptKey } from "../../src/websocket/handshake/accept_key.ts";
import { latin1Bytes } from "../fixtures/http_parser_tools.ts";
import { answerText } from "../fixtures/websocket_handshakes.ts";
import { leakCheck } from "../support/leaks.ts";
import { within } from "../support/rig.ts";

const leaks = leakCheck();
before(leaks.before);
after(leaks.after);

/** Answers one handshake with these fields and bytes behind them, and echoes nothing. */
async function serveOnce(fields: Record<string, string>, behind: string) {
  const listener = await listen({ hostname: "127.0.0.1" });
  const port = listener.address.transport === "tcp" ? listener.address.port : 0;
  const served = (async (): Promise<Conn> => {
    const conn = await listener.accept();
    await listener.close();
    const request = new TextDecoder().decode((await conn.read())!);
    const key = /\r\nSec-WebSocket-Key: (.*)\r\n/.exec(request)![1];
    await conn.write(
      latin1Bytes(answerText({ fields: { "Sec-WebSocket-Accept": acceptKey(key), ...fields } }) + behind),
    );
    return conn;
  })();
  return { url: `ws://127.0.0.1:${port}/`, served };
}

describe("connectWebSocket()", () => {
  it("gives a WebSocket whose first message came with the answer", async () => {
    const { url, served } = await serveOnce({ "Sec-WebSocket-Protocol": "chat" }, "\x81\x02hi");
    const ws = await within("the handshake", connectWebSocket(url, { protocols: ["chat"] }));
    assertEquals([ws.protocol, ws.extensions, ws.state], ["chat", "", "open"]);
    assertEquals(await within("a message", ws.next()), { value: "hi", done: false });
    await ws.send("yo");
    const conn = await served;
    const frame = (await within("a frame", conn.read()))!;
    assertEquals([frame[0], frame[1], frame.length], [0x81, 0x82, 8]);
    assertEquals(String.fromCharCode(frame[6] ^ frame[2], frame[7] ^ frame[3]), "yo");
    ws.abort();
    conn.abort();
  });

  it("inflates what the server compresses, if that was agreed on", async () => {
    const compressed = "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00";
    const { url, served } = await serveOnce({ "Sec-WebSocket-Extensions": "permessage-deflate" }, compressed);
    const ws = await within("the handshake", connectWebSocket(new URL(url), { compression: true }));
    assertEquals(ws.extensions, "permessage-deflate");
    assertEquals((await within("a message", ws.next())).value, "Hello");
    ws.abort();
    (await served).abort();
  });

  it("rejects an extension that was not offered, and the server sees the connection dropped", async () => {
    const { url, served } = await serveOnce({ "Sec-WebSocket-Extensions": "permessage-deflate" }, "");
    await assertRejects(() => within("the handshake", connectWebSocket(url)), HandshakeError, "not offered");
    await within("the end", (await served).closed);
  });

  it("rejects options that can't be used", async () => {
    const error = await assertRejects(() => connectWebSocket("ws://a", { compression: { level: 11 } }), OptionError);
    assert(error.message.startsWith("compression.level must be"), error.message);
  });
});
