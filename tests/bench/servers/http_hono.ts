/**
 * The app of the Hono row with `@hono/node-server`.
 *
 * @module
 */
import { serve } from "@hono/node-server";
import { app } from "./hono_app.ts";

serve({ hostname: "127.0.0.1", port: 0, fetch: app.fetch }, ({ port }) => console.log(`port ${port}`));
