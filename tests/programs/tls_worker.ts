/**
 * A program for `sluice run` that speaks TLS, with certificates in the folder that FOLDER names: says a word to whoever
 * comes.
 *
 * @module
 */
import process from "node:process";
import { run, serve } from "../../mod.ts";

const { FOLDER } = process.env;
const tls = { certs: [{ certFile: `${FOLDER}/tls.crt`, keyFile: `${FOLDER}/tls.key` }] };
const server = await serve({ port: 0, hostname: "127.0.0.1", tls, idleGrace: 100, quiet: 50 }, async (conn) => {
  await conn.write(`worker ${process.pid}`);
});
console.log(`at ${server.url}`);
await run(server, { grace: 5000 });
