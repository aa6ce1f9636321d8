/**
 * The app of the Hono row: JSON, with two middlewares that come with Hono.
 *
 * @module
 */
import { Hono } from "hono";
import { cors } from "hono/cors";
import { requestId } from "hono/request-id";
import { USER } from "../bodies.ts";

const { id: _, ...user } = USER;

export const app: Hono = new Hono();
app.use(cors());
app.use(requestId());
app.get("/users/:id", (c) => c.json({ id: c.req.param("id"), ...user }));
