/**
 * Sluice's channels under load; SIGTERM drains them.
 *
 * @module
 */
import { run, silentLogger } from "../../../mod.ts";
import { Channels } from "../../../src/channels/mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";

const channels = new Channels();
const logger = silentLogger;
const options = { authorize: () => true };
const server = await serveHttp({ hostname: "127.0.0.1", logger }, (request) => channels.accept(request, options));
server.onShutdown("channels", () => channels.close());
if (server.address.transport === "tcp") console.log(`port ${server.address.port}`);
await run(server, { logger });
