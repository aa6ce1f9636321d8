/**
 * The pages' script: a line at the place that is pointed at, in all charts of one table, and the numbers of that row.
 * Everything that it shows stands in the tables too.
 *
 * @module
 */

/** The script. */
export const SCRIPT = `"use strict";
const charts = [...document.querySelectorAll("figure[data-places]")].map((figure) => ({
  figure,
  table: figure.dataset.table,
  places: figure.dataset.places.split(" ").map(Number),
  columns: figure.dataset.columns.split(" ").map(Number),
  readout: figure.querySelector(".readout"),
  cursors: [...figure.querySelectorAll(".cursor")],
}));
function nearest(places, place) {
  let best = 0;
  places.forEach((each, i) => {
    if (Math.abs(each - place) < Math.abs(places[best] - place)) best = i;
  });
  return best;
}
function show(table, row) {
  for (const chart of charts.filter((each) => each.table === table)) {
    const { head, body } = cells(table, row);
    const names = chart.columns.map((column) => head[column] + " " + body[column]);
    chart.readout.textContent = head[0] + " " + body[0] + ": " + names.join(", ");
    for (const cursor of chart.cursors) {
      cursor.setAttribute("x1", chart.places[row] + "%");
      cursor.setAttribute("x2", chart.places[row] + "%");
      cursor.setAttribute("visibility", "visible");
    }
  }
}
function cells(id, row) {
  const table = document.getElementById(id);
  const texts = (line) => [...line.cells].map((cell) => cell.textContent);
  return { head: texts(table.tHead.rows[0]), body: texts(table.tBodies[0].rows[row]) };
}
function hide(table) {
  for (const chart of charts.filter((each) => each.table === table)) {
    chart.readout.textContent = "";
    for (const cursor of chart.cursors) cursor.setAttribute("visibility", "hidden");
  }
}
for (const { figure, table, places } of charts) {
  figure.addEventListener("pointermove", (event) => {
    const box = event.target.closest(".plot > svg")?.getBoundingClientRect();
    if (box === undefined) hide(table);
    else show(table, nearest(places, (event.clientX - box.left) / box.width * 100));
  });
  figure.addEventListener("pointerleave", () => hide(table));
}
`;

/** How a policy names it; a test holds this to the script. */
export const SCRIPT_HASH = "sha256-vHyZN78yf+eZFyCdlCDcXlPlpIMAASsV36EpDb99RX8=";
