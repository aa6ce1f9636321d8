/**
 * What runs beside what. Process tests mostly wait, for a quiet moment, a limit, a signal: how many of them at once says
 * the machine, which has room as long as it is idle for a part of its time, and not a count.
 *
 * @module
 */
import { availableParallelism, cpus } from "node:os";

const CORES = availableParallelism();
/** Jobs that work at once while others wait beside them. */
const WORKERS = Math.max(1, CORES - 1);
/** Jobs that wait: so many run however busy the machine is, and so many at the most however idle. */
const LEAST = Math.min(2, CORES);
const MOST = 4 * CORES;
/** Another one begins where the processors were idle for such a share of the last moment. */
const ROOM = 0.25;
/** How long to look, in milliseconds: what has just begun has shown by then what it costs. */
const MOMENT = 500;

/**
 * Runs all jobs, and gives their results. A job that `waits` begins where there is room for it; the others are a few at
 * once, and as many as there are processors when nothing waits any more.
 */
export async function schedule(jobs) {
  const waiting = jobs.filter(({ waits }) => waits);
  const working = jobs.filter(({ waits }) => !waits);
  const results = [];
  const running = { waiting: 0, working: 0 };
  let wake = () => {};
  const begin = async (kind, job) => {
    running[kind]++;
    results.push(await job.run());
    running[kind]--;
    wake();
  };
  const idle = new Idle();
  const all = [];
  while (waiting.length + working.length > 0) {
    const workers = waiting.length + running.waiting > 0 ? WORKERS : CORES;
    while (working.length > 0 && running.working < workers) all.push(begin("working", working.shift()));
    const hasRoom = idle.look() > ROOM && running.waiting < MOST;
    if (waiting.length > 0 && (hasRoom || running.waiting < LEAST)) {
      all.push(begin("waiting", waiting.shift()));
      idle.reset();
    }
    await moment((fn) => wake = fn);
  }
  await Promise.all(all);
  return results;
}

/** What share of their time the processors were idle. */
class Idle {
  #since = performance.now();
  #before = times();
  #share = 0;

  /** The share of the last whole moment. */
  look() {
    if (performance.now() - this.#since < MOMENT) return this.#share;
    const now = times();
    this.#share = (now.idle - this.#before.idle) / Math.max(1, now.all - this.#before.all);
    this.#since = performance.now();
    this.#before = now;
    return this.#share;
  }

  /** Something has begun: what was before it says nothing any more. */
  reset() {
    this.#since = performance.now();
    this.#before = times();
    this.#share = 0;
  }
}

function times() {
  let [idle, all] = [0, 0];
  for (const cpu of cpus()) {
    idle += cpu.times.idle;
    for (const time of Object.values(cpu.times)) all += time;
  }
  return { idle, all };
}

/** A moment, or less if a job ends. */
function moment(onWake) {
  return new Promise((resolve) => {
    // A little more, so that a whole one has passed.
    const timer = setTimeout(resolve, MOMENT + 5);
    onWake(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
