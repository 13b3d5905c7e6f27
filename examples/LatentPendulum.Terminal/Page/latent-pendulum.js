const mean = values => values.reduce((sum, v) => sum + v, 0) / values.length;
const rivals = [
  { name: "state-space model", values: data.stateSpace, colour: "var(--accent)" },
  { name: "feed-forward network", values: data.feedForward, colour: "var(--second)", dash: "6 3" },
  { name: "last value", values: data.lastValue, colour: "var(--third)", dash: "2 3" },
];
for (const r of rivals) figure(r.name[0].toUpperCase() + r.name.slice(1), plain(mean(r.values), 3), "nats", `a step, over ${r.values.length} steps of ${data.testRecordings} recordings`);
figure("Training", plain(data.seconds, 1), "s", `${plain(data.epochs, 0)} epochs; ELBO ${plain(data.elbo, 1)} nats a test recording`);
facts([["seed", data.seed], ["recordings", plain(data.recordings, 0)], ["width", data.width], ["latents", data.latents], ["threads", data.threads], ["instruction set", data.instructionSet]]);

const kinds = [["observed", "var(--muted)"], ["imagined", "var(--accent)"], ["feed-forward", "var(--second)"]];
byId("legend").append(...kinds.map(([name, of]) => element("span", { style: `--of:${of}` }, name)));
const parts = ["cos θ", "sin θ"];
const panels = data.shown.flatMap((recording, k) => {
  const group = element("div");
  byId("paths").append(group);
  return parts.map((name, part) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "chart");
    svg.setAttribute("role", "img");
    group.append(element("h3", {}, `${k + 1}: ${name}`), svg);
    return { svg, recording, part, label: `Recording ${k + 1}: ${name}, observed and imagined` };
  });
});

function drawPath({ svg, recording, part, label }) {
  const observed = recording.observed[part], imagined = recording.imagined[part], spread = recording.spread[part];
  const unseen = (v, k) => k < data.context ? null : v;
  chart(svg, {
    label, low: -1.5, high: 1.5, share: 0.4, mark: data.context,
    x: observed.map((_, k) => k + 1),
    series: [
      { name: "observed", values: observed, colour: "var(--muted)", width: 1, isQuiet: true },
      { name: "feed-forward", values: [...Array(data.context).fill(null), ...recording.feedForward[part]], colour: "var(--second)", dash: "6 3", isQuiet: true },
      ...[1, -1].map(side => ({ name: "", values: imagined.map((v, k) => unseen(v + side * spread[k], k)), colour: "var(--accent)", dash: "2 3", width: 1, isQuiet: true })),
      { name: "imagined", values: imagined, colour: "var(--accent)", isQuiet: true },
    ],
  });
}

show(() => {
  chart(byId("scores"), {
    label: "Log-likelihoods of three predictors by steps ahead",
    low: Math.min(...rivals.flatMap(r => r.values)), high: Math.max(...rivals.flatMap(r => r.values)), digits: 3,
    x: data.stateSpace.map((_, k) => k + 1), values: byId("scorevalues"), series: rivals,
  });
  chart(byId("learning"), {
    label: `The negative ELBO over ${data.learning.length} epochs`,
    low: Math.min(0, ...data.learning), x: data.learning.map((_, k) => k + 1), values: byId("learningvalues"),
    series: [{ name: "negative ELBO", values: data.learning, colour: "var(--accent)" }],
  });
  panels.forEach(drawPath);
});
