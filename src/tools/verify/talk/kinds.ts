/**
 * What a client of a world says, by the kind of its server.
 *
 * @module
 */
import type { ScenarioWorld } from "../scenario.ts";
import type { VerifyKind } from "../verify_api.ts";
import { HttpTalk } from "./http.ts";
import type { Talk, TalkEvents, TalkOptions } from "./talk.ts";
import { LineTalk } from "./tcp.ts";
import { WsTalk } from "./ws.ts";

/** What sets one client's talk apart from others of its world. */
export interface OwnTalk {
  /** Number of the client. */
  readonly client: number;
  /** What it speaks. @default the world's kind */
  readonly kind?: VerifyKind;
  /** Its request target. @default the world's path */
  readonly path?: string;
  /** Hears what is odd about the server. */
  remark(text: string): void;
}

/** A client's talk. */
export function talkFor(world: ScenarioWorld, own: OwnTalk, events: TalkEvents): Talk {
  const { kind = world.kind, path = world.path } = own;
  const options: TalkOptions = {
    client: own.client,
    host: world.host,
    path,
    uploadPath: world.uploadPath ?? path,
    streamPath: world.streamPath ?? path,
    expect: world.expect,
    random: () => world.random(),
    remark: (text) => own.remark(text),
  };
  if (kind === "tcp") return new LineTalk(options, events);
  return kind === "http" ? new HttpTalk(options, events) : new WsTalk(options, events);
}
