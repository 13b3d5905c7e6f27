"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);
const element = (name, attributes = {}, text) => {
  const made = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  if (text !== undefined) made.textContent = text;
  return made;
};
const drawn = (name, attributes, parent, text) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
};
const plain = (v, digits) => v.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const isDark = () => getComputedStyle(document.documentElement).colorScheme === "dark";

// Headline figures, and facts in small print.
function figure(name, value, unit, below) {
  const group = element("div"), dd = element("dd", {}, value);
  if (unit) dd.append(element("small", {}, ` ${unit}`));
  group.append(element("dt", {}, name), dd, element("dd", {}, below));
  byId("figures").append(group);
}
function facts(pairs) {
  for (const [name, value] of pairs) {
    const group = element("div");
    group.append(element("dt", {}, name), element("dd", {}, value));
    byId("facts").append(group);
  }
}

// A chart of curves over common places, with their values at the pointer in `values`. A value may be null: the curve has a gap there.
const stepOf = (span, count) => {
  const raw = span / count, power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].find(m => m * power >= raw * 0.999) * power;
};
const digitsOf = step => Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
function chart(svg, { label, x, series, values, low = 0, high, digits = 2, share = 0.5, unit = "", mark }) {
  const width = svg.clientWidth, height = Math.min(320, Math.max(150, width * share)), left = 36, right = 8, top = 6, floor = height - 26;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.height = `${height}px`;
  svg.setAttribute("aria-label", label);
  svg.replaceChildren();
  const all = series.flatMap(s => s.values).filter(v => v !== null), peak = high ?? Math.max(...all), least = low ?? Math.min(...all);
  const step = stepOf(peak - least, height < 200 ? 3 : 6), bottom = step * Math.floor(least / step + 1e-9), most = step * Math.ceil(peak / step - 1e-9);
  const first = x[0], last = x[x.length - 1], span = last - first || 1;
  const across = v => left + (width - left - right) * (v - first) / span, up = v => floor - (floor - top) * (v - bottom) / (most - bottom);
  for (let k = 0; bottom + k * step <= most + step / 1e6; k++) {
    const v = bottom + k * step;
    drawn("line", { class: k ? "grid" : "axis", x1: left, x2: width - right, y1: up(v), y2: up(v) }, svg);
    drawn("text", { x: left - 8, y: up(v) + 4, "text-anchor": "end" }, svg, plain(v, digitsOf(step)));
  }
  const every = stepOf(span, width < 480 ? 4 : 8);
  for (let k = Math.ceil(first / every); k * every <= last + every / 1e6; k++)
    drawn("text", { x: across(k * every), y: floor + 17, "text-anchor": "middle" }, svg, plain(k * every + 0, digitsOf(every)));
  if (mark !== undefined) drawn("line", { class: "mark", x1: across(mark), x2: across(mark), y1: top, y2: floor }, svg);
  for (const s of series) {
    let pen = "M";
    const path = s.values.map((v, k) => {
      if (v === null) { pen = "M"; return ""; }
      const piece = `${pen}${across(x[k]).toFixed(1)} ${up(v).toFixed(1)}`;
      pen = "L";
      return piece;
    }).join("");
    drawn("path", { class: "line", stroke: s.colour, "stroke-dasharray": s.dash ?? "none", "stroke-width": s.width ?? 1.6, d: path }, svg);
  }
  const line = drawn("line", { class: "hover", y1: top, y2: floor }, svg);
  const dots = series.map(s => drawn("circle", { class: "dot", r: 4, fill: s.colour }, svg));
  if (values && values.children.length !== series.length) values.replaceChildren(...series.map(s => element("span", { style: `--of:${s.colour}` })));
  const pointAt = (k, isPointed) => {
    line.style.display = isPointed ? "" : "none";
    line.setAttribute("x1", across(x[k]));
    line.setAttribute("x2", across(x[k]));
    series.forEach((s, at) => {
      const isThere = s.values[k] !== null && (isPointed || !s.isQuiet);
      dots[at].style.display = isThere ? "" : "none";
      if (isThere) {
        dots[at].setAttribute("cx", across(x[k]));
        dots[at].setAttribute("cy", up(s.values[k]));
      }
      if (values) values.children[at].textContent = `${s.name}${s.values[k] === null || (s.isQuiet && !isPointed) ? "" : ` ${plain(s.values[k], digits)}${unit}`}`;
    });
  };
  svg.onpointermove = event => {
    const at = first + span * (event.clientX - svg.getBoundingClientRect().left - left) / (width - left - right);
    let nearest = 0;
    x.forEach((v, k) => { if (Math.abs(v - at) < Math.abs(x[nearest] - at)) nearest = k; });
    pointAt(nearest, true);
  };
  svg.onpointerleave = () => pointAt(x.length - 1, false);
  pointAt(x.length - 1, false);
}

// Draws the board now, and again when its width or the theme changes.
function show(draw) {
  const remembered = { get: () => { try { return localStorage.getItem("theme"); } catch { return null; } }, set: v => { try { localStorage.setItem("theme", v); } catch { /* not kept */ } } };
  if (remembered.get()) document.documentElement.dataset.theme = remembered.get();
  byId("theme").addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    remembered.set(document.documentElement.dataset.theme);
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let lastWidth = 0;
  new ResizeObserver(() => {
    if (byId("board").clientWidth === lastWidth) return;
    lastWidth = byId("board").clientWidth;
    draw();
  }).observe(byId("board"));
  draw();
}
