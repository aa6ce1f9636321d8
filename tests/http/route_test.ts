/** What routers of frameworks say of their routes, as `ctx.route`. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { Hono } from "hono";
import type { HttpContext } from "../../src/http/mod.ts";
import { httpWorld, request } from "../support/http_world.ts";

describe("ctx.route in Hono", () => {
  it("is said by the middleware of the manual", async () => {
    const app = new Hono<{ Bindings: HttpContext }>();
    app.use(async (c, next) => {
      await next();
      c.env.route = c.req.matchedRoutes.at(-1)?.path ?? "";
    });
    app.get("/users/:id", (c) => c.text(c.req.param("id")));
    app.route("/shop", new Hono().post("/orders/:order/items", (c) => c.text("ok")));
    await using w = await httpWorld(app);
    const routes: string[] = [];
    w.server.observe({ ended: ({ route, status }) => void routes.push(`${status} ${route}`) });
    await w.ask([
      request("/users/7"),
      request("/shop/orders/1/items", { method: "POST" }),
      request("/nowhere"),
    ], 50);
    assertEquals(routes, ["200 /users/:id", "200 /shop/orders/:order/items", "404 /*"]);
  });
});
