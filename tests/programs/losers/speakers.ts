/** What the losing servers speak: enough of each protocol for well-behaved clients, on bytes alone. */
import { createHash } from "node:crypto";
import { CLOSE, closePayload, frame, FrameReader, TEXT } from "../../support/ws_wire.ts";

/** One connection's protocol. */
export interface Speaker {
  /** Takes bytes; gives the answers to the messages that are whole now. */
  take(chunk: Uint8Array): Uint8Array[];
  /** The answer as the last one of its connection, with a goodbye where the protocol has one; `code` is a Close's. */
  last(answer: Uint8Array, code?: number): Uint8Array;
  /** What is said instead of an answer by a server that is tired of it. */
  readonly apology: Uint8Array;
  /** The connection ends when the client has answered the goodbye, and not with the last answer. */
  readonly waits: boolean;
  /** The client has answered the goodbye. */
  readonly done: boolean;
}

const KEY_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const HEAD_END = "\r\n\r\n";
const LAST_CHUNK = "\r\n0\r\n\r\n";

/** Bytes of a text of which each character is one byte. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

class Lines implements Speaker {
  readonly apology: Uint8Array = bytesOf("go away\n");
  readonly waits: boolean = false;
  readonly done: boolean = false;
  #text = "";

  take(chunk: Uint8Array): Uint8Array[] {
    const lines = (this.#text + textOf(chunk)).split("\n");
    this.#text = lines.pop()!;
    return lines.map((line) => bytesOf(`echo: ${line}\n`));
  }

  last(answer: Uint8Array): Uint8Array {
    return answer;
  }
}

class Http implements Speaker {
  readonly apology: Uint8Array = bytesOf("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
  readonly waits: boolean = false;
  readonly done: boolean = false;
  #text = "";

  take(chunk: Uint8Array): Uint8Array[] {
    this.#text += textOf(chunk);
    const answers: Uint8Array[] = [];
    for (let end = this.#end(); end > 0; end = this.#end()) {
      this.#text = this.#text.slice(end);
      answers.push(bytesOf(`HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello world\n`));
    }
    return answers;
  }

  last(answer: Uint8Array): Uint8Array {
    return bytesOf(textOf(answer).replace(HEAD_END, `\r\nConnection: close${HEAD_END}`));
  }

  /** Where the first request ends; 0 if it is not here. */
  #end(): number {
    const head = this.#text.indexOf(HEAD_END);
    if (head < 0) return 0;
    const fields = this.#text.slice(0, head);
    const body = head + HEAD_END.length;
    if (/transfer-encoding: *chunked/i.test(fields)) {
      // Nothing here sends a text that looks like the last chunk.
      const last = this.#text.indexOf(LAST_CHUNK, body);
      return last < 0 ? 0 : last + LAST_CHUNK.length;
    }
    const end = body + Number(/content-length: *(\d+)/i.exec(fields)?.[1] ?? 0);
    return end <= this.#text.length ? end : 0;
  }
}

class WebSocketEcho implements Speaker {
  readonly apology: Uint8Array = frame({ opcode: TEXT, payload: bytesOf("go away") });
  readonly waits: boolean = true;
  done: boolean = false;
  #handshake: string | null = "";
  #answers: Uint8Array[] = [];
  /** Fragments of a message whose last one is still to come. */
  #fragments: number[] = [];
  readonly #frames: FrameReader = new FrameReader({ masked: true }, ({ opcode, payload, fin }) => {
    if (opcode === CLOSE) return void (this.done = true);
    this.#fragments.push(...payload);
    if (fin) this.#answers.push(frame({ opcode: TEXT, payload: Uint8Array.from(this.#fragments.splice(0)) }));
  });

  take(chunk: Uint8Array): Uint8Array[] {
    if (this.#handshake !== null) return this.#shakeHands(chunk);
    this.#frames.feed(chunk);
    return this.#answers.splice(0);
  }

  last(answer: Uint8Array, code: number = 1001): Uint8Array {
    const goodbye = frame({ opcode: CLOSE, payload: closePayload(code) });
    return Uint8Array.of(...answer, ...goodbye);
  }

  #shakeHands(chunk: Uint8Array): Uint8Array[] {
    this.#handshake += textOf(chunk);
    if (!this.#handshake!.endsWith(HEAD_END)) return [];
    const key = /sec-websocket-key: *(\S+)/i.exec(this.#handshake!)![1];
    this.#handshake = null;
    const accept = createHash("sha1").update(key + KEY_SUFFIX).digest("base64");
    const fields = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}${HEAD_END}`;
    return [bytesOf(`HTTP/1.1 101 Switching Protocols\r\n${fields}`)];
  }
}

/** A new connection's speaker. */
export function speakerOf(kind: string): Speaker {
  if (kind === "tcp") return new Lines();
  return kind === "http" ? new Http() : new WebSocketEcho();
}
