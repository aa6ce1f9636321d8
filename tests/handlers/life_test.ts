import { HOLDS } from "./life/holds.ts";
import { DEADLINES, LIMITS } from "./life/limits.ts";
import { FAILURES, HOOKS } from "./life/failures.ts";
import { table } from "../support/handlers.ts";

table("holds, limits and failures", [...HOLDS, ...LIMITS, ...DEADLINES, ...FAILURES, ...HOOKS]);
