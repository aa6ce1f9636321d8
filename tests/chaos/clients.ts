/** Clients that judge a server by themselves: raw sockets, nothing of Sluice; each knows its local port. */
import { HttpClient, httpRequest } from "../support/http_client.ts";
import { keepAsking, posting } from "../support/http_loads.ts";
import { type End, inOrder, NetClient, pingPong } from "../support/swarm.ts";
import { WsClient } from "../support/ws_client.ts";

/** What a server speaks. */
export type Kind = "tcp" | "http" | "ws";

/** All kinds. */
export const KINDS: readonly Kind[] = ["tcp", "http", "ws"];

/** What a handler may be asked for. */
export type Word = "throw" | "block" | "never" | "wrong" | "big";

/** The longest pause between an answer and the next question, in ms. */
const THINK = 5;

/** A client that asks, checks the answer, and asks again. */
export interface Steady {
  readonly net: NetClient;
  /** Right answers so far. */
  answered(): number;
  /** Asks nothing more. */
  stop(): void;
  /** What went wrong up to its end, by a FIN or its own; null if every question was answered right. */
  wrong(): string | null;
}

/** A client of its kind, which asks until it is stopped or told to end. */
export async function steady(kind: Kind, port: number): Promise<Steady> {
  if (kind === "tcp") return await steadyLines(port);
  return kind === "http" ? await steadyRequests(port) : await steadyMessages(port);
}

async function connected(net: NetClient): Promise<void> {
  await net.until("the connection", () => net.connected || !net.isOpen);
}

async function steadyLines(port: number): Promise<Steady> {
  const net = new NetClient(port);
  let stopped = false;
  await connected(net);
  pingPong(net, THINK, () => stopped);
  const isWhole = () => net.answered >= net.owed && inOrder(net.text) && endedWell(net.end);
  return {
    net,
    answered: () => net.answered,
    stop: () => stopped = true,
    wrong: () => isWhole() ? null : `${net.describe()}, ${net.owed} owed`,
  };
}

async function steadyRequests(port: number): Promise<Steady> {
  const client = new HttpClient(port);
  let stopped = false;
  await connected(client.net);
  keepAsking(client, THINK, () => stopped ? null : posting(`${client.asked}`));
  const isWhole = () =>
    endedWell(client.end) && client.answered >= client.asked && !client.reader.partial && client.problem === null;
  return {
    net: client.net,
    answered: () => client.answered,
    stop: () => stopped = true,
    wrong: () => isWhole() ? null : client.describe(),
  };
}

async function steadyMessages(port: number): Promise<Steady> {
  const client = new WsClient(port, "/");
  let stopped = false;
  await client.opened();
  const ask = () => {
    if (stopped || !client.isOpen) return;
    client.send(`${client.sent}`);
    client.confirm(1);
  };
  client.onMessage = (message) => {
    if (message !== `${client.received - 1}`) {
      client.problem ??= new Error(`${message} instead of ${client.received - 1}`);
    }
    setTimeout(ask, Math.random() * THINK);
  };
  ask();
  const isWhole = () =>
    endedWell(client.net.end) && client.received >= client.owed && !client.partial && client.problem === null &&
    (client.net.end !== "fin" || client.close?.code === 1001);
  return {
    net: client.net,
    answered: () => client.received,
    stop: () => stopped = true,
    wrong: () => isWhole() ? null : client.describe(),
  };
}

/** By the server's FIN, or by its own close. */
function endedWell(end: End): boolean {
  return end === "fin" || end === "closed";
}

/** Connects and asks the handler for something; answers are nobody's business. */
export async function awkward(kind: Kind, port: number, word: Word): Promise<NetClient> {
  if (kind === "ws") {
    const client = new WsClient(port, "/");
    await client.opened();
    client.send(word);
    return client.net;
  }
  const net = new NetClient(port);
  await connected(net);
  net.send(kind === "tcp" ? `${word}\n` : httpRequest(`/${word}`));
  return net;
}
