import { after, before, describe, it } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { UnsupportedError } from "../../../src/errors.ts";
import { nativeTransport, type TransportClose } from "../../../src/websocket/reconnect/mod.ts";

/** What a script sees of a browser's WebSocket. */
class WebSocketStub extends EventTarget {
  static last: WebSocketStub;
  readonly calls: unknown[] = [];
  readyState = 0;
  bufferedAmount = 0;
  protocol = "chat";
  binaryType = "blob";
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: ((event: object) => void) | null = null;
  onclose: ((event: object) => void) | null = null;

  constructor(...args: unknown[]) {
    super();
    WebSocketStub.last = this;
    this.calls.push(args);
  }

  send(data: unknown): void {
    this.calls.push(data);
  }

  close(...args: unknown[]): void {
    this.calls.push(args);
  }
}

function dial() {
  const told: unknown[] = [];
  const socket = nativeTransport("ws://host/", ["chat"], {
    open: (protocol) => told.push(protocol),
    message: (data) => told.push(data),
    close: (close) => told.push(close),
  });
  return { socket, told, stub: WebSocketStub.last };
}

describe("a connection of the runtime's own WebSocket", () => {
  const own = globalThis.WebSocket;
  before(() => {
    globalThis.WebSocket = WebSocketStub as unknown as typeof WebSocket;
  });
  after(() => {
    globalThis.WebSocket = own;
  });

  it("takes messages only while it is open: closing, it would lose them without a word", () => {
    const { socket, stub } = dial();
    const taken = [0, 1, 2, 3].map((state) => {
      stub.readyState = state;
      return socket.send(`in ${state}`);
    });
    assertEquals([taken, stub.calls.slice(1)], [[false, true, false, false], ["in 1"]]);
  });

  it("closes with codes that a script may send: 1000 stands in for the others", () => {
    const { socket, stub } = dial();
    for (const code of [1000, 1001, 3000, 4999]) socket.close(code, "why");
    assertEquals(stub.calls.slice(1), [[1000, "why"], [1000, "why"], [3000, "why"], [4999, "why"]]);
  });

  it("hands on what it hears, binary as bytes, and errors where they are told", () => {
    const { told, stub } = dial();
    assertEquals([stub.calls, stub.binaryType], [[["ws://host/", ["chat"]]], "arraybuffer"]);
    stub.onopen!();
    stub.onmessage!({ data: "text" });
    stub.onmessage!({ data: new Uint8Array([1, 2]).buffer });
    stub.onerror!({ message: "Connection refused" });
    assertEquals(told, ["chat", "text", new Uint8Array([1, 2])]);
    stub.onclose!({ code: 1000, reason: "done", wasClean: true });
    const { error, ...close } = told[3] as TransportClose;
    assertEquals([close, error?.message], [{ code: 1000, reason: "done", wasClean: true }, "Connection refused"]);
  });

  it("takes no code for 1006, and knows no error where the browser tells none", () => {
    const { told, stub } = dial();
    stub.onerror!({});
    stub.onclose!({ code: 0, reason: "", wasClean: false });
    assertEquals(told, [{ code: 1006, reason: "", wasClean: false, error: undefined }]);
  });

  it("that has failed before it was open ends, once, though its end is never told", async () => {
    for (const tells of [false, true]) {
      const { told, stub } = dial();
      stub.onerror!({ message: "Refused" });
      if (tells) stub.onclose!({ code: 1006, reason: "", wasClean: false });
      await new Promise((resolve) => setTimeout(resolve, 5));
      assertEquals(told.map((end) => (end as TransportClose).code), [1006]);
      stub.onclose!({ code: 1006, reason: "", wasClean: false });
      assertEquals([told.length, (told[0] as TransportClose).error?.message], [1, "Refused"]);
    }
  });

  it("that has failed when it was open waits for its end", async () => {
    const { told, stub } = dial();
    stub.readyState = 2;
    stub.onerror!({ message: "Lost" });
    await new Promise((resolve) => setTimeout(resolve, 5));
    assertEquals(told, []);
  });

  it("needs a WebSocket", () => {
    const stub = globalThis.WebSocket;
    try {
      globalThis.WebSocket = undefined as unknown as typeof WebSocket;
      assertThrows(() => dial(), UnsupportedError, "transport");
    } finally {
      globalThis.WebSocket = stub;
    }
  });
});
