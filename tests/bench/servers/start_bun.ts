/**
 * The same with `Bun.serve`.
 *
 * @module
 */
interface BunNamespace {
  serve(options: { hostname: string; port: number; fetch: () => Response }): { readonly port: number };
}

const bun = (globalThis as unknown as { Bun: BunNamespace }).Bun;
const server = bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("hello world") });
console.log(`port ${server.port}`);
