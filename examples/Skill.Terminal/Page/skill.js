const order = data.skills.map((_, k) => k).sort((a, b) => data.skills[b] - data.skills[a]);
const shown = order.slice(0, 60);

figure("Sweeps", plain(data.sweeps, 0), "", data.converged ? "until messages converged" : "and messages have not converged");
figure("Improper updates", plain(data.improper, 0), "", "put off");
figure("Log-evidence", plain(data.log_evidence, 1), "nats", "as EP estimates it");
if (data.log_loss !== undefined) figure("Held matches", plain(data.log_loss, 3), "nats each", `${plain(data.base_log_loss, 3)} by the share of draws alone`);
if (data.rank_correlation !== undefined) figure("Ranks", plain(data.rank_correlation, 3), "", "correlation with the true ones");
facts([["seed", data.seed], ["matches", plain(data.matches, 0)], ["draws", plain(data.draws, 0)], ["damping", data.damping], ["threads", data.threads], ["instruction set", data.instructionSet]]);
byId("told").textContent = data.true ? "mean ± two standard deviations; the true skill as a stroke" : "mean ± two standard deviations";

function players(svg) {
  const width = svg.clientWidth, row = 16, left = 96, right = 12, height = shown.length * row + 24;
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.height = `${height}px`;
  svg.setAttribute("aria-label", "The skill of each player with its uncertainty");
  const ends = shown.flatMap(k => [data.skills[k] - 2 * data.deviations[k], data.skills[k] + 2 * data.deviations[k], data.true ? data.true[k] : data.skills[k]]);
  const low = Math.min(...ends), high = Math.max(...ends), across = v => left + (width - left - right) * (v - low) / (high - low);
  const step = niceStep(high - low, 8);
  for (let v = step * Math.ceil(low / step); v <= high; v += step) {
    drawn("line", { class: "grid", x1: across(v), x2: across(v), y1: 0, y2: height - 20 }, svg);
    drawn("text", { x: across(v), y: height - 6, "text-anchor": "middle" }, svg, plain(v, decimalsOf(step)));
  }
  shown.forEach((k, at) => {
    const y = at * row + row / 2;
    drawn("text", { x: left - 10, y: y + 4, "text-anchor": "end" }, svg, data.names[k].slice(0, 14));
    drawn("line", { class: "span", x1: across(data.skills[k] - 2 * data.deviations[k]), x2: across(data.skills[k] + 2 * data.deviations[k]), y1: y, y2: y }, svg);
    drawn("circle", { class: "mean", cx: across(data.skills[k]), cy: y, r: 3.5 }, svg);
    if (data.true) drawn("line", { class: "true", x1: across(data.true[k]), x2: across(data.true[k]), y1: y - 6, y2: y + 6 }, svg);
  });
}

const moved = data.log10_residuals;
const bins = data.calibration;
byId("kept").hidden = bins.length < 2;
byId("bins").textContent = bins.map(b => `${plain(b.predicted, 2)}: ${plain(b.seen, 2)} of ${plain(b.count, 0)}`).join(" · ");

show(() => {
  players(document.querySelector("#players svg"));
  if (moved.length > 1)
    chart(byId("convergence"), { label: "How far skills moved in each sweep", x: moved.map((_, k) => k + 2), low: null, high: null, series: [{ name: "moved", values: moved, colour: "var(--accent)" }] });
  if (bins.length > 1)
    chart(byId("calibration"), {
      label: "How often outcomes came true, by predicted probability",
      x: bins.map(b => b.predicted),
      high: 1,
      series: [{ name: "as predicted", values: bins.map(b => b.predicted), colour: "var(--muted)", dash: "4 3", isQuiet: true }, { name: "seen", values: bins.map(b => b.seen), colour: "var(--accent)" }],
    });
});
