/**
 * The negotiation of permessage-deflate (RFC 7692 §7.1), without I/O.
 *
 * @module
 */
import type { CompressionOptions } from "../websocket_api.ts";
import { type Extension, type ExtensionParam, parseExtensions } from "./extensions.ts";

/** What both sides agreed on. */
export interface DeflateParams {
  /** The server's compressor forgets after each message. */
  readonly serverNoContextTakeover: boolean;
  /** The client's compressor forgets after each message. */
  readonly clientNoContextTakeover: boolean;
  /** Window of the server's compressor, 8 to 15 (log2 of bytes). */
  readonly serverMaxWindowBits: number;
  /** Window of the client's compressor, 8 to 15. */
  readonly clientMaxWindowBits: number;
}

/** What a server takes of a client's offers. */
export interface DeflateAgreement {
  readonly params: DeflateParams;
  /** Value of the answer's `Sec-WebSocket-Extensions`. */
  readonly answer: string;
}

/** The parameters of one offer or answer, as they stand there. */
interface Draft {
  serverNoContextTakeover: boolean;
  clientNoContextTakeover: boolean;
  /** 0: not there. */
  serverMaxWindowBits: number;
  /** 0: not there. */
  clientMaxWindowBits: number;
}

const NAME = "permessage-deflate";
const KEYS: ReadonlyMap<string, keyof Draft> = new Map([
  ["server_no_context_takeover", "serverNoContextTakeover"],
  ["client_no_context_takeover", "clientNoContextTakeover"],
  ["server_max_window_bits", "serverMaxWindowBits"],
  ["client_max_window_bits", "clientMaxWindowBits"],
]);
/** All that a value of a window parameter may be (RFC 7692 §7.1.2). */
const WINDOW_BITS = /^(?:[89]|1[0-5])$/;
/** The largest window; also what holds where nothing was said. */
const MOST = 15;
/** The smallest window of our own compressor: zlib makes no raw stream with 8, but silently one with 9. */
const LEAST = 9;

/**
 * What a server makes of a client's offers: the first that it can honour, null if there is none, or what is wrong with
 * the field. An offer is passed over if it has a parameter that is unknown, repeated or malformed, if it demands a
 * window of 8 of our compressor, or if it doesn't let us limit the client's as `clientMaxWindowBits` says.
 *
 * @param field All fields `Sec-WebSocket-Extensions`, joined by commas; null for none.
 * @param options Null if nothing shall be compressed.
 */
export function acceptOffers(
  field: string | null,
  options: Required<CompressionOptions> | null,
): DeflateAgreement | null | string {
  if (field === null) return null;
  const offers = parseExtensions(field);
  if (offers === null) return malformed(field);
  if (options === null) return null;
  for (const { name, params } of offers) {
    if (name !== NAME) continue;
    const offer = readParams(params, true);
    if (typeof offer === "string") continue;
    const agreed = agreement(offer, options);
    if (agreed !== null) return { params: agreed, answer: answerText(agreed, offer) };
  }
  return null;
}

function agreement(offer: Draft, options: Required<CompressionOptions>): DeflateParams | null {
  if (offer.serverMaxWindowBits !== 0 && offer.serverMaxWindowBits < LEAST) return null;
  if (offer.clientMaxWindowBits === 0 && options.clientMaxWindowBits < MOST) return null;
  return {
    serverNoContextTakeover: offer.serverNoContextTakeover || options.serverNoContextTakeover,
    clientNoContextTakeover: offer.clientNoContextTakeover || options.clientNoContextTakeover,
    serverMaxWindowBits: Math.min(offer.serverMaxWindowBits || MOST, options.serverMaxWindowBits),
    clientMaxWindowBits: Math.min(offer.clientMaxWindowBits || MOST, options.clientMaxWindowBits),
  };
}

/** A parameter that was offered is confirmed, even where it changes nothing (RFC 7692 §7.1.2.1). */
function answerText(agreed: DeflateParams, offer: Draft): string {
  const { serverMaxWindowBits, clientMaxWindowBits } = agreed;
  let text = NAME + takeoverText(agreed);
  if (serverMaxWindowBits < MOST || offer.serverMaxWindowBits > 0) {
    text += `; server_max_window_bits=${serverMaxWindowBits}`;
  }
  if (clientMaxWindowBits < MOST) text += `; client_max_window_bits=${clientMaxWindowBits}`;
  return text;
}

/** A client's one offer: the value of its `Sec-WebSocket-Extensions`. */
export function makeOffer(options: Required<CompressionOptions>): string {
  const { serverMaxWindowBits, clientMaxWindowBits } = options;
  const server = serverMaxWindowBits < MOST ? `; server_max_window_bits=${serverMaxWindowBits}` : "";
  const client = clientMaxWindowBits < MOST ? `=${clientMaxWindowBits}` : "";
  return `${NAME}${takeoverText(options)}${server}; client_max_window_bits${client}`;
}

function takeoverText(params: { serverNoContextTakeover: boolean; clientNoContextTakeover: boolean }): string {
  return (params.serverNoContextTakeover ? "; server_no_context_takeover" : "") +
    (params.clientNoContextTakeover ? "; client_no_context_takeover" : "");
}

/**
 * What a client makes of the server's answer to `makeOffer(options)`: what is agreed on, null if nothing is compressed,
 * or what is wrong with the answer; the connection must fail then.
 *
 * @param field All fields `Sec-WebSocket-Extensions`, joined by commas; null for none.
 * @param options Null if there was no offer.
 */
export function checkAnswer(
  field: string | null,
  options: Required<CompressionOptions> | null,
): DeflateParams | null | string {
  if (field === null) return null;
  const extensions = parseExtensions(field);
  if (extensions === null || extensions.length === 0) return malformed(field);
  const strange = notOffered(extensions, options !== null);
  if (strange !== null) return strange;
  const answer = readParams(extensions[0].params, false);
  if (typeof answer === "string") return `The server's answer to ${NAME} ${answer}`;
  const fault = faultOf(answer, options!);
  if (fault !== null) return `The server's answer to ${NAME} ${fault}`;
  return {
    serverNoContextTakeover: answer.serverNoContextTakeover,
    clientNoContextTakeover: answer.clientNoContextTakeover || options!.clientNoContextTakeover,
    serverMaxWindowBits: answer.serverMaxWindowBits || MOST,
    clientMaxWindowBits: answer.clientMaxWindowBits || options!.clientMaxWindowBits,
  };
}

function notOffered(extensions: readonly Extension[], offered: boolean): string | null {
  const strange = extensions.find(({ name }, i) => name !== NAME || !offered || i > 0);
  if (strange === undefined) return null;
  const again = offered && strange.name === NAME;
  return `The server chose the extension ${strange.name} ${again ? "twice" : "that was not offered"}`;
}

/** What an answer must have because it was demanded, and what it can't have (RFC 7692 §7.1.1, §7.1.2). */
function faultOf(answer: Draft, options: Required<CompressionOptions>): string | null {
  const { serverMaxWindowBits: server, clientMaxWindowBits: client } = answer;
  if (options.serverNoContextTakeover && !answer.serverNoContextTakeover) {
    return "lacks server_no_context_takeover, which was demanded";
  }
  if ((server || MOST) > options.serverMaxWindowBits) {
    return `allows a window of ${server || MOST} where at most ${options.serverMaxWindowBits} was demanded`;
  }
  if (client > options.clientMaxWindowBits) {
    return `has client_max_window_bits=${client} where at most ${options.clientMaxWindowBits} was offered`;
  }
  if (client !== 0 && client < LEAST) {
    return `has client_max_window_bits=${client}, a window that zlib can't make`;
  }
  return null;
}

/** Sorts parameters; what is wrong if one is unknown, repeated or malformed. Only an offer has one without value. */
function readParams(params: readonly ExtensionParam[], isOffer: boolean): Draft | string {
  const draft: Draft = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: 0,
    clientMaxWindowBits: 0,
  };
  for (const [name, value] of params) {
    const key = KEYS.get(name);
    if (key === undefined) return `has the unknown parameter ${name}`;
    if (draft[key] !== false && draft[key] !== 0) return `has ${name} twice`;
    if (key === "serverNoContextTakeover" || key === "clientNoContextTakeover") {
      if (value !== null) return `has a value for ${name}`;
      draft[key] = true;
    } else if (value !== null && WINDOW_BITS.test(value)) draft[key] = Number(value);
    else if (value === null && isOffer && key === "clientMaxWindowBits") draft[key] = MOST;
    else return `has ${value === null ? "no value" : `the value ${JSON.stringify(value)}`} for ${name}`;
  }
  return draft;
}

function malformed(field: string | null): string {
  return `Sec-WebSocket-Extensions is malformed: ${JSON.stringify((field ?? "").slice(0, 100))}`;
}
