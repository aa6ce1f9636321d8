import { NodeAdapter } from "../../adapters/node/mod.ts";
import { conformance } from "./conformance/mod.ts";

conformance("node", () => Promise.resolve(new NodeAdapter()), {
  tls: true,
  unix: true,
  ipv6: true,
  kernel: true,
  lateAddresses: true,
  // libuv tells bytes and a reset that arrive together as bytes and an end. The adapter sees through it while our own
  // side is open (the socket then has no peer any more); after our FIN both look the same.
  resetAfterFin: false,
  // Deno's TLS client takes ECONNRESET for an end (the server's side sends the reset).
  tlsReset: !("Deno" in globalThis),
});
