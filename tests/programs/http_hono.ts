/** An app of the kind that is written for any fetch-style server. */
import { Hono } from "hono";
import { streamText } from "hono/streaming";

/** Routes with a parameter, a JSON body, a stream, middleware, and an error. */
export const app: Hono = new Hono();

app.use(async (c, next) => {
  await next();
  c.header("x-app", "hono");
});
app.get("/", (c) => c.text("hello from hono"));
app.get("/user/:name", (c) => c.json({ name: c.req.param("name"), query: c.req.query("q") ?? null }));
app.post("/json", async (c) => c.json({ got: await c.req.json() }, 201));
app.post("/form", async (c) => c.json(await c.req.parseBody()));
app.get("/stream", (c) =>
  streamText(c, async (stream) => {
    for (let i = 0; i < 5; i++) {
      await stream.writeln(`line ${i}`);
      await stream.sleep(5);
    }
  }));
app.get("/redirect", (c) => c.redirect("/"));
app.get("/throws", () => {
  throw new Error("asked to");
});
app.onError((error, c) => c.text(`caught: ${error.message}`, 500));
