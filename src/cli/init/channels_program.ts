/**
 * The server and the client that `sluice init --kind channels` writes.
 *
 * @module
 */
import type { Plan } from "./plan.ts";
import { CORE, FACTS, HTTP, PACKAGE, WEBSOCKET } from "./runtimes.ts";
import { digits, SIZES, TIMES } from "./times.ts";

/** Entries that only these programs want. */
const CHANNELS = `"${PACKAGE}/channels"`;
const CLIENT = `"${PACKAGE}/channels/client"`;
const OUTBOX = `"${PACKAGE}/channels/outbox/file"`;

/** Where clients connect. */
const PATH = "/channels";

/** How long what was said is kept for who was away, in ms: a day. */
const HISTORY_AGE = 86_400_000;

/** The server. */
export function channelsProgram({ name, runtime, port }: Plan): string {
  return `/**
 * ${name}: rooms whose messages survive reconnects, deploys and crashes.
 *
 *     ${FACTS[runtime].start}
 *
 * Listens on PORT; clients come to ${PATH}, as in client.ts. CHANNELS_SECRET signs what they keep of their places, so it
 * is the same at each start: at least 16 characters, for example of openssl rand -hex 32. LOG_DIR is the folder of all
 * messages, which one process has at a time. SIGTERM drains it: what clients have sent is answered, they are told how
 * far they were, and a report says what the stop cost. LAME_DUCK is how long it serves on first, in ms: nothing, as long
 * as there is no other instance that a balancer could send clients to.
 */
import process from "node:process";
import { jsonLogger, run } from ${CORE};
import { Channels, ChannelLogError, fileLog } from ${CHANNELS};
import { healthHandler, reply, serveHttp } from ${HTTP};

const { PORT = "${port}", LOG_DIR = "channels", CHANNELS_SECRET = "", LAME_DUCK = "0" } = process.env;

if (CHANNELS_SECRET.length < 16) {
  console.error("CHANNELS_SECRET must have at least 16 characters: export CHANNELS_SECRET=$(openssl rand -hex 32)");
  process.exit(1);
}

const logger = jsonLogger();
// For several instances, and a deploy without a pause: redisLog() of ${PACKAGE}/channels/redis, which takes a
// client of ioredis or redis, in place of fileLog().
const log = fileLog(LOG_DIR, { logger });
// In a reload the process before has the folder until it has drained. Clients that come here meanwhile try it again.
await log.open().catch((error) => {
  if (!(error instanceof ChannelLogError && error.code === "ERR_LOG_HELD")) throw error;
  logger.warn(error.message);
});

const channels = new Channels({
  log,
  secret: CHANNELS_SECRET,
  logger,
  // What is kept of each channel: so many messages, and none for longer, in ms.
  history: { size: 10_000, age: ${digits(HISTORY_AGE)} },
});
const health = healthHandler();

const server = await serveHttp(
  { name: "${name}", port: Number(PORT), maxConnections: ${digits(SIZES.connections)}, logger },
  (request, ctx) => {
    const { pathname } = new URL(request.url);
    if (pathname === "${PATH}") {
      return channels.accept(request, {
        // Everybody is who they say they are. Look the token up in place of that; null is let in nowhere.
        authenticate: ({ token }) => token ? { user: token } : null,
        // Rooms are everybody's to read and to write in; asked at each subscription and message, and again at a resume.
        authorize: ({ channel }) => channel.startsWith("room:"),
        // What client.call("time") is answered with.
        onCall: ({ method }) => method === "time" ? new Date().toISOString() : null,
      });
    }
    if (pathname === "/livez" || pathname === "/readyz") return health(request, ctx);
    return reply("${name} has its channels at ${PATH}\\n", { status: pathname === "/" ? 200 : 404 });
  },
);
// Behind the last goodbye: whoever starts next has the folder then.
server.onShutdown("channels", () => channels.close());

await run(server, { grace: ${digits(TIMES.grace)}, lameDuck: Number(LAME_DUCK) });
`;
}

/** How the client is made: Node has a WebSocket of its own from 22 on. */
function clientOf(runtime: Plan["runtime"]): string {
  if (runtime !== "node") return "const client = new ChannelClient(SERVER, { token: name, outbox });";
  return `// Node before 22 has no WebSocket of its own.
const transport = webSocketTransport();
const client = new ChannelClient(SERVER, { token: name, outbox, transport });`;
}

/** A client for the terminal. */
export function channelsClient({ runtime, port }: Plan): string {
  return `/**
 * Says in a room what is typed, and shows what others say.
 *
 *     ${FACTS[runtime].client} ada lobby
 *
 * Stop the server meanwhile, or kill it: what is typed then is said when it runs again, and what others have said comes
 * then as well, each line once and in order. It goes on at SERVER by itself.
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { ChannelClient } from ${CLIENT};
import { fileOutbox } from ${OUTBOX};
${runtime === "node" ? `import { webSocketTransport } from ${WEBSOCKET};\n` : ""}
const { SERVER = "ws://127.0.0.1:${port}${PATH}" } = process.env;
const [name = "somebody", place = "lobby"] = process.argv.slice(2);
const channel = \`room:\${place}\`;

// What is not acknowledged survives the end of this program: whoever has the folder next says it.
const outbox = fileOutbox(\`outbox/\${encodeURIComponent(name)}\`);
${clientOf(runtime)}
client.on("state", (state) => console.log(\`* \${state}, \${client.unacknowledged} not acknowledged\`));
client.on("error", (error) => console.error(\`* \${error.message}\`));

const room = client.subscribe(channel, { since: "oldest", member: { name } });
room.on("presence", ({ type, user, instance }) => console.log(\`* \${type}: \${user ?? instance}\`));
room.on("gap", ({ reason }) => console.log(\`* messages are missing: \${reason}\`));
room.on("refused", (error) => console.error(\`* \${error.message}\`));
room.on("message", ({ offset, data, headers }) => console.log(\`\${offset} \${headers.from}: \${data}\`));

const said: Promise<unknown>[] = [];
for await (const line of createInterface({ input: process.stdin })) {
  said.push(client.publish(channel, line, { headers: { from: name } }));
}
for (const result of await Promise.allSettled(said)) {
  if (result.status === "rejected") console.error(\`* \${result.reason.message}\`);
}
await client.close();
`;
}
