/** Sockets behind PROXY headers keep the rules of all sockets. */
import { memoryAdapter } from "../../adapters/memory/mod.ts";
import { systemClock } from "../../src/clock.ts";
import type { Adapter } from "../../src/platform.ts";
import { defaultAdapter } from "../../src/runtime.ts";
import { connectFor, proxiedBy } from "../../src/server/proxy/mod.ts";
import type { SocketConnectOptions, SocketListenOptions } from "../../src/socket.ts";
import { runtimeName } from "../support/processes.ts";
import { conformance, type Features } from "./conformance/mod.ts";

/** Whose listeners wait for a header that its clients send; others may come without. */
function behindProxy(adapter: Adapter): Adapter {
  return new Proxy(adapter, {
    get(target, name) {
      if (name === "connect") {
        return (options: SocketConnectOptions) => connectFor({ command: "local" }, target, options);
      }
      if (name === "listen") {
        return async (options: SocketListenOptions) => {
          const secureLater = options.tls !== undefined;
          const all = { ...options, secureLater };
          return proxiedBy({ from: ["loopback", "unix"], required: false }, all, systemClock)(await target.listen(all));
        };
      }
      const value = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

// Not here: TLS is pretended, and a Unix path makes no file.
const MEMORY: Features = { tls: false, unix: false, ipv6: true, kernel: false };
const RUNTIME: Features = {
  tls: true,
  unix: true,
  ipv6: true,
  kernel: true,
  resetAfterFin: runtimeName() === "bun",
  tlsReset: runtimeName() !== "deno",
  // It is done by the listener itself.
  secureLater: false,
};

conformance("proxied memory", () => Promise.resolve(behindProxy(memoryAdapter())), MEMORY);
conformance("proxied", async () => behindProxy(await defaultAdapter()), RUNTIME);
