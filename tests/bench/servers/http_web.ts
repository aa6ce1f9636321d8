/**
 * What the servers of Bun and Deno are given: the same handlers.
 *
 * @module
 */
import { HELLO, makeStream } from "../bodies.ts";

export const handlers: Record<string, (request: Request) => Response | Promise<Response>> = {
  hello: () => new Response(HELLO),
  "post collect": async (request) => new Response(await request.arrayBuffer()),
  "post body": (request) => new Response(request.body),
  stream: () => new Response(makeStream()),
};
