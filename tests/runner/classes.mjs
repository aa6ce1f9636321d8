/**
 * Which tests are run how, and where: the one table of it. The longest entry that fits a file is its own.
 *
 * `pure` ones need neither time nor other processes: many run at once, in one process. `process` ones start programs,
 * measure time or hold real sockets for long: one file after the other.
 *
 * `everywhere` is on every runtime. `one` does not depend on the runtime and runs on one, beside something of its room
 * that runs everywhere. `long` sweeps much of the same, or waits long: `npm run test:long` runs it everywhere, and
 * `npm test` a share of it that changes each day. `sampled` goes through many seeds (`eachSeed`): everywhere, and in
 * `npm test` a share of the seeds that changes each day. `repeated` starts programs that use of node what its versions
 * have alike: everywhere, but in `npm test` on node 24, where it repeats what the other node shows, a share that changes
 * each day. Sockets, TLS and `WebSocket` are not alike, and tests of theirs are not repeated ones.
 *
 * @module
 */

/** Under `tests/`: a folder ends in a slash. A `_process_test.ts` in a folder of pure ones is a process test. */
export const CLASSES = [
  ["adapters/", "process", "everywhere"],
  ["adapters/handles/states_test.ts", "pure", "one"],
  ["adapters/kernel_table_test.ts", "pure", "everywhere"],
  ["adapters/memory/", "pure", "everywhere"],
  ["adapters/zlib_test.ts", "pure", "everywhere"],
  ["apps/", "process", "repeated"],
  ["base/", "pure", "everywhere"],
  ["base/context_heap_test.ts", "process", "long"],
  ["bench/", "pure", "everywhere"],
  ["bench/load_process_test.ts", "process", "one"],
  ["bench/servers_process_test.ts", "process", "repeated"],
  ["channels/", "pure", "everywhere"],
  ["channels/client/chromium_process_test.ts", "process", "long"],
  ["channels/client/size_test.ts", "pure", "one"],
  ["channels/file_log_process_test.ts", "process", "everywhere"],
  ["channels/outbox/crash_process_test.ts", "process", "everywhere"],
  ["channels/redis/", "process", "everywhere"],
  ["channels/redis/options_test.ts", "pure", "everywhere"],
  ["channels/seeds_test.ts", "process", "sampled"],
  ["channels/sockets_test.ts", "process", "everywhere"],
  ["chaos/", "process", "long"],
  ["cli/", "process", "repeated"],
  ["cli/args_test.ts", "pure", "one"],
  ["cli/demo_chromium_process_test.ts", "process", "long"],
  ["cli/demo_client_test.ts", "pure", "one"],
  ["cli/demo_page_test.ts", "process", "long"],
  ["cli/init_deploy_test.ts", "pure", "one"],
  ["cli/init_files_process_test.ts", "process", "one"],
  ["cli/init_proxies_process_test.ts", "process", "long"],
  ["cli/init_test.ts", "pure", "one"],
  ["cli/init_verify_process_test.ts", "process", "long"],
  ["framing/", "pure", "everywhere"],
  ["framing/rpc_process_test.ts", "process", "everywhere"],
  ["framing/rpc_seeds_test.ts", "pure", "sampled"],
  ["handlers/", "process", "long"],
  ["http/", "pure", "everywhere"],
  ["http/clients_process_test.ts", "process", "repeated"],
  ["http/corpora_process_test.ts", "process", "long"],
  ["http/drain_process_test.ts", "process", "repeated"],
  ["http/drain_seeds_test.ts", "pure", "sampled"],
  ["http/hostile_process_test.ts", "process", "long"],
  ["http/parser/parser_fuzz_test.ts", "pure", "one"],
  ["http/parser/response_parser_fuzz_test.ts", "pure", "one"],
  ["http/proxy_process_test.ts", "process", "long"],
  ["http/race_process_test.ts", "process", "long"],
  ["http/response_fuzz_test.ts", "pure", "one"],
  ["http/tls_test.ts", "process", "everywhere"],
  ["metrics/", "pure", "everywhere"],
  ["metrics/definitions_test.ts", "pure", "one"],
  ["metrics/handshakes_test.ts", "process", "everywhere"],
  ["metrics/prometheus_process_test.ts", "process", "one"],
  ["metrics/promtool_process_test.ts", "process", "one"],
  ["metrics/supervised_process_test.ts", "process", "everywhere"],
  ["repository/", "pure", "one"],
  ["repository/package_jsr_test.ts", "process", "one"],
  ["repository/package_npm_test.ts", "process", "one"],
  ["repository/manuals_test.ts", "process", "repeated"],
  ["repository/proxies_process_test.ts", "process", "long"],
  ["repository/runner_test.ts", "process", "one"],
  ["run/", "pure", "everywhere"],
  ["run/reloads_process_test.ts", "process", "long"],
  ["run/supervisor_process_test.ts", "process", "everywhere"],
  ["run/systemd_process_test.ts", "process", "everywhere"],
  ["server/", "pure", "everywhere"],
  ["server/drain/budget_process_test.ts", "process", "repeated"],
  ["server/drain/eager_process_test.ts", "process", "repeated"],
  ["server/drain/process_test.ts", "process", "repeated"],
  ["server/drain/seeds_test.ts", "pure", "sampled"],
  ["server/drain/signals_process_test.ts", "process", "repeated"],
  ["server/drain/swarm_process_test.ts", "process", "long"],
  ["server/drain/tls_test.ts", "process", "everywhere"],
  ["server/tls/serve_test.ts", "process", "everywhere"],
  ["server/endless_process_test.ts", "process", "long"],
  ["server/leaks_test.ts", "process", "long"],
  ["run/", "pure", "everywhere"],
  ["run/config/jsonc_test.ts", "pure", "one"],
  ["run/config/watch_test.ts", "process", "everywhere"],
  ["server/proxy/parser_test.ts", "pure", "one"],
  ["server/proxy/proxies_process_test.ts", "process", "repeated"],
  ["server/proxy/sockets_process_test.ts", "process", "everywhere"],
  ["tools/faults/", "process", "repeated"],
  ["tools/faults/cli_test.ts", "process", "one"],
  ["tools/load/", "pure", "everywhere"],
  ["tools/load/command_test.ts", "process", "one"],
  ["tools/load/knee_test.ts", "pure", "one"],
  ["tools/load/parts_test.ts", "pure", "one"],
  ["tools/load/print_test.ts", "pure", "one"],
  ["tools/load/process_test.ts", "process", "repeated"],
  ["tools/report_page/", "pure", "one"],
  ["tools/report_page/chromium_process_test.ts", "process", "long"],
  ["tools/report_page/report_page_test.ts", "pure", "everywhere"],
  ["tools/verify/", "pure", "everywhere"],
  ["tools/verify/bounds_test.ts", "process", "one"],
  ["tools/verify/channels/checker_test.ts", "pure", "sampled"],
  ["tools/verify/channels/devices_test.ts", "pure", "everywhere"],
  ["tools/verify/channels/flawed_process_test.ts", "process", "one"],
  ["tools/verify/channels/letters_test.ts", "pure", "sampled"],
  ["tools/verify/channels/parts_test.ts", "pure", "one"],
  ["tools/verify/channels/proof_process_test.ts", "process", "everywhere"],
  ["tools/verify/channels/reload_process_test.ts", "process", "repeated"],
  ["tools/verify/classes_test.ts", "pure", "one"],
  ["tools/verify/losers_process_test.ts", "process", "long"],
  ["tools/verify/verify_options_test.ts", "pure", "one"],
  ["tools/verify/parts_test.ts", "pure", "one"],
  ["tools/verify/perfect_test.ts", "pure", "sampled"],
  ["tools/verify/reload_parts_test.ts", "pure", "one"],
  ["tools/verify/reload_process_test.ts", "process", "one"],
  ["tools/verify/reload_stage_test.ts", "pure", "one"],
  ["tools/verify/servers_process_test.ts", "process", "long"],
  ["tools/verify/tool_process_test.ts", "process", "one"],
  ["upstream/", "pure", "everywhere"],
  ["upstream/policies_test.ts", "process", "everywhere"],
  ["upstream/pool_process_test.ts", "process", "everywhere"],
  ["upstream/proxy_process_test.ts", "process", "everywhere"],
  ["traces/", "pure", "everywhere"],
  ["watch/", "pure", "everywhere"],
  ["watch/act_process_test.ts", "process", "everywhere"],
  ["watch/process_test.ts", "process", "repeated"],
  ["websocket/", "pure", "everywhere"],
  ["websocket/cases_test.ts", "process", "long"],
  ["websocket/chromium_process_test.ts", "process", "long"],
  ["websocket/codec_fuzz_test.ts", "pure", "one"],
  ["websocket/dead_process_test.ts", "process", "long"],
  ["websocket/drain_process_test.ts", "process", "long"],
  ["websocket/drain_seeds_test.ts", "pure", "sampled"],
  ["websocket/drain_seeds_wire_test.ts", "pure", "sampled"],
  ["websocket/hostile_process_test.ts", "process", "long"],
  ["websocket/reconnect/chromium_process_test.ts", "process", "long"],
  ["websocket/reconnect/process_test.ts", "process", "everywhere"],
];

/** How and where a test file is run; undefined if the table has nothing for it. The path is that under `tests/`. */
export function classOf(file) {
  let found;
  for (const entry of CLASSES) {
    if (!fits(entry[0], file)) continue;
    if (found === undefined || entry[0].length > found[0].length) found = entry;
  }
  if (found === undefined) return undefined;
  const [path, kind, scope] = found;
  return { kind: path !== file && file.endsWith("_process_test.ts") ? "process" : kind, scope };
}

/** What is wrong with the table for these test files: each needs a class, each entry a file, each room a smoke test. */
export function problems(files) {
  const unclassed = files.filter((file) => classOf(file) === undefined).map((file) => `${file} has no class`);
  const unused = CLASSES.filter(([path]) => !files.some((file) => fits(path, file)))
    .map(([path]) => `${path} fits no test file`);
  const ones = new Set(files.filter((file) => classOf(file)?.scope === "one").map(roomOf));
  for (const file of files) if (["everywhere", "repeated"].includes(classOf(file)?.scope)) ones.delete(roomOf(file));
  const alone = [...ones].map((room) => `${room}: nothing of it runs everywhere`);
  return [...unclassed, ...unused, ...alone].map((problem) => `tests/runner/classes.mjs: ${problem}`);
}

/**
 * What of a file's runs on `runtimes` is wanted now. `day` turns the shares: in `CYCLE` days each of the long ones has
 * been on each runtime once, in `SHARE` days each of the repeated ones on node 24, and each day there are equally many.
 */
export function runtimesFor(file, files, runtimes, day) {
  const { scope } = classOf(file);
  if (scope === "everywhere" || scope === "sampled") return runtimes;
  if (scope === "one") return runtimes.slice(0, 1);
  const place = files.filter((other) => classOf(other)?.scope === scope).indexOf(file);
  if (scope === "repeated") {
    const isDue = (place + day) % SHARE === 0 || !runtimes.includes("node");
    return runtimes.filter((name) => name !== "node24" || isDue);
  }
  const slot = (place + day) % CYCLE;
  // Neighbours are much alike: they go to different runtimes.
  return slot % SHARE === 0 ? runtimes.slice(slot / SHARE, slot / SHARE + 1) : [];
}

/** One of so many seeds of the sampled ones is played each day. */
export const SEEDS_SHARE = 16;

/** One of so many runs of the long ones, and of the repeated ones on node 24, is made each day. */
const SHARE = 3;
const CYCLE = 4 * SHARE;

function fits(path, file) {
  return path.endsWith("/") ? file.startsWith(path) : file === path;
}

function roomOf(file) {
  return file.slice(0, file.lastIndexOf("/") + 1);
}
