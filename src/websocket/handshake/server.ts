/**
 * The server's side of the opening handshake (RFC 6455 §4.2).
 *
 * @module
 */
import { acceptOffers, type DeflateParams } from "../deflate/negotiate.ts";
import { HEARTBEAT_PROTOCOL } from "../beat.ts";
import { FAREWELL_EXTENSION, FAREWELL_PROTOCOL, takeFarewell } from "../farewell.ts";
import type { ServerHandshakeOptions } from "./handshake_options.ts";
import { isOwnProtocol } from "../own_protocols.ts";
import { acceptKey, isKey } from "./accept_key.ts";
import { hasToken } from "../fields.ts";
import { isAllowedOrigin } from "./origin.ts";
import { chooseProtocol, offeredProtocols } from "./protocols.ts";

/** What is looked at of a request. */
export interface UpgradeRequest {
  readonly method: string;
  /** HTTP/1.`minor`. */
  readonly minor: number;
  /** As in the Host field. */
  readonly host: string;
  /** `http` or `https`. */
  readonly scheme: string;
  /** The value of a field, repetitions joined by a comma; null if it is not there. */
  header(name: string): string | null;
}

/** The request becomes a WebSocket. */
export interface UpgradeAnswer {
  /** The application's subprotocol; empty for none. */
  readonly protocol: string;
  /** What was agreed of permessage-deflate; null for none. */
  readonly deflate: DeflateParams | null;
  /** Value of the answer's `Sec-WebSocket-Extensions`; empty for none. */
  readonly extensions: string;
  /** The client reads the reason of a Close as a farewell. */
  readonly farewell: boolean;
  /** The client can't ping, and understands `BEAT`. */
  readonly beats: boolean;
  /** Value of the answer's `Sec-WebSocket-Accept`. */
  readonly accept: string;
  /** The handshake's fields of the 101, each with its CRLF. */
  readonly lines: string;
  /** The user's, behind them. */
  readonly extra: string;
}

/** The request doesn't become a WebSocket. */
export interface UpgradeRefusal {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** What is wrong and what to do, for the client's eyes. */
  readonly message: string;
}

const VERSION = "13";
const NO_FIELDS: Readonly<Record<string, string>> = Object.freeze({});
/** A 426 says what to upgrade to, and an Upgrade field needs its Connection option (RFC 9110 §15.5.22 and §7.8). */
const UPGRADE: Readonly<Record<string, string>> = Object.freeze({ upgrade: "websocket", connection: "Upgrade" });
/** RFC 6455 §4.4. */
const UPGRADE_VERSION: Readonly<Record<string, string>> = Object.freeze({
  ...UPGRADE,
  "sec-websocket-version": VERSION,
});

/**
 * Answers a request for a WebSocket.
 *
 * @throws {OptionError} The function `protocols` gave something that was not offered.
 */
export function checkUpgrade(request: UpgradeRequest, options: ServerHandshakeOptions): UpgradeAnswer | UpgradeRefusal {
  const key = request.header("sec-websocket-key");
  const refusal = checkForm(request, key) ?? checkKey(request, key) ?? checkOrigin(request, options);
  if (refusal !== null) return refusal;
  const offered = offeredProtocols(request.header("sec-websocket-protocol"));
  if (offered === null) return refuse(400, "Sec-WebSocket-Protocol must be a list of tokens, each of them once");
  const { farewell, rest } = takeFarewell(request.header("sec-websocket-extensions"));
  const deflate = acceptOffers(rest, options.compression);
  if (typeof deflate === "string") return refuse(400, deflate);
  const chosen = chooseProtocol(offered, options.protocols);
  let extensions = deflate?.answer ?? "";
  if (farewell) extensions += extensions === "" ? FAREWELL_EXTENSION : `, ${FAREWELL_EXTENSION}`;
  const accept = acceptKey(key!);
  return {
    accept,
    protocol: isOwnProtocol(chosen) ? "" : chosen,
    deflate: deflate?.params ?? null,
    extensions,
    farewell: farewell || offered.includes(FAREWELL_PROTOCOL),
    beats: offered.includes(HEARTBEAT_PROTOCOL),
    lines: answerLines(accept, chosen, extensions),
    extra: options.lines,
  };
}

function answerLines(accept: string, protocol: string, extensions: string): string {
  return "Upgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${accept}\r\n` +
    (protocol === "" ? "" : `Sec-WebSocket-Protocol: ${protocol}\r\n`) +
    (extensions === "" ? "" : `Sec-WebSocket-Extensions: ${extensions}\r\n`);
}

/** Whether it asks for a WebSocket at all. */
function checkForm(request: UpgradeRequest, key: string | null): UpgradeRefusal | null {
  const upgrade = request.header("upgrade");
  // Who sends a key meant a WebSocket: something in between has changed the request.
  if (key !== null) {
    // HTTP/1.0 has no Upgrade (RFC 9110 §7.8).
    if (request.minor < 1) {
      return refuse(426, "A proxy in between speaks HTTP/1.0: let it use 1.1 (nginx: proxy_http_version 1.1)", UPGRADE);
    }
    if (upgrade === null) {
      const how = "let it pass that on (nginx: proxy_set_header Upgrade $http_upgrade)";
      return refuse(426, `The field Upgrade is missing, a proxy in between has taken it out: ${how}`, UPGRADE);
    }
  }
  if (request.minor < 1 || !hasToken(upgrade, "websocket")) {
    const call = `new WebSocket("${request.scheme === "https" ? "wss" : "ws"}://...")`;
    const message = `This address speaks WebSocket, not plain HTTP: connect with a WebSocket client, such as ${call}`;
    return refuse(426, message, UPGRADE);
  }
  if (!hasToken(request.header("connection"), "upgrade")) {
    return refuse(
      400,
      "Connection must have the option Upgrade: a proxy in between may have taken it out " +
        '(nginx: proxy_set_header Connection "upgrade")',
    );
  }
  if (request.method !== "GET") {
    return refuse(405, "A WebSocket's handshake is a GET request", { allow: "GET" });
  }
  // What would be a body to one reader and frames to the next is neither.
  if (request.header("transfer-encoding") !== null || (request.header("content-length") ?? "0") !== "0") {
    return refuse(400, "A WebSocket's handshake has no body: leave out Content-Length and Transfer-Encoding");
  }
  return null;
}

function checkKey(request: UpgradeRequest, key: string | null): UpgradeRefusal | null {
  if (request.header("sec-websocket-version") !== VERSION) {
    return refuse(426, `Sec-WebSocket-Version must be ${VERSION}, the version of RFC 6455`, UPGRADE_VERSION);
  }
  if (key !== null && isKey(key)) return null;
  return refuse(400, "Sec-WebSocket-Key must be there once, 16 random bytes in base64");
}

/** A request without an Origin comes from no page, so that no page can use its visitor's cookies by it. */
function checkOrigin(request: UpgradeRequest, options: ServerHandshakeOptions): UpgradeRefusal | null {
  const origin = request.header("origin");
  if (origin === null || isAllowedOrigin(origin, options.origins, request.host)) return null;
  return refuse(403, "Pages of this Origin may not connect here: the server's allowedOrigins says which may");
}

function refuse(status: number, message: string, headers = NO_FIELDS): UpgradeRefusal {
  return { status, headers, message };
}
