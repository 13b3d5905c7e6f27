const seconds = values => values.map((_, k) => k / 10);
const [seen, watched] = data.balanced;
figure("Upright by LQR", `${seen.upright}`, `of ${data.episodes}`, `mean return ${plain(seen.return, 2)}`);
figure("Upright by LQG", `${watched.upright}`, `of ${data.episodes}`, `mean return ${plain(watched.return, 2)}`);
figure("Each step earns", plain(data.earned, 3), "", `${plain(data.earned_blind, 3)} where velocities are not seen; entropy bonus included`);
figure("Swing-up", plain(data.swing.returns[data.swing.returns.length - 1], 1), "", `from ${plain(data.swing.returns[0], 1)} in ${data.swing.returns.length - 1} iterations`);
facts([["seed", data.seed], ["K", data.gain.map(k => plain(k, 3)).join("  ")], ["policy's deviation", `${plain(data.deviation, 3)} N`], ["threads", data.threads], ["instruction set", data.instructionSet]]);

function panel(parent, title) {
  const made = element("div"), svg = document.createElementNS("http://www.w3.org/2000/svg", "svg"), values = element("div", { class: "values" });
  svg.setAttribute("class", "chart");
  svg.setAttribute("role", "img");
  made.append(element("h3", {}, title), values, svg);
  byId(parent).append(made);
  return { svg, values };
}

const both = key => [
  { name: "LQR", values: seen[key], colour: "var(--accent)" },
  { name: "LQG", values: watched[key], colour: "var(--second)" },
];
const padded = values => data.swing.angles.map((_, k) => values[k] ?? null);
const fields = ["position", "velocity", "spin", "angle"], colours = ["var(--accent)", "var(--second)", "var(--third)", "var(--fourth)"];
const panels = [
  ["balance", "Angle from upright, rad", () => ({ x: seconds(seen.angles), series: both("angles"), digits: 3 })],
  ["balance", "Position, m", () => ({ x: seconds(seen.positions), series: both("positions"), digits: 3 })],
  ["swing", "Angle from upright, rad", () => ({
    x: seconds(data.swing.angles), mark: (data.swing.planned.length - 1) / 10, digits: 3,
    series: [{ name: "planned", values: padded(data.swing.planned), colour: "var(--muted)", dash: "6 3", isQuiet: true }, { name: "episode", values: data.swing.angles, colour: "var(--accent)" }],
  })],
  ["swing", "Force, N", () => ({ x: seconds(data.swing.forces), mark: (data.swing.planned.length - 1) / 10, series: [{ name: "force", values: data.swing.forces, colour: "var(--second)" }] })],
  ["swing", "V along the plan", () => ({ x: seconds(data.swing.values), series: [{ name: "V", values: data.swing.values, colour: "var(--fourth)" }] })],
  ["swing", "Return after each iteration", () => ({ x: data.swing.returns.map((_, k) => k), series: [{ name: "return", values: data.swing.returns, colour: "var(--accent)" }] })],
  ["gains", "K over a finite horizon, by numbers of the state", () => ({
    x: seconds(data.gains), series: fields.map((name, k) => ({ name, values: data.gains.map(row => row[k]), colour: colours[k] })),
  })],
  ["gains", "Deviation of the policy in the swing-up, N", () => ({ x: seconds(data.swing.deviations), low: 0, digits: 3, series: [{ name: "deviation", values: data.swing.deviations, colour: "var(--third)" }] })],
].map(([parent, title, options]) => ({ ...panel(parent, title), title, options }));

show(() => panels.forEach(({ svg, values, title, options }) => chart(svg, { label: title, low: null, high: null, ...options(), values })));
