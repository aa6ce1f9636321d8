/** What a server by hand understands of its clients: each whole message, and the answer that it should get. */
import { END, RequestHead, RequestParser } from "../../src/http/mod.ts";
import type { VerifyKind } from "../../src/tools/verify/mod.ts";
import { acceptKey } from "../../src/websocket/handshake/accept_key.ts";
import { bytes, concat } from "./rig.ts";
import { CLOSE, closePayload, frame, FrameReader, TEXT } from "./ws_wire.ts";

/** One connection's side of a protocol. */
export interface Speaker {
  /** Takes bytes; gives the answer to each message that they complete. */
  feed(chunk: Uint8Array): Uint8Array[];
  /** Part of a message is here. */
  readonly partial: boolean;
  /** It has a Close to say before FIN. */
  readonly closes: boolean;
  /** The client's Close has come. */
  readonly closed: boolean;
  /** The bytes of a Close; null for an empty one. */
  close(code: number | null): Uint8Array;
}

export function speaker(kind: VerifyKind): Speaker {
  return kind === "tcp" ? new LineSpeaker() : kind === "http" ? new HttpSpeaker() : new WsSpeaker();
}

const LF = 10;
const NOTHING = new Uint8Array(0);

class LineSpeaker implements Speaker {
  readonly closes = false;
  readonly closed = false;
  #rest: Uint8Array = NOTHING;

  get partial(): boolean {
    return this.#rest.length > 0;
  }

  feed(chunk: Uint8Array): Uint8Array[] {
    const answers: Uint8Array[] = [];
    let rest = concat([this.#rest, chunk]);
    for (let at = rest.indexOf(LF); at >= 0; at = rest.indexOf(LF)) {
      answers.push(rest.slice(0, at + 1));
      rest = rest.slice(at + 1);
    }
    this.#rest = rest;
    return answers;
  }

  close(): Uint8Array {
    return NOTHING;
  }
}

function newParser(): RequestParser {
  return new RequestParser({ maxHeadBytes: 16_384, maxTargetBytes: 8192, maxHeaders: 100, maxBodyBytes: Infinity });
}

class HttpSpeaker implements Speaker {
  readonly closes = false;
  readonly closed = false;
  readonly #parser = newParser();
  #body: Uint8Array[] = [];
  #within = false;
  #fed = false;

  get partial(): boolean {
    return this.#within || this.#fed;
  }

  feed(chunk: Uint8Array): Uint8Array[] {
    const answers: Uint8Array[] = [];
    this.#parser.feed(chunk);
    this.#fed = true;
    for (let event = this.#parser.next(); event !== null; event = this.#parser.next()) {
      if (event instanceof RequestHead) this.#within = true;
      else if (event === END) answers.push(this.#answer());
      else this.#body.push(event.slice());
    }
    return answers;
  }

  close(): Uint8Array {
    return NOTHING;
  }

  #answer(): Uint8Array {
    this.#within = this.#fed = false;
    const body = this.#body.length === 0 ? bytes("hello world") : concat(this.#body);
    this.#body = [];
    return concat([bytes(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`), body]);
  }
}

class WsSpeaker implements Speaker {
  closes = false;
  closed = false;
  readonly #parser = newParser();
  #fragments: Uint8Array[] = [];
  #answers: Uint8Array[] = [];
  readonly #reader = new FrameReader({ masked: true }, ({ opcode, payload, fin }) => {
    if (opcode === CLOSE) this.closed = true;
    if (opcode > TEXT) return;
    this.#fragments.push(payload);
    if (!fin) return;
    this.#answers.push(frame({ opcode: TEXT, payload: concat(this.#fragments) }));
    this.#fragments = [];
  });

  get partial(): boolean {
    return this.#reader.partial || this.#fragments.length > 0;
  }

  feed(chunk: Uint8Array): Uint8Array[] {
    this.#answers = [];
    if (this.closes) this.#reader.feed(chunk);
    else this.#handshake(chunk);
    return this.#answers;
  }

  close(code: number | null): Uint8Array {
    return frame({ opcode: CLOSE, payload: code === null ? NOTHING : closePayload(code) });
  }

  #handshake(chunk: Uint8Array): void {
    this.#parser.feed(chunk);
    const head = this.#parser.next();
    if (!(head instanceof RequestHead)) return;
    this.closes = true;
    const accept = acceptKey(head.header("sec-websocket-key") ?? "");
    this.#answers.push(bytes(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    ));
  }
}
