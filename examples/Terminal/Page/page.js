// A chart of curves over common places, with their values at the pointer in `values`. A value may be null: the curve has a gap there.
let clips = 0;
function chart(svg, { label, x, series, values, low = 0, high, digits = 2, share = 0.5, unit = "", mark }) {
  const width = svg.clientWidth, height = Math.min(320, Math.max(150, width * share)), left = 36, right = 8, top = 6, floor = height - 26;
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.height = `${height}px`;
  svg.setAttribute("aria-label", label);
  svg.replaceChildren();
  const all = series.flatMap(s => s.values).filter(v => v !== null), peak = high ?? Math.max(...all), least = low ?? Math.min(...all);
  const step = niceStep(peak - least, height < 200 ? 3 : 6), bottom = step * Math.floor(least / step + 1e-9), most = step * Math.ceil(peak / step - 1e-9);
  const first = x[0], last = x[x.length - 1], span = last - first || 1;
  const across = v => left + (width - left - right) * (v - first) / span, up = v => floor - (floor - top) * (v - bottom) / (most - bottom);
  for (let k = 0; bottom + k * step <= most + step / 1e6; k++) {
    const v = bottom + k * step;
    drawn("line", { class: k ? "grid" : "axis", x1: left, x2: width - right, y1: up(v), y2: up(v) }, svg);
    drawn("text", { x: left - 8, y: up(v) + 4, "text-anchor": "end" }, svg, plain(v, decimalsOf(step)));
  }
  const every = niceStep(span, width < 480 ? 4 : 8);
  for (let k = Math.ceil(first / every); k * every <= last + every / 1e6; k++)
    drawn("text", { x: across(k * every), y: floor + 17, "text-anchor": "middle" }, svg, plain(k * every, decimalsOf(every)));
  if (mark !== undefined) drawn("line", { class: "mark", x1: across(mark), x2: across(mark), y1: top, y2: floor }, svg);
  // Where the range is given, a curve may leave it.
  const clip = `inside-${clips++}`, clipped = drawn("g", { "clip-path": `url(#${clip})` }, svg);
  drawn("rect", { x: left, y: top - 2, width: width - left - right, height: floor - top + 4 }, drawn("clipPath", { id: clip }, svg));
  for (const s of series) {
    let pen = "M";
    const path = s.values.map((v, k) => {
      if (v === null) { pen = "M"; return ""; }
      const piece = `${pen}${across(x[k]).toFixed(1)} ${up(v).toFixed(1)}`;
      pen = "L";
      return piece;
    }).join("");
    drawn("path", { class: "line", stroke: s.colour, "stroke-dasharray": s.dash ?? "none", "stroke-width": s.width ?? 1.6, d: path }, clipped);
  }
  const line = drawn("line", { class: "hover", y1: top, y2: floor }, svg);
  const dots = series.map(s => drawn("circle", { class: "dot", r: 4, fill: s.colour }, svg));
  if (values && values.children.length !== series.length) values.replaceChildren(...series.map(s => element("span", { style: `--of:${s.colour}` })));
  const pointAt = (k, isPointed) => {
    line.style.display = isPointed ? "" : "none";
    line.setAttribute("x1", across(x[k]));
    line.setAttribute("x2", across(x[k]));
    series.forEach((s, at) => {
      const isThere = s.values[k] !== null && s.values[k] >= bottom && s.values[k] <= most && (isPointed || !s.isQuiet);
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
