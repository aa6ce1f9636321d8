/** What the HTTP peers on `node:http` answer. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { countOf, PART, PART_MS, PARTS } from "./answers.ts";

/** Answers a request as every HTTP peer does. */
export function answerOnNode(request: IncomingMessage, response: ServerResponse): void {
  answer(request, response).catch(() => response.destroy());
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === "/stream") {
    for (let i = 0; i < PARTS; i++) {
      await new Promise((resolve) => setTimeout(resolve, PART_MS));
      response.write(PART);
    }
    return void response.end();
  }
  let bytes = 0;
  for await (const chunk of request) bytes += chunk.length;
  response.end(request.method === "POST" ? countOf(bytes) : "hello world\n");
}
