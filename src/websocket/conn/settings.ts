/**
 * What a WebSocket is made of.
 *
 * @module
 */
import type { Connection } from "../../server/conn/connection.ts";
import type { Decoders, FrameEncoder, Role } from "../codec/mod.ts";
import type { PerMessageDeflate } from "../deflate/mod.ts";
import type { WebSocketClose } from "../websocket_api.ts";
import type { FarewellOptions, WebSocketLimits } from "../websocket_options.ts";
import type { WebSocketCounts } from "./counts.ts";

/** What many WebSockets have in common. */
export interface WebSocketSettings {
  readonly role: Role;
  readonly limits: WebSocketLimits;
  readonly encoder: FrameEncoder;
  readonly decoders: Decoders;
  /** How a drain ends it. */
  readonly manners: FarewellOptions;
  /** What they have done. */
  readonly counts: WebSocketCounts;
  /** Hears of the end of one that began at `openedAt`, in ms on the clock. */
  readonly ended: (outcome: WebSocketClose, conn: Connection, openedAt: number) => void;
  /** Hears of what can't be told to anybody else. */
  readonly failed: (what: string, error: unknown, conn: Connection) => void;
}

/** What the handshake of one agreed on. */
export interface WebSocketAgreement {
  readonly protocol: string;
  readonly extensions: string;
  readonly deflate: PerMessageDeflate | null;
  /** The peer reads the reason of a Close as a farewell. */
  readonly farewell: boolean;
  /** The peer can't ping: it is sent `BEAT`, and answered the same. */
  readonly beats: boolean;
}
