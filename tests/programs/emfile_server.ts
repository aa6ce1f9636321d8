/**
 * An echo server on an adapter alone, for a parent that takes its descriptors away. Prints its port, then a line for
 * each failed accept. With the argument `tls` it speaks TLS, with a certificate that may be replaced.
 *
 * @module
 */
import process from "node:process";
import { defaultAdapter } from "../../src/runtime.ts";
import { TEST_CERT, TEST_KEY } from "../support/tls.ts";

const adapter = await defaultAdapter();
// Deno panics when it must set up its signal handling without a descriptor left, so that comes first, as in a server.
adapter.onSignal("SIGTERM", () => adapter.exit(0));
const address = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;
const tls = process.argv.includes("tls") ? { cert: TEST_CERT, key: TEST_KEY, replaceable: true } : undefined;
const listener = await adapter.listen({ address, backlog: 511, reusePort: false, tls });
listener.start({
  accepted(socket) {
    socket.start({
      data: (chunk) => void socket.write(chunk),
      end: () => socket.shutdown(),
      drained() {},
      gone() {},
    });
  },
  failed(error) {
    console.log(`failed ${error.code}`);
    setTimeout(() => listener.resume(), 100);
  },
});
if (listener.address.transport === "tcp") console.log(`port ${listener.address.port}`);
