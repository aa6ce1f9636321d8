/** What clients do all the time while a server is told to stop. */
import { bodyText, type HttpClient, httpRequest } from "./http_client.ts";

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A request, and what its answer's body must be. */
export interface Exchange {
  readonly request: string;
  readonly body: string;
}

/** A GET with its answer. */
export function getting(): Exchange {
  return { request: httpRequest("/"), body: "hello world" };
}

/** A POST that is echoed. */
export function posting(body: string, id?: string): Exchange {
  const headers = id === undefined ? undefined : { "X-Id": id };
  return { request: httpRequest("/echo", { body, headers }), body };
}

/** A request that takes a while. */
export function waiting(ms: number): Exchange {
  return { request: httpRequest(`/slow?ms=${ms}`), body: `slept ${ms}` };
}

/** Lines that come one by one. */
export function streaming(n: number, ms: number): Exchange {
  return {
    request: httpRequest(`/stream?n=${n}&ms=${ms}`),
    body: Array.from({ length: n }, (_, i) => `${i}\n`).join(""),
  };
}

/** Asks, waits for the answer, thinks up to `think` ms, and goes on until it is told to close or has nothing to ask. */
export function keepAsking(client: HttpClient, think: number, next: () => Exchange | null): void {
  let expected = "";
  const ask = () => {
    if (!client.isOpen) return;
    const exchange = next();
    if (exchange === null) return;
    expected = exchange.body;
    client.ask(exchange.request);
  };
  client.onAnswer = (answer) => {
    checkAnswer(answer.status, bodyText(answer), expected);
    setTimeout(ask, Math.random() * think);
  };
  ask();
}

/** Asks `size` times in one write, waits for all the answers, and goes on until it is told to close. */
export function keepPipelining(client: HttpClient, size: number): void {
  let expected: Exchange[] = [];
  const ask = () => {
    if (!client.isOpen) return;
    expected = Array.from({ length: size }, (_, i) => posting(`${client.asked + i}`));
    client.askAll(expected.map(({ request }) => request));
  };
  client.onAnswer = (answer) => {
    checkAnswer(answer.status, bodyText(answer), expected[client.answered - 1 - (client.asked - size)]?.body);
    if (client.answered === client.asked) setTimeout(ask, Math.random() * 10);
  };
  ask();
}

/** How far our sight of a goodbye may be behind its coming, in ms: room for a machine whose cores are taken. */
const SIGHT = 10;

/**
 * Keeps `size` requests in flight until it is told to close; gives the number that are owed an answer: those after
 * which no goodbye was seen for `SIGHT` ms.
 */
export function keepWindow(client: HttpClient, size: number): () => number {
  let owed = 0;
  const ask = (number: number) => {
    if (!client.isOpen) return;
    client.askAll(Array.from({ length: number }, (_, i) => posting(`${client.asked + i}`).request));
    setTimeout(() => setImmediate(() => client.isOpen && (owed += number)), SIGHT);
  };
  client.onAnswer = (answer) => {
    checkAnswer(answer.status, bodyText(answer), `${client.answered - 1}`);
    const free = client.answered + size - client.asked;
    if (free > size / 2) ask(free);
  };
  ask(size);
  return () => owed;
}

/** Thrown inside a client, it becomes that client's problem. */
function checkAnswer(status: number, body: string, expected: string | undefined): void {
  if (status !== 200) throw new Error(`status ${status}`);
  if (body !== expected) throw new Error(`body ${body.slice(0, 40)} for ${expected?.slice(0, 40)}`);
}
