/**
 * The same with `Deno.serve`: `http_deno.ts MODE [tls]`.
 *
 * @module
 */
import process from "node:process";
import { handlers } from "./http_web.ts";
import { secure } from "./secure.ts";

interface DenoServeOptions {
  readonly hostname: string;
  readonly port: number;
  readonly cert?: string;
  readonly key?: string;
  onListen(address: { port: number }): void;
}

interface DenoNamespace {
  serve(options: DenoServeOptions, handler: (typeof handlers)[string]): unknown;
}

const deno = (globalThis as unknown as { Deno: DenoNamespace }).Deno;
const onListen = ({ port }: { port: number }) => console.log(`port ${port}`);
deno.serve({ hostname: "127.0.0.1", port: 0, onListen, ...secure }, handlers[process.argv[2]]);
