/**
 * Who the clients are: all kinds at the same time, and what each of them does on a connection.
 *
 * @module
 */
import { type Client, goesOn } from "../client.ts";
import { BATCH } from "../scenarios/asking.ts";
import type { ClientKind } from "./reload_api.ts";
import { type Cast, ReloadStage, type ReloadWorld } from "./reload_stage.ts";

/** Longest rest in ms between two connections of a storming client. */
const STORM_REST = 20;
/** Questions after which a client leaves by itself and comes again, so that new connections are spread over workers. */
const MOST_QUESTIONS = 500;
/** Rest in ms of a client that seldom asks: long enough to be idle in a reload, short enough to ask within one. */
const REST: readonly [least: number, most: number] = [300, 1200];
/** Pieces of an upload, and the longest wait in ms between two of them. */
const PIECES = 10;
const PIECE_WAIT = 50;

/** Whether there are such clients in a world. */
type Fits = (world: ReloadWorld) => boolean;

const COMMON: Cast["talk"] = () => ({});

const STORM: Cast = {
  kind: "storm",
  talk: COMMON,
  async role(stage, index, { kind, talk }) {
    await stage.visit(kind, talk, (client) => ask(stage, client, index, 1));
    await stage.pause(stage.between(1, STORM_REST));
  },
};

const ASKING: Cast = keepsOn("asking", (stage) => stage.think());

const PIPELINED: Cast = keepsOn("pipelined", (stage) => stage.think(), BATCH);

const RESTING: Cast = keepsOn("resting", async (stage) => {
  await stage.pause(stage.between(...REST));
  await stage.look();
});

const WEB_SOCKET: Cast = {
  ...keepsOn("webSocket", (stage) => stage.think()),
  talk: ({ webSocketPath }) => ({ kind: "ws", path: webSocketPath! }),
};

const UPLOAD: Cast = {
  kind: "upload",
  talk: COMMON,
  role: (stage, index, { kind, talk }) =>
    stage.visit(kind, talk, async (client) => {
      await client.settled();
      while (client.open && !stage.isLeaving) {
        await sendInPieces(stage, client);
        await served(stage, client, index);
        await stage.think();
      }
    }),
};

const STREAM: Cast = {
  kind: "stream",
  talk: COMMON,
  role: (stage, index, { kind, talk }) =>
    stage.visit(kind, talk, async (client) => {
      while (client.open && !stage.isLeaving) {
        client.stream();
        await served(stage, client, index);
        await stage.think();
      }
    }),
};

/** A WebSocket on which the server talks. */
const FLOW: Cast = {
  kind: "stream",
  talk: ({ streamPath }) => ({ path: streamPath! }),
  role: (stage, index, { kind, talk }) =>
    stage.visit(kind, talk, async (client) => {
      while (!client.over && !stage.isLeaving) {
        if (client.flowing) stage.warm(index);
        // It may fall silent: all leave even so.
        await Promise.race([client.changed(), stage.pause(REST[1])]);
      }
    }),
};

/** In turn, so that a few clients are of all kinds; every third one is of the storm. */
const PLAYERS: readonly (readonly [Cast, Fits])[] = [
  [STORM, () => true],
  [ASKING, () => true],
  [PIPELINED, () => true],
  [STORM, () => true],
  [UPLOAD, () => true],
  [RESTING, () => true],
  [STREAM, ({ kind, streamPath }) => kind === "http" && streamPath !== null],
  [FLOW, ({ kind, streamPath }) => kind === "ws" && streamPath !== null],
  [WEB_SOCKET, ({ kind, webSocketPath }) => kind === "http" && webSocketPath !== null],
];

/** Lets as many clients loose as the world wants, of all kinds that it has. */
export function startReloads(world: ReloadWorld): ReloadStage {
  const players = PLAYERS.filter(([, fits]) => fits(world)).map(([cast]) => cast);
  return new ReloadStage(world, Array.from({ length: world.clients }, (_, index) => players[index % players.length]));
}

/** A client that keeps its connection and asks on it: at once, and after each rest. */
function keepsOn(kind: ClientKind, rest: (stage: ReloadStage) => Promise<void>, batch: number = 1): Cast {
  const role: Cast["role"] = (stage, index, self) =>
    stage.visit(self.kind, self.talk, async (client) => {
      await ask(stage, client, index, batch);
      for (let asked = batch; client.open && !stage.isLeaving && asked < MOST_QUESTIONS; asked += batch) {
        await rest(stage);
        await ask(stage, client, index, batch);
      }
    });
  return { kind, talk: COMMON, role };
}

/** Asks so many questions at once, behind the greeting if there is one, and waits for all answers. */
async function ask(stage: ReloadStage, client: Client, index: number, batch: number): Promise<void> {
  if (!(await client.settled())) return;
  client.send(0, batch);
  await served(stage, client, index);
}

/** Waits for all answers; with the first one, not counting that to a handshake, the client is at work. */
async function served(stage: ReloadStage, client: Client, index: number): Promise<void> {
  await client.settled();
  const { answered, greets } = client.account;
  if (answered > (greets ? 1 : 0)) stage.warm(index);
}

async function sendInPieces(stage: ReloadStage, client: Client): Promise<void> {
  const sending = client.begin((talk) => talk.upload(stage.world.bigSize, PIECES));
  while (sending.left > 0 && goesOn(client, stage.world.kind)) {
    sending.next();
    await stage.pause(stage.between(0, PIECE_WAIT));
    await stage.look();
  }
}
