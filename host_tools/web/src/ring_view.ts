// The ring on the screen: what the device reports, drawn as its own ring is drawn.

import type { Status } from './client.ts';
import type { Values } from './contract.ts';
import { HERE, PRACTICE, draw, plain, type View } from './ring.ts';
import type { TestPicture } from './self_test.ts';

const FRAME_MS = 50;
/** The device's clock is read a few times a second; smaller differences are the cable's. */
const DRIFT_MS = 150;

// A LED's light is linear in its byte, a screen's is not; and an eye gets used to a dim ring. So 20 % looks lit.
const GAMMA = 1 / 2.2;
const GAIN = 1.55;
// With the full gamma amber would turn yellow and blue turn cyan: the hue bends less than the level.
const HUE_GAMMA = 1 / 1.4;

const nowMs = (): number => Math.floor(performance.now());

/** What the ring shows after `status` came at `now`, with `before` on it until then. */
export function follow(before: View | null, status: Status, rules: Values, closingMs: number, now: number): View {
  const same = before?.state === status.state ? before : null;
  const sinceMs = now - status.state_ms;
  const view: View = {
    state: status.state,
    since_ms: same && Math.abs(same.since_ms - sinceMs) < DRIFT_MS ? same.since_ms : sinceMs,
    rules,
    fault: status.fault,
    is_down: status.button,
    down_ms: 0,
    up_ms: 0,
    prompt_ms: same?.prompt_ms ?? 0,
    prompt_since_ms: same?.prompt_since_ms ?? null,
    finished_ms: same?.finished_ms ?? null,
    handset_down: status.line === 'on_hook',
    refused_ms: null,
  };
  if (view.state === 'ENFORCE' && status.playing && !view.prompt_ms) {
    view.prompt_ms = closingMs;
    view.prompt_since_ms = view.since_ms;
  }
  if (view.prompt_ms && !status.playing) view.finished_ms ??= now;
  return view;
}

export class RingView {
  /** The bytes that go to the LEDs now. */
  picture = new Uint8Array(72);
  /** What the self-test shows in place of everything else. */
  test: TestPicture | null = null;
  private view: View | null = null;
  private isPractice = false;
  private hereUntilMs = 0;
  private readonly canvas: HTMLCanvasElement;
  private readonly calm = matchMedia('(prefers-reduced-motion: reduce)');

  constructor(canvas: HTMLCanvasElement) {
    this.canvas = canvas;
    new ResizeObserver(() => this.paint()).observe(canvas);
    setInterval(() => this.turn(), FRAME_MS);
  }

  report(status: Status, rules: Values, closingMs: number): void {
    const calm = { ...rules, 'ring.reduced_motion': rules['ring.reduced_motion'] || this.calm.matches };
    this.isPractice = status.practice ?? false;
    this.view = follow(this.view, status, calm, closingMs, nowMs());
    this.turn();
  }

  /** The device says "here I am" for so long. */
  sayHere(s: number): void {
    this.hereUntilMs = nowMs() + s * 1000;
  }

  goDark(): void {
    this.view = null;
    this.test = null;
    this.hereUntilMs = 0;
    this.turn();
  }

  private turn(): void {
    const pixels = (this.view?.rules['ring.pixels'] as number | undefined) ?? this.picture.length / 3;
    const next = new Uint8Array(3 * pixels);
    const also = (this.isPractice ? PRACTICE : 0) | (nowMs() < this.hereUntilMs ? HERE : 0);
    if (this.view && this.test) plain(this.view.rules, this.test.colour ?? (this.test.is_down ? [255, 255, 255] : [0, 0, 0]), next);
    else if (this.view) draw(this.view, nowMs(), next, also);
    if (next.length === this.picture.length && next.every((byte, at) => byte === this.picture[at])) return;
    this.picture = next;
    this.paint();
  }

  private paint(): void {
    const { canvas, picture } = this;
    const size = Math.round(canvas.clientWidth * devicePixelRatio);
    const context = canvas.getContext('2d');
    if (!size || !context) return;
    if (canvas.width !== size) canvas.width = canvas.height = size;
    const middle = size / 2;
    const radius = size * 0.4;
    const pixels = picture.length / 3;
    context.globalCompositeOperation = 'source-over';
    context.clearRect(0, 0, size, size);
    for (const [width, colour] of [[0.13, '#0c0d10'], [0.105, '#17191e']] as const) {
      context.lineWidth = size * width;
      context.strokeStyle = colour;
      context.beginPath();
      context.arc(middle, middle, radius, 0, 2 * Math.PI);
      context.stroke();
    }
    const led = Math.min(size * 0.026, ((radius * Math.PI) / pixels) * 0.8);
    context.globalCompositeOperation = 'lighter';
    for (let index = 0; index < pixels; index++) {
      const angle = (index / pixels) * 2 * Math.PI - Math.PI / 2;
      const x = middle + radius * Math.cos(angle);
      const y = middle + radius * Math.sin(angle);
      const bytes = [...picture.subarray(3 * index, 3 * index + 3)];
      const brightest = Math.max(...bytes);
      const level = Math.min(1, (brightest / 255) ** GAMMA * GAIN);
      dot(context, x, y, led, 'rgba(255,255,255,.09)', 'rgba(255,255,255,.03)');
      if (!level) continue;
      const hue = bytes.map(byte => Math.round((byte / brightest) ** HUE_GAMMA * 255));
      const hot = hue.map(value => Math.round(value + (255 - value) * 0.45 * level));
      dot(context, x, y, led * 4.5, `rgba(${hue},${0.3 * level})`, `rgba(${hue},0)`);
      dot(context, x, y, led * 2.2, `rgba(${hue},${0.85 * level})`, `rgba(${hue},0)`);
      dot(context, x, y, led * 1.1, `rgba(${hot},${level})`, `rgba(${hot},${0.3 * level})`);
    }
  }
}

function dot(
  context: CanvasRenderingContext2D, x: number, y: number, radius: number, inner: string, outer: string,
): void {
  const gradient = context.createRadialGradient(x, y, 0, x, y, radius);
  gradient.addColorStop(0, inner);
  gradient.addColorStop(1, outer);
  context.fillStyle = gradient;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
}
