import { LOOPS } from "./websocket/loops.ts";
import { ROOMS } from "./websocket/rooms.ts";
import { PUSHES } from "./websocket/pushes.ts";
import { ONE_WAY } from "./websocket/one_way.ts";
import { WORDS } from "./websocket/words.ts";
import { table } from "../support/handlers.ts";

table("handlers of WebSockets", [...LOOPS, ...ROOMS, ...PUSHES, ...ONE_WAY, ...WORDS]);
