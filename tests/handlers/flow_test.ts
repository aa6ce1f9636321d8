import { LEAVING, POLLS } from "./flow/waits.ts";
import { PROXIES } from "./flow/proxies.ts";
import { TELEMETRY, UPLOADS } from "./flow/one_way.ts";
import { PUSHES } from "./flow/pushes.ts";
import { table } from "../support/handlers.ts";

table("handlers that push, stream, tunnel and count", [
  ...LEAVING,
  ...PROXIES,
  ...UPLOADS,
  ...TELEMETRY,
  ...PUSHES,
  ...POLLS,
]);
