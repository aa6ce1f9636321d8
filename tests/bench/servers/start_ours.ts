/**
 * The least that serves HTTP with Sluice, as a user writes and has it (built on Node and Bun, as TypeScript on Deno): from its start to its first answer is measured.
 *
 * @module
 */
import { reply, serveHttp } from "@sluice/sluice/http";

const server = await serveHttp({ hostname: "127.0.0.1" }, () => reply("hello world"));
console.log(`port ${new URL(server.url).port}`);
