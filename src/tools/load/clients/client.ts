/**
 * Load clients: one connection each, whose requests and answers are judged.
 *
 * @module
 */
import { background, type ConnectOptions, Dialer, withCancel } from "@sluice/sluice";
import { connectWebSocket, type WebSocketConn } from "@sluice/sluice/websocket";
import type { LoadTarget } from "../load_api.ts";
import type { ClientEvents, Connector, LoadClient, ResolvedClientOptions } from "./load_client.ts";
import { Content, Pattern } from "./content.ts";
import { HttpClient } from "./http_client.ts";
import { HttpRequests } from "./http_request.ts";
import { HttpShared } from "./http_shared.ts";
import { TcpClient } from "./tcp_client.ts";
import { connectFailure } from "./words.ts";
import { WsClient } from "./ws_client.ts";

export {
  ClientError,
  type ClientEvents,
  type Connector,
  type LoadClient,
  type ResolvedClientOptions,
} from "./load_client.ts";

/** A line or a message without `size`: what a chat's messages or a sensor's readings have. */
const MESSAGE_BYTES = 32;

/** Longest message of a server that is asked for anything but echoes. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * Makes a connector; nothing is opened yet.
 *
 * @throws {OptionError} A request that these options ask for can't be sent.
 */
export function makeConnector(target: LoadTarget, options: ResolvedClientOptions): Connector {
  const { seed, size } = options;
  const pattern = target.kind === "http"
    ? size && new Pattern(seed, size)
    : new Pattern(seed, size ?? { min: MESSAGE_BYTES, max: MESSAGE_BYTES });
  let clients = 0;
  const [context, cancel] = withCancel(options.context ?? background(options.clock));
  const { adapter, clock, timeout } = options;
  const dialer = new Dialer({ ...target.connect, connectTimeout: timeout, context, adapter, clock });
  const join = joiner(target, options, dialer);
  return {
    open: async (events) => {
      try {
        // Numbered as they are asked for, not as they get through: so a seed repeats.
        return await join(events, context, pattern && new Content(pattern, clients++));
      } catch (error) {
        throw connectFailure(error);
      }
    },
    close: cancel,
  };
}

type Join = (
  events: ClientEvents,
  context: ConnectOptions["context"],
  content: Content | null,
) => Promise<LoadClient>;

function joiner(target: LoadTarget, options: ResolvedClientOptions, dialer: Dialer): Join {
  if (target.kind === "tcp") {
    return async (events, _context, content) => new TcpClient(await dialer.connect(), events, options, content!);
  }
  if (target.kind === "ws") {
    return async (events, context, content) => {
      return new WsClient(await openWebSocket(target, options, dialer, context), events, options, content!);
    };
  }
  const common = { requests: new HttpRequests(target, options), shared: new HttpShared() };
  return async (events, _context, content) => {
    return new HttpClient(await dialer.connect(), events, options, common, content);
  };
}

function openWebSocket(
  { connect, host, path }: LoadTarget,
  { headers, size, timeout, adapter, clock }: ResolvedClientOptions,
  dialer: Dialer,
  context: ConnectOptions["context"],
): Promise<WebSocketConn> {
  const tls = connect.tls === true ? {} : connect.tls || undefined;
  return connectWebSocket(`${tls === undefined ? "ws" : "wss"}://${host}${path}`, {
    dialer,
    adapter,
    clock,
    context,
    tls,
    socketPath: connect.path,
    headers: Object.fromEntries(headers),
    handshakeTimeout: timeout,
    heartbeat: false,
    maxMessageBytes: MAX_MESSAGE_BYTES + (size?.max ?? 0),
  });
}
