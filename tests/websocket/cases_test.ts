import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { section, WIRE_CASES, type WireCase } from "../fixtures/websocket_cases.ts";
import { packageClient, packageEcho, sluiceClient, sluiceEcho } from "../support/ws_echo.ts";
import { playToClient, playToServer } from "../support/ws_play.ts";

/** Sections, and cases in each. */
const SECTIONS: readonly (readonly [number: number, name: string, cases: number])[] = [
  [1, "framing", 16],
  [2, "pings and pongs", 11],
  [3, "reserved bits", 7],
  [4, "opcodes", 10],
  [5, "fragmentation", 20],
  [6, "UTF-8", 145],
  [7, "closing", 37],
  [9, "large messages", 54],
  [10, "automatic fragmentation", 1],
  [12, "permessage-deflate", 90],
  [13, "permessage-deflate, negotiated", 126],
];

/** Cases played at once: many of the small ones, few of those that send megabytes. */
function lanes(number: number): number {
  return number < 9 ? 16 : 4;
}

describe("the case table", () => {
  it("has every case of the catalogue's sections, each once", () => {
    const counted = SECTIONS.map(([number]) => section(number).length);
    assertEquals(counted, SECTIONS.map(([, , cases]) => cases));
    assertEquals(new Set(WIRE_CASES.map(({ id }) => id)).size, 517);
  });

  it("sends fewer messages than the catalogue only where it says so: in sections 12 and 13", () => {
    const sections = WIRE_CASES.filter(({ reduced }) => reduced !== undefined).map(({ id }) => id.split(".")[0]);
    assertEquals([...new Set(sections)], ["12", "13"]);
    assertEquals(sections.length, 212);
  });
});

describe("strictly as the table has it", () => {
  for (const [number, name, cases] of SECTIONS) {
    it(`the server passes section ${number}, ${name}: ${cases} cases`, async () => {
      await using server = await sluiceEcho();
      assertEquals(await playToServer(server.port, section(number), lanes(number)), []);
    });
    it(`the client passes section ${number}, ${name}: ${cases} cases`, async () => {
      assertEquals(await playToClient(sluiceClient, section(number), lanes(number)), []);
    });
  }
});

describe("the table says no more than others do: the package ws", () => {
  /** Not 6.4: ws looks at a text when it is whole. */
  const cases: readonly WireCase[] = [1, 2, 3, 4, 5, 6, 7, 10].flatMap(section).filter(({ id }) =>
    !id.startsWith("6.4.")
  );

  it("passes as a server", async () => {
    await using server = await packageEcho();
    assertEquals(await playToServer(server.port, cases, 16), []);
  });

  it("passes as a client", async () => {
    assertEquals(await playToClient(packageClient, cases, 16), []);
  });
});
