// Upright is 0; angles turn anticlockwise.
const cx = width / 2, cy = height / 2, length = Math.min(width, height) * 0.36;
const x = cx - length * Math.sin(state.Angle), y = cy - length * Math.cos(state.Angle);
context.lineCap = "round";

// The circle of the bob, and the mark of upright.
context.strokeStyle = theme.line;
context.lineWidth = 1;
context.beginPath();
context.arc(cx, cy, length, 0, 2 * Math.PI);
context.stroke();
context.strokeStyle = theme.muted;
context.lineWidth = 1.5;
context.beginPath();
context.moveTo(cx, cy - length - 5);
context.lineTo(cx, cy - length - 14);
context.stroke();

// Rod, pivot and bob.
context.strokeStyle = theme.ink;
context.lineWidth = length * 0.045;
context.beginPath();
context.moveTo(cx, cy);
context.lineTo(x, y);
context.stroke();
context.fillStyle = theme.surface;
context.lineWidth = 2;
context.beginPath();
context.arc(cx, cy, length * 0.055, 0, 2 * Math.PI);
context.fill();
context.stroke();
context.fillStyle = theme.accent;
context.strokeStyle = theme.surface;
context.lineWidth = 3;
context.beginPath();
context.arc(x, y, length * 0.12, 0, 2 * Math.PI);
context.fill();
context.stroke();

// The torque: an arc around the pivot, up to three quarters of a half turn, with a head.
const torque = action.Value, radius = length * 0.3;
if (Math.abs(torque) > 0.02) {
  const sweep = -torque / 2 * 0.75 * Math.PI, from = -Math.PI / 2, to = from + sweep, turn = Math.sign(sweep);
  context.strokeStyle = theme.second;
  context.fillStyle = theme.second;
  context.lineWidth = Math.max(2, length * 0.022);
  context.beginPath();
  context.arc(cx, cy, radius, from, to, sweep < 0);
  context.stroke();
  const size = length * 0.06, px = cx + radius * Math.cos(to), py = cy + radius * Math.sin(to);
  const ahead = to + turn * Math.PI / 2;
  context.beginPath();
  context.moveTo(px + size * 1.4 * Math.cos(ahead), py + size * 1.4 * Math.sin(ahead));
  context.lineTo(px + size * Math.cos(to), py + size * Math.sin(to));
  context.lineTo(px - size * Math.cos(to), py - size * Math.sin(to));
  context.closePath();
  context.fill();
}
