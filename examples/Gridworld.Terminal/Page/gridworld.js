const side = 5, size = 44;
const places = { 1: "A", 3: "B", 21: "A′", 13: "B′" };
const ways = [[0, -1], [0, 1], [-1, 0], [1, 0]];

const mix = (a, b, t) => a.map((x, k) => Math.round(x + (b[k] - x) * t));
const scales = { light: [[247, 246, 242], [10, 108, 112]], dark: [[28, 33, 35], [82, 196, 189]] };
const luminance = c => c.reduce((sum, x, k) => sum + [0.299, 0.587, 0.114][k] * x, 0);

function grid(svg, { values, policy, low, high, label, digits }) {
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${side * size} ${side * size}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  values.forEach((v, k) => {
    const x = (k % side) * size, y = Math.floor(k / side) * size;
    const [from, to] = scales[isDark() ? "dark" : "light"];
    const fill = mix(from, to, high > low ? Math.min(1, Math.max(0, (v - low) / (high - low))) : 0);
    const ink = luminance(fill) > 140 ? "#1c1c1a" : "#f4f4f0";
    drawn("rect", { class: "cell", x, y, width: size, height: size, fill: `rgb(${fill})` }, svg);
    if (places[k]) drawn("text", { class: "place", x: x + 4, y: y + 10, style: `fill:${ink}` }, svg, places[k]);
    drawn("text", { class: "value", x: x + size / 2, y: y + (policy ? size - 4 : size / 2 + 3), style: `fill:${ink}` }, svg, plain(v, digits));
    if (policy)
      ways.forEach(([dx, dy], a) => {
        const p = policy[4 * k + a], length = 17 * p, cx = x + size / 2, cy = y + size / 2 - 3;
        if (p < 0.02) return;
        const ex = cx + dx * length, ey = cy + dy * length, head = Math.min(3.2, length * 0.32);
        drawn("path", { class: "arrow", stroke: ink, d: `M${cx} ${cy}L${ex} ${ey}M${ex - dx * head + dy * head} ${ey - dy * head + dx * head}L${ex} ${ey}L${ex - dx * head - dy * head} ${ey - dy * head - dx * head}` }, svg);
      });
  });
}

function panel(parent, title, note) {
  const made = element("div"), h3 = element("h3", {}, `${title} `);
  h3.append(element("span", {}, note));
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  made.append(h3, svg);
  byId(parent).append(made);
  return svg;
}

const one = data.temperatures.find(m => m.name === "α = 1");
figure("V of the corner, α = 1", plain(one.values[0], 4), "", `error at most ${one.error_bound.toExponential(0)}, ${one.sweeps} sweeps`);
figure("Best return, α → 0", plain(data.temperatures[0].return, 3), "", "from a cell drawn at random");
figure("Reward from demonstrations", plain(100 * data.inverse.return_share, 1), "%", "of the demonstrated return, by its policy");
figure("Correlation of rewards", plain(data.inverse.correlation, 3), "", `${plain(data.episodes, 0)} demonstrations of ${data.horizon} steps`);
facts([["seed", data.seed], ["threads", data.threads], ["instruction set", data.instructionSet], ["largest difference of features", data.inverse.feature_gap.toExponential(1)]]);
byId("senses").textContent = `α = 1, ${data.horizon} steps to go, the wind turns ${plain(100 * data.slip, 0)} % of moves`;
byId("told").textContent = `by cells; ${plain(data.episodes, 0)} episodes of a policy at α = 1 in the same wind`;

const notes = { "fixed dynamics": "cannot wish for luck", "exact posterior": "luck is inferred as well", "Boltzmann": "by its own expected return" };
const temperatures = data.temperatures.map(m => panel("temperatures", m.name, `return ${plain(m.return, 2)}`));
const senses = data.semantics.map(m => panel("semantics", m.name, `${notes[m.name]}; return ${plain(m.return, 2)}`));
const rewards = [["true", data.inverse.true, data.inverse.true_off], ["found", data.inverse.found, data.inverse.found_off]];
const told = rewards.map(([name, , off]) => panel("inverse", name, `a move off the grid ${plain(off, 2)}`));
const range = maps => ({ low: Math.min(...maps.flat()), high: Math.max(...maps.flat()) });

show(() => {
  data.temperatures.forEach((m, k) => grid(temperatures[k], { ...m, ...range([m.values]), digits: 1, label: `Values and policy at ${m.name}` }));
  const common = range(data.semantics.map(m => m.values));
  data.semantics.forEach((m, k) => grid(senses[k], { ...m, ...common, digits: 1, label: `Values and policy, ${m.name}` }));
  const span = range(rewards.map(r => r[1]));
  rewards.forEach(([name, values], k) => grid(told[k], { values, ...span, digits: 1, label: `The ${name} reward of each cell` }));
});
