/**
 * Counts tests in the JUnit reports of the three runtimes, which differ: node and bun nest a `testsuite` for each
 * `describe`; deno writes a flat list, where a `describe` is a `testcase` too and its tests' names begin with its own.
 *
 * @module
 */

const CASE = /<testcase\b((?:[^>"]|"[^"]*")*?)(\/>|>([\s\S]*?)<\/testcase>)/g;

/** What deno says of a `describe` that failed only because a test in it did, which is counted itself. */
const FAILED_STEP = /<failure message="\d+ test steps? failed/;

/**
 * Passed, failed and skipped tests of a report. Groups are not tests, but a group whose own hook failed is a failure.
 *
 * @throws {Error} The report is not whole.
 */
export function countTests(xml) {
  if (!xml.includes("</testsuites>")) throw new Error("the report is not whole");
  const cases = [...xml.matchAll(CASE)].map(([, attributes, , body = ""]) => ({ name: nameOf(attributes), body }));
  const groups = groupNames(cases);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const { name, body } of cases) {
    const failed = /<(failure|error)\b/.test(body);
    if (groups.has(name) && (!failed || FAILED_STEP.test(body))) continue;
    counts[failed ? "failed" : body.includes("<skipped") ? "skipped" : "passed"]++;
  }
  return counts;
}

function nameOf(attributes) {
  return /\bname="([^"]*)"/.exec(attributes)?.[1] ?? "";
}

/** Names that another name continues with ` > `. */
function groupNames(cases) {
  const groups = new Set();
  for (const { name } of cases) {
    for (let at = name.lastIndexOf(" &gt; "); at > 0; at = name.lastIndexOf(" &gt; ", at - 1)) {
      groups.add(name.slice(0, at));
    }
  }
  return groups;
}
