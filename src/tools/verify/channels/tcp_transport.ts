/**
 * Connections of a device: the frames of channels behind their length, over TCP.
 *
 * @module
 */
import {
  background,
  type CancelFunc,
  type Conn,
  Dialer,
  frames,
  lengthPrefixDecoder,
  withCancel,
} from "@sluice/sluice";
import type { Transport, TransportClose, TransportEvents, TransportSocket } from "@sluice/sluice/websocket/reconnect";

/** Longest frame: what a server sends of a message at its default limits, and more. */
const MAX_FRAME = 1024 * 1024;
/** What a WebSocket says whose peer has gone without a Close. */
const NO_CLOSE = 1006;
/** The first byte of a frame says which it is. */
const TEXT = 0;
const BINARY = 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** A transport for `ChannelClient` to servers that call `acceptConn()`; of an address host and port count. */
export function tcpTransport(): Transport {
  return (url, [protocol], events) => {
    const [ctx, cancel] = withCancel(background());
    const socket = new DeviceSocket(cancel);
    const { hostname, port } = new URL(url);
    const dialling = new Dialer({ hostname, port: Number(port), context: ctx }).connect();
    void socket.run(dialling, protocol, events);
    return socket;
  };
}

class DeviceSocket implements TransportSocket {
  /** The server of a device says nothing by itself: an end is told by the network. */
  readonly pings = true;
  readonly #giveUp: CancelFunc;
  #conn: Conn | null = null;
  #isClosing = false;
  /** What the server had to say of the end. */
  #close: TransportClose = { code: NO_CLOSE, reason: "", wasClean: false };

  constructor(giveUp: CancelFunc) {
    this.#giveUp = giveUp;
  }

  get bufferedAmount(): number {
    const conn = this.#conn;
    return conn === null ? 0 : conn.bytesWritten - conn.bytesFlushed;
  }

  send(message: string | Uint8Array): boolean {
    const conn = this.#conn;
    if (conn === null || this.#isClosing || conn.state === "closing" || conn.state === "closed") return false;
    void conn.write(frameOf(message)).catch(() => {});
    return true;
  }

  /** There is no Close to be said: the end of the connection is one. */
  close(code: number, reason: string): void {
    this.#isClosing = true;
    this.#close = { code, reason, wasClean: true };
    if (this.#conn === null) this.#giveUp();
    else void this.#conn.close();
  }

  async run(dialling: Promise<Conn>, protocol: string, events: TransportEvents): Promise<void> {
    try {
      const conn = await dialling;
      if (this.#isClosing) conn.abort();
      else {
        this.#conn = conn;
        events.open(protocol);
        const decoded = frames(conn, lengthPrefixDecoder({ size: 4, maxLength: MAX_FRAME }));
        for await (const frame of decoded) this.#received(frame, events);
        void conn.close();
      }
    } catch (error) {
      this.#close = { ...this.#close, error: error as Error };
    } finally {
      this.#giveUp();
    }
    events.close(this.#close);
  }

  #received(frame: Uint8Array, events: TransportEvents): void {
    const body = frame.subarray(1);
    if (frame[0] === BINARY) return events.message(body.slice());
    const text = decoder.decode(body);
    // What a WebSocket has a Close for.
    if (!text.startsWith('["close",')) return events.message(text);
    const [, code, reason] = JSON.parse(text) as [string, number, string];
    if (!this.#isClosing) this.#close = { code, reason, wasClean: true };
  }
}

/** A message behind its length and its kind. */
function frameOf(message: string | Uint8Array): Uint8Array {
  const body = typeof message === "string" ? encoder.encode(message) : message;
  const frame = new Uint8Array(5 + body.length);
  new DataView(frame.buffer).setUint32(0, body.length + 1);
  frame[4] = typeof message === "string" ? TEXT : BINARY;
  frame.set(body, 5);
  return frame;
}
