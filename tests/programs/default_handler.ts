/** A module for `sluice run` that exports a handler and listens nowhere itself. */
import process from "node:process";

export default {
  fetch: (request: Request): Response => new Response(`${new URL(request.url).pathname} from ${process.pid}`),
};
