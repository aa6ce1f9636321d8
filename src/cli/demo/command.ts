/**
 * `sluice demo`: lines beside HTTP and WebSocket, to try what a drain does.
 *
 * @module
 */
import { createServer } from "../../../mod.ts";
import { createHttpServer } from "../../http/mod.ts";
import { answerLines } from "../answer_lines.ts";
import { demoRoutes } from "./routes.ts";
import { DEFAULT_HOST, DEFAULT_HTTP_PORT, DEFAULT_TCP_PORT, type DemoOptions, limitsOf } from "../command_options.ts";
import type { Print } from "../output.ts";
import { formatAddresses, formatUrl, tryCommand } from "../print.ts";
import { makeLogger, runServices, type Service } from "../services.ts";
import { openRoom, type Room } from "./room.ts";

/**
 * Serves until a signal, which drains both servers; prints their reports and ends the process.
 *
 * @throws {StartError} One of the two can't listen.
 * @throws {OptionError} The library refuses an option.
 */
export async function demo(options: DemoOptions, print: Print): Promise<void> {
  const room = await openRoom(options, makeLogger(options));
  try {
    await runServices([tcpEcho(options), http(options, room)], options, print);
  } finally {
    // For a start that failed: nothing may keep the process.
    await room.channels.close();
  }
}

function tcpEcho(options: DemoOptions): Service {
  const { hostname = DEFAULT_HOST, tcpPort: port = DEFAULT_TCP_PORT } = options;
  return {
    name: "tcp echo",
    at: { hostname, port },
    place: "--tcp-port",
    make: (common) => createServer({ ...limitsOf(options), ...common }, answerLines),
    greeting: (addresses) => [
      `tcp echo on ${formatAddresses(addresses)}`,
      `try it: ${tryCommand(addresses[0], false)}   (then type a line)`,
    ],
  };
}

function http(options: DemoOptions, room: Room): Service {
  const { hostname = DEFAULT_HOST, httpPort: port = DEFAULT_HTTP_PORT, accessLog } = options;
  return {
    name: "http",
    at: { hostname, port },
    place: "--http-port",
    make: (common, all) => {
      const server = createHttpServer({ ...limitsOf(options), ...common, accessLog }, demoRoutes(all, room));
      server.onShutdown("channels", () => room.channels.close());
      return server;
    },
    greeting: (addresses) => [
      `http on ${formatAddresses(addresses, "http://", "/")}`,
      `websocket echo on ${formatAddresses(addresses, "ws://", "/ws")}`,
      `channels on ${formatUrl(addresses[0])}channels, messages ${room.where}`,
      `try it: curl ${formatUrl(addresses[0])}echo -d hello   (or open ${
        formatUrl(addresses[0])
      }; Ctrl-C here stops both)`,
    ],
  };
}
