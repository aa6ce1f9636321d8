/**
 * A TLS server whose certificate lies in the folder that its argument names, for a parent that changes it and says which
 * files may be read. Prints each record of it.
 *
 * @module
 */
import process from "node:process";
import { serve } from "../../mod.ts";

const folder = process.argv[2];
const tell = (message: string): void => console.log(message);
const logger = { debug() {}, info: tell, warn: tell, error: tell };
const tls = { certFile: `${folder}/tls.crt`, keyFile: `${folder}/tls.key` };
await serve({ port: 0, hostname: "127.0.0.1", logger, tls }, () => {})
  .then(() => console.log("serving"), (error) => console.log(`refused: ${error.message}`));
