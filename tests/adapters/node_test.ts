import { NodeAdapter } from "../../adapters/node/mod.ts";
import { conformance, type Features } from "./conformance/mod.ts";

const features: Features = {
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
};

// Below the streams where it can be (Node), on streams where not (Deno, Bun).
conformance("node", () => Promise.resolve(new NodeAdapter()), features);
conformance("node, on streams", () => Promise.resolve(new NodeAdapter({ sockets: "streams" })), features);
