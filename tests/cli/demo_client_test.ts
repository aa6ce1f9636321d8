/** The client that the page of `sluice demo` loads: that it is the one of these sources, and does what it is there for. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { CLIENT_MODULE } from "../../src/cli/demo/client_module.ts";
import { DEMO_CLIENT_FILE, demoClientText } from "../docs/demo_client_file.ts";
import { root } from "../support/processes.ts";

describe("the client of the demo's page", () => {
  it("is made of the sources as they are now (npm run docs writes it)", async () => {
    assertEquals(readFileSync(root + DEMO_CLIENT_FILE, "utf8"), await demoClientText());
  });

  it("can be imported as it is, and has the names that the page imports", async () => {
    const module = await import(`data:text/javascript;base64,${btoa(CLIENT_MODULE)}`);
    assertEquals(Object.keys(module).sort(), ["ChannelClient", "indexedDbOutbox"]);
    const { ChannelClient } = module;
    const client = new ChannelClient("ws://127.0.0.1:1/", { transport: () => ({ send() {}, close() {} }), page: null });
    assertEquals(client.state, "connecting");
    await client.close();
    assertEquals(client.state, "closed");
  });
});
