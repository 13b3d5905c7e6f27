const shown = data.shown, days = shown.rain.length, learnt = data.learnt;
const share = v => plain(100 * v, 1);

figure("Two umbrellas, day 2", plain(data.two_days.filtered[1], 6), "", "probability of rain; in the book .883");
figure("Right when smoothed", share(shown.right_smoothed), "%", `filtered ${share(shown.right_filtered)} %, likeliest ${share(shown.right_likeliest)} %`);
figure("Log evidence", plain(shown.log_evidence, 3), "nats", `of ${plain(days, 0)} days; likeliest weather ${plain(shown.log_likeliest, 3)}`);
figure("Weather stays, learnt", plain(learnt.found[0], 3), "", `true ${plain(learnt.true[0], 1)}; from ${plain(learnt.days, 0)} days`);
facts([["seed", data.seed], ["draws", plain(data.draw_count, 0)], ["threads", data.threads], ["instruction set", data.instructionSet]]);
byId("told").textContent = `${plain(learnt.days, 0)} days; log p of a day ${plain(learnt.log_evidence_found, 4)}, by the true probabilities ${plain(learnt.log_evidence_true, 4)}`;

const strips = [
  ["umbrella", shown.umbrellas, "--fourth"],
  ["rain", shown.rain, "--ink"],
  ["likeliest", shown.likeliest, "--accent"],
  ...data.draws.map((draw, k) => [k ? "" : "drawn", [...draw].map(Number), "--third"]),
];

function drawStrips(svg) {
  const width = svg.clientWidth, left = 64, row = 16, gap = 4;
  const top = strips.map((_, k) => k * (row + gap) + (k > 2 ? 8 : 0)), height = top[top.length - 1] + row;
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.height = `${height}px`;
  svg.setAttribute("aria-label", `Umbrellas, rain, the likeliest weather and draws of it on ${days} days`);
  strips.forEach(([name, values, colour], k) => {
    drawn("text", { x: left - 8, y: top[k] + 12, "text-anchor": "end" }, svg, name);
    const step = (width - left) / days;
    values.forEach((v, day) => drawn("rect", {
      class: v > 0.5 ? "on" : "off", style: `--of:var(${colour})`, x: left + day * step, y: top[k], width: Math.max(0.5, step - (step > 4 ? 1 : 0)), height: row,
    }, svg));
  });
}

const dayNumbers = shown.rain.map((_, k) => k + 1), course = data.course;
const names = ["weather stays", "umbrella in rain", "umbrella without"], curves = [course.stay, course.in_rain, course.without];

show(() => {
  const colours = ["--accent", "--second", "--third"].map(colour);
  chart(byId("rain"), {
    label: `The probability of rain on each of ${days} days, filtered, smoothed, and the share of draws`,
    x: dayNumbers, low: 0, high: 1, digits: 3, share: 0.22, values: byId("values"),
    series: [
      { name: "filtered", values: shown.filtered, colour: colours[1] },
      { name: "smoothed", values: shown.smoothed, colour: colours[0], width: 2.2 },
      { name: "share of draws", values: shown.drawn, colour: colours[2], dash: "2 3" },
    ],
  });
  drawStrips(byId("days"));
  chart(byId("learning"), {
    label: "The probabilities of the world as they are learnt, step after step, beside the true ones",
    x: course.steps, low: 0, high: 1, digits: 3, share: 0.3, values: byId("learning-values"),
    series: [
      ...names.map((name, k) => ({ name, values: curves[k], colour: colours[k] })),
      ...names.map((name, k) => ({ name: "true", values: course.steps.map(() => learnt.true[k]), colour: colours[k], dash: "3 4" })),
    ],
  });
});
