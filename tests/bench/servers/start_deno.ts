/**
 * The same with `Deno.serve`.
 *
 * @module
 */
interface DenoServeOptions {
  readonly hostname: string;
  readonly port: number;
  onListen(address: { port: number }): void;
}

interface DenoNamespace {
  serve(options: DenoServeOptions, handler: () => Response): unknown;
}

const deno = (globalThis as unknown as { Deno: DenoNamespace }).Deno;
const onListen = ({ port }: { port: number }) => console.log(`port ${port}`);
deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, () => new Response("hello world"));
