import net from "node:net";
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { nextTurn, systemClock } from "../../../src/clock.ts";

const TURNS = 50;
/** What one turn does, in ms. */
const WORK = 0.4;

describe("who goes on from turn to turn", () => {
  it("leaves others heard: bytes that wait in the kernel arrive meanwhile", async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const accepted = new Promise<net.Socket>((resolve) => server.once("connection", resolve));
    const client = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
    const socket = await accepted;
    let unheard = 0;
    for (let round = 0; round < 10; round++) {
      let heard = false;
      socket.once("data", () => heard = true);
      client.write("x");
      for (let i = 0; i < TURNS && !heard; i++) {
        await new Promise<void>((resolve) => nextTurn(systemClock, resolve));
        for (const until = performance.now() + WORK; performance.now() < until;);
      }
      if (!heard) unheard++;
      while (!heard) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assertEquals(unheard, 0);
    for (const end of [client, socket]) end.destroy();
    server.close();
  });
});
