/**
 * What kinds of server a pattern of handlers may be of: how each is started, and what its clients are.
 *
 * @module
 */
import { type Handler, serve, type ServeOptions } from "../../mod.ts";
import { type HttpHandler, type HttpOptions, serveHttp } from "../../src/http/mod.ts";
import { upgradeWebSocket, type WebSocketHandler, type WebSocketOptions } from "../../src/websocket/mod.ts";
import { HttpPeer } from "./handler_http_peer.ts";
import type { Peer } from "./handler_peer.ts";
import { openTalker, type Talker, type TalkerKind } from "./handler_talkers.ts";
import type { Pattern, Scene, Transport } from "./handlers.ts";

/** What a kind of server adds by itself. */
type Added = "start" | "open" | "goodEnds";

/** A handler of raw connections. */
export interface TcpPattern extends Omit<Pattern<Peer>, Added> {
  /** Made anew for each case. */
  readonly handler: (scene: Scene<Peer>) => Handler;
  readonly options?: ServeOptions;
}

/** A handler of requests. */
export interface HttpPattern extends Omit<Pattern<HttpPeer>, Added> {
  /** Made anew for each case. */
  readonly handler: (scene: Scene<HttpPeer>) => HttpHandler;
  readonly options?: HttpOptions;
}

/** A handler of WebSockets. */
export interface WebSocketPattern extends Omit<Pattern<Talker>, Added | "over"> {
  /** Made anew for each case. */
  readonly handler: (scene: Scene<Talker>) => WebSocketHandler;
  readonly options?: HttpOptions;
  readonly ws?: WebSocketOptions;
  /** Each makes a pattern of its own. @default ["raw", "sluice"] */
  readonly clients?: readonly TalkerKind[];
}

/** A pattern of `serve()`. */
export function tcp({ handler, options, ...rest }: TcpPattern): Pattern {
  return erased<Peer>({
    ...rest,
    start: (scene, given) => serve({ ...given, ...options }, handler(scene)),
    open: (scene) => scene.peer(),
    goodEnds: { drain: "fin", life: "fin" },
  });
}

/** A pattern of `serveHttp()`. */
export function http({ handler, options, ...rest }: HttpPattern): Pattern {
  return erased<HttpPeer>({
    ...rest,
    start: (scene, given) => serveHttp({ ...given, ...options }, handler(scene)),
    open: async (scene) => new HttpPeer(await scene.peer()),
    goodEnds: { drain: "fin", life: "fin" },
  });
}

/** What each kind of client is tried over: the raw one has all, the others need not repeat it. */
const OVER: Readonly<Record<TalkerKind, readonly Transport[]>> = {
  raw: ["tcp", "tls", "unix"],
  sluice: ["tcp"],
  asking: ["tcp"],
  foreign: ["tcp"],
};

/** Patterns of `upgradeWebSocket()`, one for each kind of client. */
export function webSocket(pattern: WebSocketPattern): Pattern[] {
  const { handler, options, ws, clients = ["raw", "sluice"], name, ...rest } = pattern;
  return clients.map((kind) =>
    erased<Talker>({
      ...rest,
      name: `${name} (${kind} client)`,
      over: OVER[kind],
      ...(kind === "foreign" ? { leaves: false } : {}),
      start: (scene, given) => {
        const serveOne = handler(scene);
        return serveHttp({ ...given, ...options }, (request) => upgradeWebSocket(request, serveOne, ws));
      },
      open: (scene) => openTalker(kind, scene),
      goodEnds: { drain: "1001", life: "1000" },
    })
  );
}

/** Patterns of different clients stand in one table; each gets its own client back. */
function erased<C extends Peer | HttpPeer | Talker>(pattern: Pattern<C>): Pattern {
  return pattern as unknown as Pattern;
}
