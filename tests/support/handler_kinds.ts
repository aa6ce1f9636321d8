/**
 * What kinds of server a pattern of handlers may be of: how each is started, and what its clients are.
 *
 * @module
 */
import { type Handler, serve, type ServeOptions } from "../../mod.ts";
import type { Peer } from "./handler_peer.ts";
import type { Pattern, Scene } from "./handlers.ts";

/** What a kind of server adds by itself. */
type Added = "start" | "open" | "goodEnds";

/** A handler of raw connections. */
export interface TcpPattern extends Omit<Pattern<Peer>, Added> {
  /** Made anew for each case. */
  readonly handler: (scene: Scene<Peer>) => Handler;
  readonly options?: ServeOptions;
}

/** A pattern of `serve()`. */
export function tcp({ handler, options, ...rest }: TcpPattern): Pattern {
  const pattern: Pattern<Peer> = {
    ...rest,
    start: (scene, given) => serve({ ...given, ...options }, handler(scene)),
    open: (scene) => scene.peer(),
    goodEnds: { drain: "fin", life: "fin" },
  };
  return pattern as unknown as Pattern;
}
