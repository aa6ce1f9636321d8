/**
 * The same with `Bun.serve`: `http_bun.ts MODE`.
 *
 * @module
 */
import process from "node:process";
import { handlers } from "./http_web.ts";

interface BunNamespace {
  serve(options: { hostname: string; port: number; fetch: (typeof handlers)[string] }): { readonly port: number };
}

const bun = (globalThis as unknown as { Bun: BunNamespace }).Bun;
const fetch = handlers[process.argv[2]];
console.log(`port ${bun.serve({ hostname: "127.0.0.1", port: 0, fetch }).port}`);
