"use strict";
// The table that sorts, the colours of the page, the curves, and the files to download. Everything from outside is put in
// as text, never as markup.
const payload = JSON.parse(document.getElementById("payload").textContent);

async function inflated(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// Sorting: from the first click on from small to large; what has no number is last in either direction.
for (const table of document.querySelectorAll("table.sorts")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const value = (row) => column === 0 ? row.cells[0].textContent : row.cells[column].dataset.value;
    const order = (a, b) => {
      const [x, y] = [value(a), value(b)];
      if (column === 0) return up ? x.localeCompare(y) : y.localeCompare(x);
      if (x === "" || y === "") return (x === "") - (y === "");
      return up ? x - y : y - x;
    };
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
  }));
}

// Curves: the page's own colours stand in for the text's and a baseline's.
const variable = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const narrow = () => window.innerWidth <= 600;

// A colour that was chosen for white paper, lighter where the page is dark.
function lifted(colour) {
  const share = Number(variable("--lift"));
  if (!share || !/^#[0-9a-f]{6}$/i.test(colour ?? "")) return colour;
  const channels = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return `rgb(${channels.map((value) => Math.round(value + share * (255 - value))).join(", ")})`;
}

// Labels of a logarithmic axis: 1, 2 and 5 of each decade as long as they have room, else powers of ten.
function logarithmicTicks(figure, letter) {
  const values = figure.data.flatMap((trace) => unpackedNumbers(trace[letter])).filter((value) => value > 0);
  const decades = Math.log10(Math.max(...values) / Math.min(...values));
  return decades < 2.5 ? "D2" : Math.max(1, Math.ceil(decades / 6));
}

// What plotly.py writes of an array: numbers, or their bytes.
function unpackedNumbers(values) {
  if (!values?.bdata) return Array.from(values ?? []);
  const bytes = Uint8Array.from(atob(values.bdata), (character) => character.charCodeAt(0));
  return Array.from(new { f4: Float32Array, f8: Float64Array }[values.dtype](bytes.buffer));
}

function themed(figure, changes = {}) {
  const [text, faint, grid, page] = ["--text", "--faint", "--grid", "--page"].map(variable);
  const axis = { gridcolor: grid, linecolor: faint, tickcolor: faint, ticks: "outside", ticklen: 4, automargin: true };
  const layout = { ...figure.layout, ...changes, font: { color: text, size: 13, family: "system-ui, sans-serif" },
    hoverlabel: { bgcolor: page, bordercolor: faint, font: { color: text } } };
  for (const key of Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name))) {
    layout[key] = { ...axis, ...layout[key] };
    if (layout[key].type === "log") layout[key].dtick = logarithmicTicks(figure, key[0]);
  }
  const data = figure.data.map((trace) => {
    const colour = { text, faint }[trace.meta?.colour];
    return { ...trace, line: { ...trace.line, color: colour ?? lifted(trace.line?.color) } };
  });
  return [data, layout, { responsive: true, displaylogo: false, displayModeBar: narrow() ? false : "hover",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] }];
}

function drawChart(name) {
  const chart = payload.charts[name];
  const select = document.querySelector(`select[data-chart="${name}"]`);
  const figure = chart.figures[select ? select.value : Object.keys(chart.figures)[0]];
  const changes = {};
  if (chart.scales) {
    const logarithmic = document.querySelector(`[data-logarithmic="${name}"]`).checked;
    changes.yaxis = { ...figure.layout.yaxis, type: logarithmic ? "log" : "linear" };
  }
  Plotly.react(name, ...themed(figure, changes));
}

// An axis starts as the figure asks for; what the reader chooses holds until another figure is chosen.
function takeScale(name) {
  const box = document.querySelector(`[data-logarithmic="${name}"]`);
  const select = document.querySelector(`select[data-chart="${name}"]`);
  const figures = payload.charts[name].figures;
  if (box) box.checked = figures[select ? select.value : Object.keys(figures)[0]].layout.yaxis.type === "log";
}

for (const name of Object.keys(payload.charts)) {
  takeScale(name);
  document.querySelector(`select[data-chart="${name}"]`)?.addEventListener("change", () => {
    takeScale(name);
    drawChart(name);
  });
  document.querySelector(`[data-logarithmic="${name}"]`)?.addEventListener("change", () => drawChart(name));
  drawChart(name);
}

const repaint = [() => Object.keys(payload.charts).forEach(drawChart)];
const repaintAll = () => repaint.forEach((paint) => paint());
for (const choice of document.querySelectorAll("input[name=theme]")) {
  choice.addEventListener("change", () => {
    document.documentElement.dataset.theme = choice.value;
    repaintAll();
  });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaintAll);

for (const button of document.querySelectorAll("button[data-file]")) {
  button.addEventListener("click", async () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([await inflated(payload.files[button.dataset.file])], { type: "text/csv" }));
    link.download = button.dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}
