/**
 * A client of channels with an outbox in a file: publishes numbers, one every ms, under a name of its own, and prints
 * `kept N` when its outbox has one and `acknowledged N` when the server has. Takes an address, a folder, a name, how many.
 *
 * @module
 */
import process from "node:process";
import { ChannelClient } from "../../src/channels/client/mod.ts";
import { fileOutbox } from "../../src/channels/outbox/file/mod.ts";
import { webSocketTransport } from "../../src/websocket/mod.ts";

const [url, folder, name, count] = process.argv.slice(2);
const outbox = fileOutbox(folder);
const save = outbox.save.bind(outbox);
outbox.save = async (key, frame) => {
  await save(key, frame);
  const said = /"(\w+ \d+)"\]$/.exec(String(frame));
  if (said !== null) console.log(`kept ${said[1]}`);
};
const client = new ChannelClient(url, { outbox, transport: webSocketTransport(), minDelay: 20, maxDelay: 200 });
client.on("error", (error) => console.log(`error ${error}`));
const told: Promise<void>[] = [];
for (let n = 0; n < Number(count); n++) {
  told.push(client.publish("room", `${name} ${n}`).then(() => console.log(`acknowledged ${name} ${n}`)));
  await new Promise((resolve) => setTimeout(resolve, 1));
}
await Promise.all(told);
while (client.unacknowledged > 0) await new Promise((resolve) => setTimeout(resolve, 10));
await client.close();
console.log("over");
