/**
 * `runLoad` on any runtime, as a measured program: `sluice.ts URL CLIENTS SECONDS` prints answers for each second of
 * processor time.
 *
 * @module
 */
import process from "node:process";
import { runLoad } from "../../../src/tools/load/mod.ts";
import { cpuSeconds } from "./usage.ts";

/** Time for a runtime to compile what is hot, in ms. */
const WARM_UP = 3000;

const [url, clients, seconds] = process.argv.slice(2);
const load = (duration: number) => runLoad(url, { clients: Number(clients), duration });

await load(WARM_UP);
const before = cpuSeconds(process.pid);
const { requests } = await load(Number(seconds) * 1000);
if (requests.failed > 0) throw new Error(`${requests.failed} requests failed`);
console.log(`rate ${requests.answered / (cpuSeconds(process.pid) - before)}`);
process.exit(0);
