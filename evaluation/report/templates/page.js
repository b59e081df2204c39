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
      if (column === 0 || (x === "" && y === "")) {
        const [first, second] = [a, b].map((row) => row.cells[column].textContent);
        return (up ? 1 : -1) * first.localeCompare(second, undefined, { numeric: true });
      }
      if (x === "" || y === "") return (x === "") - (y === "");
      return up ? x - y : y - x;
    };
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
  }));
}

// Tables that are wider than the page say so.
const hint = () => {
  for (const note of document.querySelectorAll(".hint")) {
    const { scrollWidth, clientWidth } = note.previousElementSibling;
    note.hidden = scrollWidth <= clientWidth + 1;
  }
};
addEventListener("resize", hint);
hint();

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

// A number as an axis says it: 0.02, 500, or by powers of ten where the axis goes further.
function tickText(factor, power, plain) {
  if (plain) return Number(`${factor}e${power}`).toString();
  return `${factor === 1 ? "" : `${factor}·`}10<sup>${String(power).replace("-", "−")}</sup>`;
}

// Ticks of a logarithmic axis between two powers: 1, 2 and 5 of each decade while there is room, else powers of ten.
function logarithmicTicks(low, high) {
  const decades = high - low;
  const factors = decades < 0.7 ? [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9] : decades < 2.2 ? [1, 2, 5] : [1];
  const stride = Math.max(1, Math.ceil(decades / 7));
  const plain = low >= -4 && high <= 5;
  const values = [], texts = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power++) {
    if (power % stride) continue;
    for (const factor of factors) {
      const at = Math.log10(factor) + power;
      if (at < low - 1e-9 || at > high + 1e-9) continue;
      values.push(Number(`${factor}e${power}`));
      texts.push(tickText(factor, power, plain));
    }
  }
  return values.length > 1 ? { tickmode: "array", tickvals: values, ticktext: texts } : { tickmode: "auto" };
}

// The ticks of what an axis shows at the moment, which the reader may have zoomed into.
function labelLogarithms(div) {
  const changes = {};
  for (const key of Object.keys(div.layout).filter((name) => /^[xy]axis\d*$/.test(name))) {
    const axis = div.layout[key];
    const ticks = axis.type === "log" ? logarithmicTicks(Math.min(...axis.range), Math.max(...axis.range)) : { tickmode: "auto" };
    for (const [name, value] of Object.entries(ticks)) changes[`${key}.${name}`] = value;
  }
  return Plotly.relayout(div, changes);
}

function themed(figure, changes = {}) {
  const [text, faint, grid, page] = ["--text", "--faint", "--grid", "--page"].map(variable);
  const axis = { gridcolor: grid, linecolor: faint, tickcolor: faint, ticks: "outside", ticklen: 4, automargin: true };
  const layout = { ...figure.layout, ...changes, font: { color: text, size: 13, family: "system-ui, sans-serif" },
    hoverlabel: { bgcolor: page, bordercolor: faint, font: { color: text } } };
  for (const key of Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name))) {
    layout[key] = { ...axis, ...layout[key] };
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
  const div = document.getElementById(name);
  // Room for the legend, which on a narrow page is nearly as long as the list of methods.
  const entries = figure.data.filter((trace) => trace.showlegend !== false).length;
  div.style.height = `${narrow() ? 19 + 1.9 * entries : 23 + 1.2 * Math.ceil(entries / 5)}rem`;
  Plotly.react(div, ...themed(figure, changes)).then(() => {
    // Listens once: plotly keeps what listens to a chart while it is drawn anew.
    if (!div.dataset.listens) {
      div.dataset.listens = "true";
      div.on("plotly_relayout", (event) => Object.keys(event).some((key) => /range/.test(key)) && labelLogarithms(div));
    }
    return labelLogarithms(div);
  });
}

// An axis starts as the figure asks for; what the reader chooses holds until another figure is chosen.
function takeScale(name) {
  const box = document.querySelector(`[data-logarithmic="${name}"]`);
  const select = document.querySelector(`select[data-chart="${name}"]`);
  const figures = payload.charts[name].figures;
  if (box) box.checked = figures[select ? select.value : Object.keys(figures)[0]].layout.yaxis.type === "log";
}

// Charts are drawn once the library is there that draws them.
const libraryRuns = (async () => {
  const held = document.getElementById("library");
  if (!held) return;
  const script = document.createElement("script");
  script.textContent = new TextDecoder().decode(await inflated(held.textContent));
  document.head.append(script);
})();

const repaint = [];
const repaintAll = () => repaint.forEach((paint) => paint());
for (const choice of document.querySelectorAll("input[name=theme]")) {
  choice.addEventListener("change", () => {
    document.documentElement.dataset.theme = choice.value;
    repaintAll();
  });
}
libraryRuns.then(() => {
  for (const name of Object.keys(payload.charts)) {
    takeScale(name);
    document.querySelector(`select[data-chart="${name}"]`)?.addEventListener("change", () => {
      takeScale(name);
      drawChart(name);
    });
    document.querySelector(`[data-logarithmic="${name}"]`)?.addEventListener("change", () => drawChart(name));
    drawChart(name);
    repaint.push(() => drawChart(name));
  }
});
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
