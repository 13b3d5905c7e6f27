// Numbers and time.
const steps = data.steps;
const perStep = data.secondsPerStep || 1;
const inSeconds = data.secondsPerStep > 0;
const isNumber = v => typeof v === "number" && Number.isFinite(v);
const digitsFor = v => Math.abs(v) >= 1000 ? 0 : Math.abs(v) >= 100 ? 1 : Math.abs(v) >= 0.01 || v === 0 ? 2 : 4;
const readable = v => isNumber(v) ? plain(v, digitsFor(v)) : "not finite";
const timeText = t => inSeconds ? `${plain(t * perStep, 2)} s` : `step ${plain(t, 0)}`;

const median = values => {
  const sorted = values.filter(isNumber).sort((a, b) => a - b);
  if (!sorted.length) return NaN;
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

// Scales: linear, logarithmic, or in parts of π. Each has a range, a map to 0 … 1 and ticks.
const piText = quarters => {
  if (quarters === 0) return "0";
  const divisor = quarters % 4 === 0 ? 4 : quarters % 2 === 0 ? 2 : 1;
  const top = Math.abs(quarters) / divisor, bottom = 4 / divisor;
  return `${quarters < 0 ? "−" : ""}${top === 1 ? "" : top}π${bottom === 1 ? "" : "/" + bottom}`;
};
function scaleOf(values, kind, count) {
  const finite = values.filter(isNumber);
  let low = finite.length ? finite.reduce((a, b) => Math.min(a, b)) : 0;
  let high = finite.length ? finite.reduce((a, b) => Math.max(a, b)) : 1;
  if (kind === "log" && low > 0 && high / low > 8) {
    const a = Math.floor(Math.log10(low) + 1e-9), b = Math.max(a + 1, Math.ceil(Math.log10(high) - 1e-9));
    const every = Math.ceil((b - a) / count);
    const ticks = [];
    for (let p = a; p <= b; p += every) ticks.push({ value: 10 ** p, text: p >= 0 ? plain(10 ** p, 0) : String(10 ** p) });
    return { at: v => (Math.log10(Math.max(v, 10 ** a)) - a) / (b - a), ticks };
  }
  if (!(high > low)) { high += Math.abs(high) * 0.1 || 1; low -= Math.abs(low) * 0.1 || 1; }
  const unit = kind === "angle" ? Math.PI / 4 : 1;
  const step = kind === "angle"
    ? unit * ([1, 2, 4, 8, 16, 32].find(m => (high - low) / (m * unit) <= count) ?? 4 * Math.ceil((high - low) / (4 * unit * count)))
    : niceStep(high - low, count);
  const first = Math.floor(low / step + 1e-6), last = Math.ceil(high / step - 1e-6);
  const ticks = [];
  for (let k = first; k <= last; k++)
    ticks.push({ value: k * step, text: kind === "angle" ? piText(Math.round(k * step / unit)) : plain(k * step, decimalsOf(step)) });
  return { at: v => (v - first * step) / ((last - first) * step), ticks };
}

// The moment shown, and the moment pointed at.
let now = 0, pointed = null, playing = false;
const charts = [];
const palette = ["--accent", "--second", "--third", "--fourth", "--fifth", "--sixth"];

function chart({ title, unit, note, kind, series, held, last }) {
  const figure = element("figure");
  const caption = element("figcaption");
  const heading = element("h2", {}, title);
  if (unit) heading.append(element("span", { class: "unit" }, ` ${unit}`));
  const values = element("span", { class: "values" });
  caption.append(heading);
  if (note) caption.append(element("span", { class: "note" }, note));
  caption.append(values);
  const all = series.flatMap(s => s.values);
  const finite = all.filter(isNumber);
  const range = finite.length ? `from ${readable(finite.reduce((a, b) => Math.min(a, b)))} to ${readable(finite.reduce((a, b) => Math.max(a, b)))}` : "no finite value";
  const svg = drawn("svg", { role: "img", "aria-label": `${title} over time, ${range}${unit ? " " + unit : ""}` }, figure);
  figure.prepend(caption);
  byId("charts").append(figure);
  series.forEach((s, k) => {
    s.colour = `var(${palette[(s.colour ?? k) % palette.length]})`;
    s.label = element("span", { style: `--of:${s.colour}` });
    values.append(s.label);
  });

  let x, y, height, marks;
  function draw() {
    const width = svg.clientWidth || 600, narrow = width < 480;
    const left = narrow ? 46 : 54, right = 8, top = 8, bottom = last ? 26 : 6;
    height = (narrow ? 84 : 92) + top + bottom;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.height = `${height}px`;
    svg.replaceChildren();
    const floor = height - bottom;
    const scale = scaleOf(all, kind, 4);
    x = t => left + (width - left - right) * t / Math.max(1, steps);
    y = v => floor - (floor - top) * scale.at(v);
    const across = niceStep(steps * perStep, narrow ? 5 : 10);
    for (let t = 0; t <= steps * perStep + 1e-9; t += across) {
      const at = x(t / perStep);
      drawn("line", { class: "grid", x1: at, x2: at, y1: top, y2: floor }, svg);
      if (last) drawn("text", { x: at, y: floor + 17, "text-anchor": "middle" }, svg, plain(t, decimalsOf(across)) + (t === 0 ? (inSeconds ? " s" : "") : ""));
    }
    scale.ticks.forEach((tick, k) => {
      drawn("line", { class: k ? "grid" : "axis", x1: left, x2: width - right, y1: y(tick.value), y2: y(tick.value) }, svg);
      drawn("text", { x: left - 9, y: y(tick.value) + 4, "text-anchor": "end" }, svg, tick.text);
    });
    for (const s of series) {
      let path = "", open = false;
      s.values.forEach((v, k) => {
        if (!isNumber(v)) { open = false; return; }
        path += `${open ? "L" : "M"}${x(k).toFixed(1)} ${y(v).toFixed(1)}`;
        if (held) path += `H${x(k + 1).toFixed(1)}`;
        open = true;
      });
      drawn("path", { class: "curve", d: path, stroke: s.colour }, svg);
    }
    const line = name => drawn("line", { class: name, y1: top, y2: floor }, svg);
    marks = { hover: line("hover"), now: line("now"), dots: series.map(s => drawn("circle", { class: "dot", r: 4, fill: s.colour }, svg)) };
    mark();
  }

  const indexAt = (s, t) => Math.max(0, Math.min(s.values.length - 1, held ? Math.floor(t) : Math.round(t)));
  function mark() {
    const t = pointed ?? now;
    for (const [name, at] of [["now", now], ["hover", pointed ?? now]]) {
      marks[name].setAttribute("x1", x(at));
      marks[name].setAttribute("x2", x(at));
    }
    marks.hover.style.display = pointed === null ? "none" : "";
    series.forEach((s, k) => {
      const at = indexAt(s, t), v = s.values[at], dot = marks.dots[k];
      dot.style.display = isNumber(v) ? "" : "none";
      if (isNumber(v)) { dot.setAttribute("cx", held ? x(t) : x(at)); dot.setAttribute("cy", y(v)); }
      s.label.textContent = (s.name ? s.name + " " : "") + readable(v);
    });
  }

  const timeOf = event => {
    const box = svg.getBoundingClientRect();
    const share = (event.clientX - box.left - x(0)) / (x(steps) - x(0));
    return Math.max(0, Math.min(steps, Math.round(share * steps)));
  };
  const point = t => { pointed = t; charts.forEach(c => c.mark()); };
  svg.addEventListener("pointermove", event => event.buttons ? (play(false), point(null), seek(timeOf(event))) : point(timeOf(event)));
  svg.addEventListener("pointerdown", event => { play(false); point(null); seek(timeOf(event)); });
  svg.addEventListener("pointerleave", () => point(null));
  const made = { draw, mark };
  charts.push(made);
  return made;
}

// What is plotted: a chart for each field, its components together.
const fieldOf = name => name.replace(/\[.*$/, "");
function chartsOf(components, held, first) {
  const fields = [...new Set(components.map(c => fieldOf(c.name)))];
  fields.forEach((field, f) => {
    const parts = components.filter(c => fieldOf(c.name) === field);
    chart({
      title: parts[0].title, unit: parts[0].unit, kind: parts[0].angle ? "angle" : "linear", held,
      series: parts.map((c, k) => ({ name: parts.length > 1 ? c.name.slice(field.length) : "", values: c.values, colour: first + k })),
    });
  });
}
chartsOf(data.states, false, 0);
chartsOf(data.actions, true, 1);
chart({ title: "Reward", series: [{ values: data.rewards, colour: 0 }], held: true });
const effective = data.diagnostics["effective sample size"];
if (effective) chart({ title: "Effective sample size", note: data.samples ? `of ${plain(data.samples, 0)}` : "", kind: "log", series: [{ values: effective, colour: 0 }], held: true });
chart({ title: "Solve time", unit: "µs", kind: "log", series: [{ values: data.solve, colour: 0 }], held: true, last: true });

// Words and headline figures.
const later = data.solve.slice(1).filter(isNumber).sort((a, b) => a - b);
figure("Return", isNumber(data.return) ? plain(data.return, 1) : "not finite", "", `over ${plain(steps, 0)} steps${inSeconds ? `, ${plain(steps * perStep, 1)} s` : ""}`);
if (later.length) figure("Solve time", plain(median(later), 0), "µs", `median; 99 % within ${plain(later[Math.ceil(0.99 * later.length) - 1], 0)} µs`);
if (effective) figure("Effective sample size", plain(median(effective), median(effective) < 10 ? 1 : 0), "", data.samples ? `median, of ${plain(data.samples, 0)}` : "median");
figure("Computed on", plain(data.threads, 0), data.threads === 1 ? "thread" : "threads", data.instructionSet);
facts([
  ["process", data.model], ["planner", data.planner], ["seed", data.seed], ...data.facts, ["ended by", data.ended],
  ...(data.unsolved ? [["solves without a finite sample", data.unsolved]] : []),
]);

// The scene.
const canvas = byId("canvas"), context = canvas.getContext("2d");
const scene = data.scene && new Function("context", "width", "height", "state", "action", "theme", data.scene.script);
function moment(components, t, between) {
  const below = Math.min(Math.floor(t), components[0]?.values.length - 1), part = t - below;
  return Object.fromEntries(components.map(c => {
    const a = c.values[below], b = c.values[Math.min(below + 1, c.values.length - 1)];
    return [c.name, between ? a + (b - a) * Math.min(1, part) : a];
  }));
}
function drawScene() {
  if (!scene) return;
  const width = canvas.clientWidth, height = width * data.scene.aspectRatio, ratio = window.devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const theme = { ink: colour("--ink"), muted: colour("--muted"), line: colour("--line"), surface: colour("--surface"), accent: colour("--accent"), second: colour("--second"), dark: isDark() };
  scene(context, width, height, moment(data.states, now, data.scene.interpolate), moment(data.actions, now, false), theme);
}

function seek(t) {
  now = Math.max(0, Math.min(steps, t));
  byId("scrub").value = Math.round(now);
  byId("scrub").setAttribute("aria-valuetext", timeText(Math.round(now)));
  byId("clock").textContent = `${timeText(now)} of ${inSeconds ? plain(steps * perStep, 2) + " s" : plain(steps, 0)}`;
  charts.forEach(c => c.mark());
  drawScene();
}

let before = 0;
function frame(time) {
  if (!playing) return;
  const rate = byId("speed").value / (inSeconds ? perStep : 0.05);
  seek(now + (time - before) / 1000 * rate);
  before = time;
  if (now >= steps) play(false); else requestAnimationFrame(frame);
}
function play(on) {
  if (on === playing) return;
  playing = on;
  byId("play").classList.toggle("playing", on);
  byId("play").setAttribute("aria-label", on ? "Pause" : "Play");
  if (!on) return;
  if (now >= steps) seek(0);
  before = performance.now();
  requestAnimationFrame(frame);
}
const stepBy = count => { play(false); seek(Math.round(now) + count); };

byId("play").addEventListener("click", () => play(!playing));
byId("back").addEventListener("click", () => stepBy(-1));
byId("forth").addEventListener("click", () => stepBy(1));
byId("scrub").max = steps;
byId("scrub").addEventListener("input", event => { play(false); seek(Number(event.target.value)); });
document.addEventListener("keydown", event => {
  if (!scene || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
  const onButton = event.target.closest("button");
  const keys = { " ": () => onButton || play(!playing), ArrowLeft: () => stepBy(-1), ArrowRight: () => stepBy(1), Home: () => stepBy(-Infinity), End: () => stepBy(Infinity) };
  if (!keys[event.key] || (event.key === " " && onButton)) return;
  event.preventDefault();
  keys[event.key]();
});

if (scene) {
  byId("scene").hidden = false;
  byId("board").classList.add("with-scene");
  canvas.setAttribute("aria-label", data.scene.label);
}
show(() => { charts.forEach(c => c.draw()); drawScene(); });

// A page opened at #t=1.5 shows that moment.
seek(Number(/^#t=([\d.]+)$/.exec(location.hash)?.[1] ?? 0) / perStep);
