/** Handlers that write for ever: whoever leaves them, or takes all, the others are heard, and so is SIGTERM. */
import net from "node:net";
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { startProgram } from "../support/processes.ts";

/** How long anything may take, on a machine whose cores are taken, in ms. */
const LIMIT = 30_000;

const UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/** Asks, and gives the socket when the answer has begun, or `bytes` of it have come. */
function asked(port: number, question: string, bytes: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(question));
    const late = setTimeout(() => reject(new Error(`no answer to ${JSON.stringify(question)}`)), LIMIT);
    let got = 0;
    socket.on("error", () => {});
    socket.on("data", (chunk: Uint8Array) => {
      got += chunk.length;
      if (got < bytes) return;
      clearTimeout(late);
      resolve(socket);
    });
  });
}

/** Path or line, and how much of it is taken at least. */
const ENDLESS: readonly (readonly [string, number])[] = [
  ["/stream", 1000],
  ["/empty", 1],
  ["/send", 1000],
  ["/drop", 1000],
  ["/late", 1],
  ["write", 1000],
  ["small", 1000],
  ["writable", 1000],
];

describe("a handler that writes for ever", () => {
  for (const [what, bytes] of ENDLESS) {
    it(`by ${what} deafens nobody, whether its clients take all of it or have left`, async () => {
      await using program = startProgram("tests/programs/endless_server.ts");
      const [http, tcp] = (await program.line(/^ports /)).split(" ").slice(1).map(Number);
      const isHttp = what.startsWith("/");
      const upgrade = ["/send", "/drop", "/late"].includes(what) ? UPGRADE : "";
      const question = isHttp ? `GET ${what} HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n` : `${what}\n`;
      const ask = () => asked(isHttp ? http : tcp, question, bytes);
      for (let i = 0; i < 5; i++) (await ask()).destroy();
      for (let i = 0; i < 2; i++) (await ask()).resetAndDestroy();
      const reader = await ask();
      for (let i = 0; i < 3; i++) (await asked(http, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 10)).destroy();
      const signalled = performance.now();
      program.signal("SIGTERM");
      const exit = await program.exited(LIMIT);
      assertEquals(exit.signal, null);
      assert(performance.now() - signalled < LIMIT);
      reader.destroy();
    });
  }
});
