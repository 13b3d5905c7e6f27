const kinds = ["exact", ...data.families.map(f => f.name)];
const colours = ["var(--ink)", "var(--second)", "var(--third)", "var(--accent)"];
const dashes = ["none", "2 3", "6 3", "none"];

figure("Log evidence", plain(data.evidence, 3), "nats", "exact, by quadrature");
for (const f of data.families)
  figure(`ELBO, ${f.name}`, plain(f.elbo, 3), "nats", `${plain(data.evidence - f.elbo, 3)} below; ${plain(data.steps, 0)} steps in ${plain(f.seconds, 2)} s`);
facts([["seed", data.seed], ["steps", plain(data.steps, 0)], ["threads", data.threads], ["instruction set", data.instructionSet]]);
byId("legend").append(...kinds.map((name, k) => element("span", { style: `--of:${colours[k]}` }, name)));

const titles = { mu: ["μ", "mean of the effects"], tau: ["τ", "deviation of the effects"] };
const panels = data.quantities.map((q, at) => {
  const school = at - 2, section = element("section"), h2 = element("h2", {}, titles[q.name]?.[0] ?? `θ ${q.name.slice(-1)}`);
  h2.append(element("span", {}, titles[q.name]?.[1] ?? `measured ${plain(data.effects[school], 0)} ± ${plain(data.errors[school], 0)}`));
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "chart");
  svg.setAttribute("role", "img");
  section.append(h2, svg);
  byId("board").append(section);
  return svg;
});

const row = (tag, cells) => {
  const made = element("tr");
  made.append(element("th", { scope: tag === "th" ? "col" : "row" }, cells[0]), ...cells.slice(1).map(text => element(tag, tag === "th" ? { scope: "col" } : {}, text)));
  return made;
};
document.querySelector("thead").append(row("th", ["", ...kinds]));
for (const q of data.quantities)
  document.querySelector("tbody").append(row("td", [(titles[q.name]?.[0] ?? `θ ${q.name.slice(-1)}`), ...q.means.map((m, k) => `${plain(m, 2)} ± ${plain(q.deviations[k], 2)}`)]));

show(() => data.quantities.forEach((q, at) => chart(panels[at], {
  label: `The density of ${q.name}: exact mean ${plain(q.means[0], 2)}, standard deviation ${plain(q.deviations[0], 2)}`,
  x: q.x,
  digits: 3,
  series: kinds.map((name, k) => ({ name, values: q.densities[k], colour: colours[k], dash: dashes[k], isQuiet: true })),
})));
