/** What WebSocket clients do all the time while a server is told to stop. */
import { assertEquals } from "@std/assert";
import type { WsClient } from "./ws_client.ts";

/** Sends, waits for the echo, thinks up to `think` ms, and goes on until it sees a Close. */
export function keepAsking(client: WsClient, think: number): void {
  const ask = () => {
    if (!client.isOpen) return;
    client.send(`${client.sent}`);
    client.confirm(1);
  };
  client.onMessage = (message) => {
    expect(message, `${client.received - 1}`);
    setTimeout(ask, Math.random() * think);
  };
  ask();
}

/** Keeps `size` messages of 128 bytes in flight until it sees a Close. */
export function keepWindow(client: WsClient, size: number): void {
  const text = (i: number) => `${i}`.padEnd(128);
  const fill = (number: number) => {
    if (!client.isOpen) return;
    client.send(...Array.from({ length: number }, (_, i) => text(client.sent + i)));
    client.confirm(number);
  };
  client.onMessage = (message) => {
    expect(message, text(client.received - 1));
    const free = client.received + size - client.sent;
    if (free > size / 2) setImmediate(() => fill(client.received + size - client.sent));
  };
  fill(size);
}

/** Sends a message every `every` ms, whatever comes back, until it sees a Close. */
export function keepSending(client: WsClient, every: number): void {
  const tick = setInterval(() => {
    if (!client.isOpen) return clearInterval(tick);
    client.send(`${client.sent}`);
    client.confirm(1);
  }, every);
  client.onMessage = (message) => expect(message, `${client.received - 1}`);
}

/** Takes numbered messages; each must be one more than that before. */
export function takeFeed(client: WsClient): void {
  client.onMessage = (message) => expect(String(message).trimEnd(), `${client.received - 1}`);
}

/** Fails unless every client got an answer to what was owed one, Close 1001 and a FIN. */
export function assertTold(clients: readonly WsClient[], what: string): void {
  const wrong = clients.filter(({ net, close, received, owed, partial, problem }) =>
    net.end !== "fin" || close?.code !== 1001 || received < owed || partial || problem !== null
  );
  assertEquals(wrong.slice(0, 10).map((client) => client.describe()), [], `${what}: ${wrong.length}`);
}

/** Thrown inside a client, it becomes that client's problem. */
function expect(message: unknown, expected: string): void {
  if (message !== expected) throw new Error(`message ${String(message).slice(0, 40)} for ${expected.slice(0, 40)}`);
}
