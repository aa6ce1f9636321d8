import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import type { Connection } from "../../src/server/conn/connection.ts";
import { TimerQueue } from "../../src/server/conn/timers.ts";
import { VirtualClock } from "../../src/testing/mod.ts";
import { WebSocketTimes } from "../../src/websocket/conn/times.ts";
import { webSocketLimits } from "../../src/websocket/websocket_options.ts";
import { LateClock } from "../support/late_clock.ts";

/** Ms until the peer's Close is answered though nobody has taken what came before it. */
async function answeredAfter(late: readonly number[], steps: readonly number[] = []): Promise<number> {
  const inner = new VirtualClock();
  const clock = new LateClock(inner);
  const host = { clock, timers: new TimerQueue(clock) };
  const conn = { host, unsent: 0, bytesFlushed: 0, bytesRead: 0 } as unknown as Connection;
  let answeredAt = -1;
  const socket = {
    conn,
    timerSlot: 0,
    onTimer: (now: number) => times.onTimer(now),
    timerFailed() {},
    beat() {},
    dead() {},
    closeLate: () => answeredAt = inner.now(),
  };
  const times: WebSocketTimes = new WebSocketTimes(socket, webSocketLimits({ closeTimeout: 1000 }, "server"));
  const began = inner.now();
  clock.late = late[0];
  times.expectTaker(100);
  for (let ms = 0; ms < 5000 && answeredAt < 0; ms++) {
    clock.late = late[Math.min(late.length - 1, Math.floor(ms / 100))];
    if (steps.includes(ms)) times.expectTaker(100);
    await inner.advance(1);
  }
  return answeredAt - began;
}

describe("a Close that waits for whoever takes the messages before it", () => {
  it("waits for 100 ms from the last step", async () => {
    assertEquals(await answeredAfter([0]), 100);
    assertEquals(await answeredAfter([0], [50, 125]), 225);
  });

  it("waits as long again when the process had no turn meanwhile", async () => {
    // Late once: by 80 ms.
    assertEquals(await answeredAfter([80, 0]), 300);
    // What is late by less is so on a quiet machine.
    assertEquals(await answeredAfter([8, 0]), 108);
  });

  it("and no longer than closeTimeout, however starved the machine is", async () => {
    const waited = await answeredAfter([80]);
    assertEquals([waited >= 1000, waited < 1300], [true, true], `${waited}`);
  });
});
