"use strict";
// Plays rollouts: images in 2D, points where nodes are scattered, space against time with a cursor and a profile in 1D.
const PARTS = ["truth", "prediction", "difference"];

// Codes back from the differences along a frame; the last code says "not finite".
async function unpacked(entry, part) {
  const bytes = await inflated(document.getElementById(`blob-${entry.layers[part].blob}`).textContent);
  const codes = entry.bytes === 1 ? bytes : new Uint16Array(bytes.buffer);
  const points = entry.shape.reduce((a, b) => a * b);
  for (let first = 0; first < codes.length; first += points) {
    for (let i = first + 1; i < first + points; i++) codes[i] += codes[i - 1];
  }
  return codes;
}

const brief = (value) => Number(value.toPrecision(3)).toString();
const span = ([low, high]) => high - low;

class Player {
  constructor() {
    this.entries = payload.recordings;
    this.stage = document.getElementById("stage");
    for (const name of ["method", "trajectory", "field", "scale", "scrubber", "play", "moment", "facts"]) {
      this[name] = document.getElementById(name);
    }
    this.fill(this.method, [...new Set(this.entries.map((entry) => entry.method))]);
    this.offer();
    this.method.addEventListener("change", () => { this.offer(); this.load(); });
    this.trajectory.addEventListener("change", () => this.load());
    this.field.addEventListener("change", () => this.load());
    this.scale.addEventListener("change", () => this.build());
    this.scrubber.addEventListener("input", () => this.show());
    this.play.addEventListener("click", () => this.toggle());
    this.scrubber.addEventListener("keydown", (event) => {
      if (event.key === " ") { event.preventDefault(); this.toggle(); }
    });
    this.load();
  }

  fill(select, values, labels = values) {
    const before = select.value;
    select.replaceChildren(...values.map((value, i) => new Option(labels[i], value)));
    if (values.includes(before)) select.value = before;
  }

  // Trajectories and fields of the chosen method; the rank that was looked at stays.
  offer() {
    const own = this.entries.filter((entry) => entry.method === this.method.value);
    const ranks = [...new Set(own.map((entry) => entry.rank))];
    const labels = ranks.map((rank) => `${rank} (no. ${own.find((entry) => entry.rank === rank).trajectory})`);
    const first = this.trajectory.options.length === 0;
    this.fill(this.trajectory, ranks, labels);
    if (first && ranks.includes("median")) this.trajectory.value = "median";
    const fields = [...new Set(own.map((entry) => entry.channel))];
    this.fill(this.field, fields);
    document.getElementById("field-label").hidden = fields.length < 2;
    document.getElementById("field-label").style.display = fields.length < 2 ? "none" : "";
  }

  async load() {
    const entry = this.entries.find((one) => one.method === this.method.value
      && one.rank === this.trajectory.value && one.channel === this.field.value);
    this.wanted = entry;
    await libraryRuns;
    const codes = Object.fromEntries(await Promise.all(PARTS.map(async (part) => [part, await unpacked(entry, part)])));
    // Another choice may have been made meanwhile.
    if (this.wanted !== entry) return;
    // Opens late, where an error has had time to grow, but not at the end, where it may be all that there is.
    const share = this.entry ? this.scrubber.value / Math.max(this.scrubber.max, 1) : 0.75;
    [this.entry, this.codes] = [entry, codes];
    this.scrubber.max = entry.time.length - 1;
    this.scrubber.value = Math.round(share * this.scrubber.max);
    this.build();
  }

  // The colour of every code, as the 32 bits of a pixel.
  palette(part) {
    const { low, high } = this.entry.layers[part];
    const [bottom, top] = this.range(part);
    const map = this.colours(part);
    const last = 256 ** this.entry.bytes - 1;
    const table = new Uint32Array(last + 1);
    for (let code = 0; code < last; code++) {
      const value = low + (high - low) * code / (last - 1);
      const at = 3 * Math.max(0, Math.min(255, Math.floor(256 * (value - bottom) / (top - bottom))));
      table[code] = 0xff000000 | map[at + 2] << 16 | map[at + 1] << 8 | map[at];
    }
    table[last] = 0xff9a9a9a;
    return table;
  }

  colours(part) {
    const [low, high] = this.entry.colours;
    if (part !== "difference" && low !== -high) return payload.colours.sequential;
    return payload.colours[Number(variable("--lift")) ? "diverging_on_dark" : "diverging"];
  }

  range(part) {
    if (part !== "difference") return this.entry.colours;
    const { low, high } = this.entry.layers.difference;
    return this.scale.value === "own" ? [low, high] : [-this.entry.span, this.entry.span];
  }

  build() {
    this.tables = Object.fromEntries(PARTS.map((part) => [part, this.palette(part)]));
    for (const plot of this.stage.querySelectorAll(".js-plotly-plot")) Plotly.purge(plot);
    const flat = this.entry.shape.length === 1 && this.entry.positions.length === 1;
    this.view = flat ? new SpaceTime(this) : new Panels(this);
    this.show();
  }

  show() {
    const { entry } = this;
    const frame = Number(this.scrubber.value);
    this.view.show(frame);
    const error = entry.nrmse[frame] === null ? "not finite" : entry.nrmse[frame].toPrecision(2);
    this.moment.textContent = `t = ${brief(entry.time[frame])}, snapshot ${entry.snapshots[frame]}, nRMSE ${error}`;
    this.scrubber.setAttribute("aria-valuetext", this.moment.textContent);
    const box = entry.extent.map(brief).join(" × ");
    this.facts.textContent = `${entry.channel} of test trajectory ${entry.trajectory} (${entry.rank} of ${entry.method}), `
      + `domain ${box}; difference is prediction minus truth, grey is ${entry.obstacle ? "an obstacle or " : ""}not finite.`;
  }

  toggle() {
    if (this.timer) return this.stop();
    this.play.classList.add("plays");
    this.play.setAttribute("aria-label", "Pause");
    const last = Number(this.scrubber.max);
    if (Number(this.scrubber.value) === last) this.scrubber.value = 0;
    this.timer = setInterval(() => {
      this.scrubber.value = Number(this.scrubber.value) + 1;
      this.show();
      if (this.scrubber.value === this.scrubber.max) this.stop();
    }, Math.max(40, Math.min(250, 6000 / (last + 1))));
  }

  stop() {
    clearInterval(this.timer);
    this.timer = undefined;
    this.play.classList.remove("plays");
    this.play.setAttribute("aria-label", "Play");
  }
}

// A canvas for each part with its colour bar, drawn upright: the first axis to the right, the second up.
class Panels {
  constructor(player) {
    this.player = player;
    const { entry } = player;
    this.points = entry.shape.length === 1;
    const panels = document.createElement("div");
    panels.className = this.points ? "panels points" : "panels";
    this.canvases = PARTS.map((part) => {
      const figure = document.createElement("figure");
      const caption = document.createElement("figcaption");
      caption.textContent = part;
      const canvas = document.createElement("canvas");
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", part);
      [canvas.width, canvas.height] = this.points ? [480, Math.round(480 * entry.extent[1] / entry.extent[0])] : entry.shape;
      canvas.style.aspectRatio = `${entry.extent[0]} / ${entry.extent[1]}`;
      figure.append(caption, canvas, this.bar(part));
      panels.append(figure);
      return canvas;
    });
    player.stage.replaceChildren(panels);
  }

  bar(part) {
    const map = this.player.colours(part);
    const stops = [];
    for (let i = 0; i < 256; i += 15) stops.push(`rgb(${map[3 * i]} ${map[3 * i + 1]} ${map[3 * i + 2]})`);
    const bar = document.createElement("div");
    bar.className = "bar";
    const [low, colours, high] = ["span", "i", "span"].map((tag) => document.createElement(tag));
    [low.textContent, high.textContent] = this.player.range(part).map(brief);
    colours.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
    bar.append(low, colours, high);
    return bar;
  }

  show(frame) {
    const { entry, codes, tables } = this.player;
    PARTS.forEach((part, i) => {
      const count = entry.shape.reduce((a, b) => a * b);
      const values = codes[part].subarray(frame * count, (frame + 1) * count);
      const paint = this.points ? this.paintPoints : this.paintImage;
      paint.call(this, this.canvases[i], values, tables[part]);
    });
  }

  paintImage(canvas, values, table) {
    const [columns, rows] = this.player.entry.shape;
    const image = new ImageData(columns, rows);
    const pixels = new Uint32Array(image.data.buffer);
    for (let x = 0; x < columns; x++) {
      for (let y = 0; y < rows; y++) pixels[(rows - 1 - y) * columns + x] = table[values[x * rows + y]];
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  paintPoints(canvas, values, table) {
    const { positions, extent } = this.player.entry;
    const context = canvas.getContext("2d");
    const radius = Math.max(2.5, 0.42 * canvas.width / Math.sqrt(values.length));
    context.clearRect(0, 0, canvas.width, canvas.height);
    values.forEach((code, i) => {
      const colour = table[code];
      context.fillStyle = `rgb(${colour & 255} ${colour >> 8 & 255} ${colour >> 16 & 255})`;
      context.beginPath();
      context.arc(canvas.width * positions[0][i] / extent[0], canvas.height * (1 - positions[1][i] / extent[1]), radius, 0, 7);
      context.fill();
    });
  }
}

// Three images of space against time with a cursor, and the profile where the cursor is.
class SpaceTime {
  constructor(player) {
    this.player = player;
    [this.images, this.profile] = ["line", "profile"].map((name) => {
      const div = document.createElement("div");
      div.className = name;
      return div;
    });
    player.stage.replaceChildren(this.images, this.profile);
    const { entry } = player;
    const [x] = entry.positions;
    const edge = [0, entry.extent[0]];
    const time = [entry.time[0], entry.time[entry.time.length - 1]];
    const layout = { margin: { l: 52, r: 8, t: 22, b: 42 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      images: [], annotations: [], dragmode: false, hovermode: "closest" };
    const data = [];
    PARTS.forEach((part, i) => {
      const number = i ? String(i + 1) : "";
      const top = 0.96 - i * 0.35;
      const bottom = Math.max(0, top - 0.26);
      layout[`yaxis${number}`] = { domain: [bottom, top], range: edge, title: { text: "x" }, showgrid: false,
        zeroline: false, fixedrange: true, anchor: `x${number}`, nticks: 4 };
      layout[`xaxis${number}`] = { range: time, anchor: `y${number}`, showgrid: false, zeroline: false, fixedrange: true,
        showticklabels: i === 2, title: { text: i === 2 ? "time since the start" : "" } };
      layout.images.push({ source: this.picture(part), xref: `x${number}`, yref: `y${number}`, x: time[0], y: edge[1],
        sizex: span(time), sizey: span(edge), sizing: "stretch", layer: "below" });
      layout.annotations.push({ text: part, xref: "paper", yref: "paper", x: 0, y: top, xanchor: "left", yanchor: "bottom",
        showarrow: false });
      const map = player.colours(part);
      const stops = [];
      for (let k = 0; k < 256; k += 15) stops.push([k / 255, `rgb(${map[3 * k]}, ${map[3 * k + 1]}, ${map[3 * k + 2]})`]);
      const [low, high] = player.range(part);
      // Of this trace only the colour bar is seen.
      data.push({ x: [null], y: [null], mode: "markers", xaxis: `x${number}`, yaxis: `y${number}`, showlegend: false,
        hoverinfo: "skip", marker: { color: [low], cmin: low, cmax: high, colorscale: stops, showscale: true,
          colorbar: { len: 1.15 * (top - bottom), y: (top + bottom) / 2, thickness: 10, outlinewidth: 0,
            nticks: 4, tickformat: "~g" } } });
    });
    this.figure = { data, layout };
    this.time = time;
    this.drawn = Plotly.newPlot(this.images, ...themed(this.figure)).then(() => {
      this.images.addEventListener("pointerdown", (event) => this.seek(event));
    });
    this.x = x;
    this.started = false;
  }

  // Columns are snapshots, placed in time as evenly as they come; rows are space, each filled by the nearest node.
  picture(part) {
    const { entry, codes, tables } = this.player;
    const [x] = entry.positions;
    const rows = Math.max(entry.shape[0], 128);
    const nearest = Array.from({ length: rows }, (_, row) => {
      const at = (row + 0.5) / rows * entry.extent[0];
      let best = 0;
      for (let i = 1; i < x.length; i++) if (Math.abs(x[i] - at) < Math.abs(x[best] - at)) best = i;
      return best;
    });
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [entry.time.length, rows];
    const image = new ImageData(canvas.width, rows);
    const pixels = new Uint32Array(image.data.buffer);
    for (let frame = 0; frame < canvas.width; frame++) {
      for (let row = 0; row < rows; row++) {
        pixels[(rows - 1 - row) * canvas.width + frame] = tables[part][codes[part][frame * x.length + nearest[row]]];
      }
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas.toDataURL();
  }

  // A click on an image moves the cursor there.
  seek(event) {
    const { scrubber, entry } = this.player;
    const axis = this.images._fullLayout.xaxis;
    const t = axis.p2d(event.clientX - this.images.getBoundingClientRect().left - axis._offset);
    if (t < this.time[0] || t > this.time[1]) return;
    let best = 0;
    entry.time.forEach((one, i) => { if (Math.abs(one - t) < Math.abs(entry.time[best] - t)) best = i; });
    scrubber.value = best;
    this.player.show();
  }

  values(part, frame) {
    const { entry, codes } = this.player;
    const { low, high } = entry.layers[part];
    const last = 256 ** entry.bytes - 1;
    return Array.from(codes[part].subarray(frame * this.x.length, (frame + 1) * this.x.length),
      (code) => code === last ? null : low + (high - low) * code / (last - 1));
  }

  show(frame) {
    const { entry } = this.player;
    const t = entry.time[frame];
    const text = variable("--text");
    const shapes = PARTS.map((part, i) => ({ type: "line", xref: i ? `x${i + 1}` : "x", yref: i ? `y${i + 1} domain` : "y domain",
      x0: t, x1: t, y0: 0, y1: 1, line: { color: text, width: 2 } }));
    this.drawn.then(() => Plotly.relayout(this.images, { shapes }));
    const [low, high] = entry.colours;
    const room = 0.12 * (high - low);
    const mode = entry.shape[0] <= 64 ? "lines+markers" : "lines";
    const line = (part, extra) => ({ x: this.x, y: this.values(part, frame), name: part, mode, marker: { size: 4 }, ...extra });
    const figure = { data: [line("truth", { line: { color: text, width: 3 } }),
      line("prediction", { line: { color: entry.colour, width: 2, dash: "dash" } })],
      layout: { margin: { l: 52, r: 8, t: 8, b: 42 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
        xaxis: { title: { text: "x" }, range: [0, entry.extent[0]], zeroline: false },
        yaxis: { title: { text: entry.channel.replaceAll("<", "&lt;") }, range: [low - room, high + room], zeroline: false },
        legend: { orientation: "h", x: 1, xanchor: "right", y: 1.02, yanchor: "bottom" }, hovermode: "x unified" } };
    Plotly.react(this.profile, ...themed(figure));
  }
}

if (document.getElementById("player")) {
  const player = new Player();
  repaint.push(() => player.entry && player.build());
}
