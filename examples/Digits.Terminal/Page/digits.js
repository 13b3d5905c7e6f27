const bytesOf = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const classColour = k => `hsl(${[0, 28, 48, 95, 150, 178, 205, 235, 275, 320][k]} ${isDark() ? "75% 66%" : "78% 36%"})`;
const conditional = data.model === "cvae";
const pixels = data.side * data.side;

// A canvas of its width on the page and a height, at the screen's own resolution.
function surface(canvas, height) {
  const width = canvas.clientWidth, ratio = window.devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

// An image: ink on the page's surface, by intensities 0 … 255.
const parse = text => /^#(..)(..)(..)$/.exec(text).slice(1).map(part => parseInt(part, 16));
function picture(intensities, from) {
  const made = document.createElement("canvas");
  made.width = made.height = data.side;
  const context = made.getContext("2d"), image = context.createImageData(data.side, data.side);
  const ink = parse(colour("--ink")), paper = parse(colour("--surface"));
  for (let k = 0; k < pixels; k++) {
    const share = intensities[from + k] / 255;
    for (let c = 0; c < 3; c++) image.data[4 * k + c] = Math.round(paper[c] + share * (ink[c] - paper[c]));
    image.data[4 * k + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return made;
}
function place(context, image, x, y, size) {
  context.imageSmoothingEnabled = false;
  context.drawImage(image, x, y, size, size);
  context.strokeStyle = colour("--line");
  context.lineWidth = 1;
  context.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1);
}

// Words and headline figures.
figure("Negative ELBO, test", plain(data.test, 2), "nats", "a digit, 50 draws of the posterior");
figure("Negative ELBO, training", plain(data.train, 2), "nats", "a digit, 50 draws of the posterior");
figure("Training", plain(data.seconds, 2), "s", `${plain(data.epochs, 0)} epochs`);
figure("Computed on", plain(data.threads, 0), data.threads === 1 ? "thread" : "threads", data.instructionSet);
byId("mapnote").textContent = `of training digits, ${data.latents} numbers each, along their first two principal components${conditional ? "; the label is known, so that codes need not tell it" : ""}`;
byId("samplenote").textContent = conditional ? "drawn for each label" : "drawn from the prior, each in the row of the class whose codes have the nearest mean";
facts([["model", data.model], ["seed", data.seed], ["numbers of a code", data.latents]]);
byId("source").textContent = data.mnist
  ? "Data: MNIST, LeCun, Cortes and Burges."
  : "Data: Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998, CC BY 4.0.";

// The curves of learning.
const epochs = data.elbo.length;
const drawCurve = () => chart(byId("curve"), {
  label: `The negative ELBO over ${epochs} epochs, from ${plain(data.elbo[0], 1)} to ${plain(data.elbo[epochs - 1], 1)} nats`,
  x: data.elbo.map((_, k) => k + 1),
  values: byId("values"),
  series: [
    { name: "negative ELBO", values: data.elbo, colour: "var(--accent)" },
    { name: "reconstruction", values: data.reconstruction, colour: "var(--second)" },
    { name: "KL", values: data.divergence, colour: "var(--third)" },
  ],
});

// Reconstructions beside originals, in as many columns as there is room for.
const originals = bytesOf(data.originals), restored = bytesOf(data.restored), pairs = originals.length / pixels;
function drawRestored() {
  const canvas = byId("restored"), width = canvas.clientWidth, columns = width < 480 ? 7 : 10, gap = 6;
  const size = Math.floor((width - gap * (columns - 1)) / columns), shown = Math.floor(pairs / columns) * columns || pairs;
  const rows = Math.ceil(shown / columns), tall = 2 * size + 3;
  const context = surface(canvas, rows * tall + (rows - 1) * 14);
  for (let k = 0; k < shown; k++) {
    const x = (k % columns) * (size + gap), y = Math.floor(k / columns) * (tall + 14);
    place(context, picture(originals, k * pixels), x, y, size);
    place(context, picture(restored, k * pixels), x, y + size + 3, size);
  }
}

// Samples, a row for each class.
const samples = data.samples.map(bytesOf);
function drawSamples() {
  const canvas = byId("samples"), width = canvas.clientWidth, left = 22, gap = 3, columns = 12;
  const size = Math.floor((width - left - gap * (columns - 1)) / columns);
  const context = surface(canvas, 10 * (size + gap));
  context.font = `600 13px ${colour("--text")}`;
  context.textBaseline = "middle";
  samples.forEach((images, label) => {
    const y = label * (size + gap);
    context.fillStyle = classColour(label);
    context.fillText(String(label), 2, y + size / 2);
    for (let k = 0; k < images.length / pixels; k++) place(context, picture(images, k * pixels), left + k * (size + gap), y, size);
  });
}

// The map of codes.
const labels = Array.from(data.labels, Number), shown = new Set(labels), packed = bytesOf(data.mapped);
const xs = labels.map((_, k) => data.map[2 * k]), ys = labels.map((_, k) => data.map[2 * k + 1]);
const range = values => { const low = Math.min(...values), high = Math.max(...values), room = 0.04 * (high - low) || 1; return [low - room, high + room]; };
const [x0, x1] = range(xs), [y0, y1] = range(ys);
let at = [];
function drawMap() {
  const canvas = byId("map"), width = canvas.clientWidth, height = Math.round(width * 0.8), context = surface(canvas, height);
  context.font = `600 ${width < 480 ? 8 : 10}px ${colour("--text")}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.globalAlpha = 0.85;
  at = labels.map((_, k) => [(xs[k] - x0) / (x1 - x0) * width, (y1 - ys[k]) / (y1 - y0) * height]);
  labels.forEach((label, k) => {
    if (!shown.has(label)) return;
    context.fillStyle = classColour(label);
    context.fillText(String(label), at[k][0], at[k][1]);
  });
}
const digit = byId("digit");
byId("map").addEventListener("pointermove", event => {
  const box = byId("map").getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
  let best = -1, nearest = 144;
  at.forEach(([px, py], k) => {
    const distance = (px - x) ** 2 + (py - y) ** 2;
    if (shown.has(labels[k]) && distance < nearest) { nearest = distance; best = k; }
  });
  digit.hidden = best < 0;
  if (best < 0) return;
  const bits = Uint8Array.from({ length: pixels }, (_, k) => (packed[(best * pixels + k) >> 3] >> (7 - (best * pixels + k) % 8)) & 1 ? 255 : 0);
  digit.style.left = `${at[best][0] + (at[best][0] > box.width / 2 ? -88 : 16)}px`;
  digit.style.top = `${Math.max(0, Math.min(box.height - 74, at[best][1] - 36))}px`;
  place(surface(digit, 72), picture(bits, 0), 0, 0, digit.clientWidth);
});
byId("map").addEventListener("pointerleave", () => { digit.hidden = true; });
for (let k = 0; k < 10; k++) {
  const button = element("button", { type: "button", "aria-pressed": "true" }, String(k));
  button.addEventListener("click", () => {
    if (!shown.delete(k)) shown.add(k);
    button.setAttribute("aria-pressed", shown.has(k));
    drawMap();
  });
  byId("classes").append(button);
}

function draw() {
  Array.from(byId("classes").children).forEach((button, k) => button.style.setProperty("--of", classColour(k)));
  drawCurve();
  drawRestored();
  drawMap();
  drawSamples();
}

show(draw);
