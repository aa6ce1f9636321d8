/**
 * The same with `Bun.serve`: `http_bun.ts MODE [tls]`.
 *
 * @module
 */
import process from "node:process";
import { handlers } from "./http_web.ts";
import { secure } from "./secure.ts";

interface BunServeOptions {
  readonly hostname: string;
  readonly port: number;
  readonly tls: typeof secure;
  readonly fetch: (typeof handlers)[string];
}

interface BunNamespace {
  serve(options: BunServeOptions): { readonly port: number };
}

const bun = (globalThis as unknown as { Bun: BunNamespace }).Bun;
const fetch = handlers[process.argv[2]];
console.log(`port ${bun.serve({ hostname: "127.0.0.1", port: 0, tls: secure, fetch }).port}`);
