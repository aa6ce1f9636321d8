/**
 * Looks at what goes over a client's connections: what its application is not told of, such as a direct message that comes
 * again though nobody has refused it, or a second answer.
 *
 * @module
 */
import type { Transport } from "@sluice/sluice/websocket/reconnect";

/** What is told of the connection that counts: what an older one still says is not heard by the client either. */
export interface WireEvents {
  /** It has another connection from here on. */
  connected?(): void;
  /** A direct message comes on it, whether or not the application is handed it. */
  letterCame?(id: string): void;
  /** What is said of a direct message on it. */
  letterSaid?(id: string, word: "ack" | "nack"): void;
  /** A call is made on it, as its client numbers them. */
  callSaid?(seq: number): void;
  /** A call is answered on it, or said to have failed. */
  callCame?(seq: number): void;
}

/** Words of frames that are looked at, as they begin on the wire: none of them has bytes in these proofs. */
const SEEN = /^\["(?:d|ack|nack|call|answer|failed)",/;

/** The same transport. */
export function tapped(transport: Transport, events: WireEvents): Transport {
  let newest = 0;
  return (url, protocols, told) => {
    const mine = ++newest;
    const heard = (message: string | Uint8Array): void => {
      if (mine === newest && typeof message === "string" && SEEN.test(message)) tell(JSON.parse(message), events);
    };
    const socket = transport(url, protocols, {
      ...{ close: (close) => told.close(close) },
      open: (protocol) => {
        if (mine === newest) events.connected?.();
        told.open(protocol);
      },
      message: (message) => {
        heard(message);
        told.message(message);
      },
    });
    return {
      get bufferedAmount() {
        return socket.bufferedAmount;
      },
      get pings() {
        return socket.pings;
      },
      send: (message) => {
        heard(message);
        return socket.send(message);
      },
      close: (code, reason) => socket.close(code, reason),
    };
  };
}

function tell([word, first]: readonly [string, unknown], events: WireEvents): void {
  if (word === "d") events.letterCame?.(first as string);
  else if (word === "nack") events.letterSaid?.(first as string, "nack");
  else if (word === "call") events.callSaid?.(first as number);
  else if (word === "ack") { for (const id of first as readonly string[]) events.letterSaid?.(id, "ack"); }
  else events.callCame?.(first as number);
}
