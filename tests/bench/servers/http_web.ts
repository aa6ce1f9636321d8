/**
 * Handlers of the web's kind: what the servers of Bun and Deno are given, and of ours those that are written alike.
 *
 * @module
 */
import { HELLO, makeStream } from "../bodies.ts";
import { app } from "./hono_app.ts";

export const handlers: Record<string, (request: Request) => Response | Promise<Response>> = {
  hello: () => new Response(HELLO),
  json: async (request) => Response.json({ ...await request.json(), accepted: true }),
  hono: (request) => app.fetch(request),
  "post collect": async (request) => new Response(await request.arrayBuffer()),
  "post body": (request) => new Response(request.body),
  stream: () => new Response(makeStream()),
};
