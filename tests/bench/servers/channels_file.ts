/**
 * Channels on a file: `channels_file.ts FOLDER PORT`. `POST /publish?channels=100&messages=100` publishes; a channel
 * says again and again when it was due to say so.
 *
 * @module
 */
import process from "node:process";
import { silentLogger } from "../../../mod.ts";
import { Channels, fileLog } from "../../../src/channels/mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";

const TICK = 20;
const TEXT = "x".repeat(128);

const [folder, port] = process.argv.slice(2);
const channels = new Channels({ log: fileLog(folder, { sync: 100 }), secret: "of a benchmark, known to all" });

async function publish(url: URL): Promise<Response> {
  const [names, messages] = ["channels", "messages"].map((name) => Number(url.searchParams.get(name)));
  for (let i = 0; i < messages; i++) {
    await Promise.all(Array.from({ length: names }, (_, n) => channels.publish(`channel-${n}`, TEXT)));
  }
  return new Response("published\n");
}

const server = await serveHttp({ hostname: "127.0.0.1", port: Number(port), logger: silentLogger }, (request) => {
  const url = new URL(request.url);
  return url.pathname === "/publish" ? publish(url) : channels.accept(request);
});
/** Each says when it was due: a turn that takes long keeps it waiting as it does any other publisher. */
function tick(next: number): void {
  let due = next;
  for (; due <= Date.now(); due += TICK) void channels.publish("live", due).catch(() => {});
  setTimeout(tick, due - Date.now(), due);
}

tick(Date.now());
if (server.address.transport === "tcp") console.log(`port ${server.address.port}`);
