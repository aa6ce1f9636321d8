/**
 * Listens on the host, port or path of its argument (as JSON) with the runtime's own adapter, connects to itself, and
 * prints what came of it.
 *
 * @module
 */
import process from "node:process";
import { defaultAdapter } from "../../src/runtime.ts";

const adapter = await defaultAdapter();
try {
  const listener = await adapter.listen({ address: JSON.parse(process.argv[2]), backlog: 16, reusePort: false });
  listener.start({
    accepted(socket) {
      socket.start({
        data: (chunk) => void socket.write(chunk),
        end: () => socket.shutdown(),
        drained() {},
        gone: () => void listener.close(),
      });
    },
    failed: (error) => console.log(error.message),
  });
  const client = await adapter.connect({ address: listener.address });
  client.start({
    data: (chunk) => {
      console.log(new TextDecoder().decode(chunk));
      client.shutdown();
    },
    end() {},
    drained() {},
    gone: async () => console.log(`kernel table: ${await adapter.kernelTable() === null ? "none" : "some"}`),
  });
  client.write(new TextEncoder().encode("echo"));
} catch (error) {
  console.log(`${(error as Error).name}: ${(error as Error).message}`);
  adapter.exit(0);
}
