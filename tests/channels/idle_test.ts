/** What an idle subscriber keeps alive, and what it does not. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Channels } from "../../src/channels/mod.ts";
import type { AcceptOptions } from "../../src/channels/channels_api.ts";
import { collect } from "../support/collector.ts";
import { httpWorld } from "../support/http_world.ts";
import { handshake } from "../support/ws_raw.ts";

const CONNECTIONS = 30;
/** A collector may take a word on the stack for a pointer. */
const FEW = 5;

/** How many requests of handshakes are kept while their connections wait. */
async function kept(options: AcceptOptions): Promise<number> {
  const requests: WeakRef<Request>[] = [];
  const channels = new Channels();
  await using w = await httpWorld((request) => {
    requests.push(new WeakRef(request));
    return channels.accept(request, options);
  });
  for (let i = 0; i < CONNECTIONS; i++) await w.ask(handshake("/"));
  const alive = (): number => requests.filter((ref) => ref.deref() !== undefined).length;
  for (let i = 0; i < 10 && alive() > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    collect();
  }
  return alive();
}

describe("a client of channels that says nothing", () => {
  it("keeps nothing of the request that it began with, where nobody is asked who it is", async () => {
    const left = await kept({ authorize: () => true });
    assert(left <= FEW, `${left} of ${CONNECTIONS} are kept`);
  });

  it("keeps it where somebody is, who may be asked again", async () => {
    assertEquals(await kept({ authenticate: () => ({ user: "ada" }) }), CONNECTIONS);
  });
});
