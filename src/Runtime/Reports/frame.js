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
const plain = (v, digits) => v.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "negative" }).replace("-", "−");
const colour = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const isDark = () => getComputedStyle(document.documentElement).colorScheme === "dark";

// Ticks lie 1, 2 or 5 times a power of ten apart, and show as many decimals as that asks for.
const niceStep = (span, count) => {
  const raw = span / Math.max(1, count), power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].find(m => m * power >= raw * 0.999) * power;
};
const decimalsOf = step => Math.max(0, Math.min(6, Math.ceil(-Math.log10(step) - 1e-9)));

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
