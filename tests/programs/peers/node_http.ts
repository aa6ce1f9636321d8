/** `node:http` with `server.close()` on SIGTERM, which also closes idle connections. */
import { createServer } from "node:http";
import process from "node:process";
import { answerOnNode } from "./node_answer.ts";

const server = createServer(answerOnNode);
server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => server.close());
