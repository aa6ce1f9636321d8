/**
 * A server of channels for pages of any origin; a token is a user's name. Takes a port, or 0, and a folder for the log;
 * prints the port.
 *
 * @module
 */
import process from "node:process";
import { run } from "../../mod.ts";
import { fileLog } from "../../src/channels/log/file/file_log.ts";
import { Channels } from "../../src/channels/mod.ts";
import { serveHttp } from "../../src/http/mod.ts";

const [port = "0", folder = ""] = process.argv.slice(2);
const channels = new Channels({
  log: fileLog(folder),
  secret: "the secret of these tests",
  session: { expiry: 5000 },
});
const server = await serveHttp({ hostname: "127.0.0.1", port: Number(port) }, (request) =>
  channels.accept(request, {
    authenticate: ({ token }) => token === null ? null : { user: token },
    authorize: () => true,
    webSocket: { allowedOrigins: "*" },
  }));
console.log(`port ${server.address.transport === "tcp" ? server.address.port : 0}`);
await run(server, { grace: 5000 });
await channels.close();
