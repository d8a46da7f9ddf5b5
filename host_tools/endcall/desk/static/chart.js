// A strip chart of the line: the state, the loop current with every break measured, and the sound that goes into it.

const LOOP_MA = 25;           // nominal: what a short line gives
const KEPT_MS = 30000;
const DRAWN_MS = 15000;
const NARROW_MS = 8000;       // on a phone's screen
const ON_HOOK_MS = 2500;      // a longer gap by the handset is no break, the phone is simply on-hook

export class Chart {
  constructor(canvas, style) {
    this.canvas = canvas;
    this.style = style;
    this.lines = [];          // {t, flows, cause, bell}
    this.states = [];         // {t, state}
    this.breaks = [];         // {start, ms, cause}; every one that ended
  }

  line(event) {
    this.lines.push({ t: event.t, flows: event.flows, cause: event.cause, bell: event.bell });
    while (this.lines.length > 1 && this.lines[1].t < event.t - KEPT_MS) this.lines.shift();
  }

  state(t, state) {
    if (this.states.at(-1)?.state !== state) this.states.push({ t, state });
    while (this.states.length > 1 && this.states[1].t < t - KEPT_MS) this.states.shift();
  }

  gap(event) {
    this.breaks.push({ start: event.start, ms: event.ms, cause: event.cause });
    if (this.breaks.length > 100) this.breaks.shift();
  }

  draw(now, envelope) {
    const { canvas, style } = this;
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (!width) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const ctx = canvas.getContext('2d');
    const spanMs = canvas.clientWidth < 560 ? NARROW_MS : DRAWN_MS;
    const left = 46 * ratio;
    const right = width - 6 * ratio;
    const view = {
      ctx, ratio, style, now, from: now - spanMs, left, right, width,
      x: t => left + (t - (now - spanMs)) / spanMs * (right - left),
      states: [4, 22].map(y => y * ratio),
      current: [58 * ratio, height - 88 * ratio],
      sound: [height - 74 * ratio, height - 24 * ratio],
      foot: height - 6 * ratio,
    };
    ctx.clearRect(0, 0, width, height);
    ctx.textBaseline = 'middle';
    this.drawGrid(view);
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, 0, right - left, height);
    ctx.clip();
    this.drawStates(view);
    this.drawCurrent(view);
    this.drawSound(view, envelope);
    this.drawBreaks(view);
    ctx.restore();
    this.drawLabels(view);
  }

  drawGrid({ ctx, ratio, style, now, from, x, current, sound, foot }) {
    ctx.lineWidth = ratio;
    ctx.font = font(11, ratio);
    ctx.textAlign = 'center';
    ctx.strokeStyle = style('--hairline');
    for (const y of [current[1], (sound[0] + sound[1]) / 2]) stroke(ctx, [[x(from), y], [x(now), y]]);
    for (let second = Math.ceil(from / 1000); second * 1000 <= now; second++) {
      const isLabelled = second % 5 === 0;
      ctx.strokeStyle = isLabelled ? style('--hairline-strong') : style('--hairline');
      stroke(ctx, [[x(second * 1000), current[0] - 6 * ratio], [x(second * 1000), sound[1]]]);
      const at = x(second * 1000);
      if (isLabelled && second >= 0 && at > x(from) + 14 * ratio && at < x(now) - 14 * ratio) {
        ctx.fillStyle = style('--muted');
        ctx.fillText(clock(second), at, foot - 6 * ratio);
      }
    }
  }

  drawStates({ ctx, ratio, style, now, from, x, states: [top, bottom] }) {
    ctx.textAlign = 'left';
    ctx.font = font(11, ratio, 650);
    this.states.forEach((entry, index) => {
      const end = this.states[index + 1]?.t ?? now;
      if (end < from) return;
      const start = Math.max(entry.t, from);
      const room = x(end) - x(start) - 2 * ratio;
      ctx.fillStyle = style(`--state-${entry.state}`) || style('--muted');
      round(ctx, x(start), top, Math.max(2 * ratio, room), bottom - top, 5 * ratio);
      if (ctx.measureText(entry.state).width + 14 * ratio < room) {
        ctx.fillStyle = style(`--on-${entry.state}`) || '#fff';
        ctx.fillText(entry.state, x(start) + 7 * ratio, (top + bottom) / 2 + ratio * 0.5);
      }
    });
  }

  // The line's pieces that can be seen, as [start, end, piece].
  pieces(from, now) {
    return this.lines
      .map((piece, index) => [Math.max(piece.t, from), this.lines[index + 1]?.t ?? now, piece])
      .filter(([start, end]) => end > start);
  }

  drawCurrent({ ctx, ratio, style, now, from, x, current: [top, bottom] }) {
    const points = [];
    const pieces = this.pieces(from, now);
    for (const [start, end, piece] of pieces) {
      const y = piece.flows ? top : bottom;
      points.push([x(start), y], [x(end), y]);
      if (!piece.flows && piece.cause !== 'handset') {
        ctx.fillStyle = style(`--${piece.cause}-soft`);
        ctx.fillRect(x(start), top - 6 * ratio, x(end) - x(start), bottom - top + 6 * ratio);
      }
    }
    if (!points.length) return;
    const fill = ctx.createLinearGradient(0, top, 0, bottom);
    fill.addColorStop(0, style('--trace-fill'));
    fill.addColorStop(1, 'transparent');
    ctx.fillStyle = fill;
    ctx.beginPath();
    ctx.moveTo(points[0][0], bottom);
    points.forEach(point => ctx.lineTo(...point));
    ctx.lineTo(points.at(-1)[0], bottom);
    ctx.fill();
    ctx.strokeStyle = style('--trace');
    ctx.lineWidth = 2.25 * ratio;
    ctx.lineJoin = 'round';
    stroke(ctx, points);
    for (const [start, end, piece] of pieces) if (piece.bell) this.drawBell(ctx, ratio, style, x(start), x(end), top, bottom);
    ctx.fillStyle = style('--trace');
    ctx.beginPath();
    ctx.arc(points.at(-1)[0] - 3 * ratio, points.at(-1)[1], 3.5 * ratio, 0, 2 * Math.PI);
    ctx.fill();
  }

  // Ringing is an alternating voltage of 20 Hz, too fast for this chart: a band, not a curve.
  drawBell(ctx, ratio, style, from, to, top, bottom) {
    const middle = (top + bottom) / 2;
    ctx.strokeStyle = style('--bell');
    ctx.lineWidth = 1.5 * ratio;
    ctx.beginPath();
    for (let at = from; at < to; at += 4 * ratio) {
      ctx.moveTo(at, middle - (bottom - top) * 0.28);
      ctx.lineTo(at, middle + (bottom - top) * 0.28);
    }
    ctx.stroke();
    if (to - from > 60 * ratio) {
      ctx.font = font(12, ratio, 650);
      ctx.textAlign = 'center';
      pill(ctx, ratio, 'ringing', (from + to) / 2, middle, style('--bell'), style('--panel'));
    }
  }

  drawSound({ ctx, ratio, style, from, now, x, sound: [top, bottom] }, envelope) {
    const middle = (top + bottom) / 2;
    const half = (bottom - top) / 2;
    ctx.fillStyle = style('--sound');
    const wide = Math.max(ratio, x(10) - x(0));
    for (let at = envelope.length - 1; at >= 0 && envelope[at].t >= from; at--) {
      // The square root of the amplitude: nearer to loudness, so that soft syllables show.
      const tall = Math.sqrt(envelope[at].peak) * half;
      if (envelope[at].t <= now) ctx.fillRect(x(envelope[at].t), middle - tall, wide, 2 * tall);
    }
  }

  drawBreaks({ ctx, ratio, style, now, from, x, current: [top, bottom] }) {
    const last = this.lines.at(-1);
    const open = last && !last.flows ? [{ start: this.openedAt(), ms: now - this.openedAt(), cause: last.cause, isOpen: true }] : [];
    const edges = [];
    ctx.font = font(13, ratio, 700);
    ctx.textAlign = 'center';
    for (const gap of [...this.breaks, ...open]) {
      const end = gap.start + gap.ms;
      if (end < from) continue;
      const [a, b] = [Math.max(x(gap.start), x(from)), x(end)];
      const isOnHook = gap.cause === 'handset' && gap.ms > ON_HOOK_MS;
      const words = isOnHook ? 'on-hook' : `${Math.round(gap.ms)} ms${gap.isOpen ? '…' : ''}`;
      const colour = style(`--${gap.cause}`);
      const half = ctx.measureText(words).width / 2 + 9 * ratio;
      const middle = Math.min(Math.max((a + b) / 2, x(from) + half), x(now) - half);
      // Labels of breaks that lie close together go below one another.
      let row = 0;
      while (edges[row] !== undefined && edges[row] > middle - half) row++;
      edges[row] = middle + half + 4 * ratio;
      const y = top - 14 * ratio + row * 24 * ratio;
      ctx.strokeStyle = colour;
      ctx.lineWidth = 1.5 * ratio;
      if (!isOnHook) {
        ctx.setLineDash([3 * ratio, 3 * ratio]);
        stroke(ctx, [[a, y], [a, bottom]]);
        if (!gap.isOpen) stroke(ctx, [[b, y], [b, bottom]]);
        ctx.setLineDash([]);
        stroke(ctx, [[a, y], [b, y]]);
      }
      pill(ctx, ratio, words, middle, y, colour, style('--on-pill'));
    }
  }

  openedAt() {
    let at = this.lines.length - 1;
    while (at > 0 && !this.lines[at - 1].flows && this.lines[at - 1].cause === this.lines.at(-1).cause) at--;
    return this.lines[at].t;
  }

  drawLabels({ ctx, ratio, style, left, current, sound }) {
    ctx.font = font(11, ratio);
    ctx.textAlign = 'right';
    ctx.fillStyle = style('--muted');
    const at = left - 8 * ratio;
    ctx.fillText(`${LOOP_MA} mA`, at, current[0]);
    ctx.fillText('0', at, current[1]);
    ctx.fillText('sound', at, (sound[0] + sound[1]) / 2);
  }
}

export const clock = seconds => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

const font = (size, ratio, weight = 450) => `${weight} ${size * ratio}px system-ui, "Segoe UI", "Liberation Sans", sans-serif`;

function stroke(ctx, points) {
  ctx.beginPath();
  points.forEach(([x, y], index) => index ? ctx.lineTo(x, y) : ctx.moveTo(x, y));
  ctx.stroke();
}

function round(ctx, x, y, width, height, radius) {
  ctx.beginPath();
  ctx.roundRect(x, y, width, height, Math.min(radius, width / 2));
  ctx.fill();
}

function pill(ctx, ratio, words, x, y, colour, ink) {
  const width = ctx.measureText(words).width + 14 * ratio;
  ctx.fillStyle = colour;
  round(ctx, x - width / 2, y - 10 * ratio, width, 20 * ratio, 10 * ratio);
  ctx.fillStyle = ink;
  ctx.fillText(words, x, y + ratio * 0.5);
}
