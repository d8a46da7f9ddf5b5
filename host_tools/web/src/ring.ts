// The ring of light, as endcall_core.ring: 3 bytes (red, green, blue) per pixel, pixel 0 at 12 o'clock, clockwise.

import { EPISODE, type Values } from './contract.ts';

type Colour = readonly [number, number, number];

const WHITE: Colour = [255, 255, 255];
const DIM_WHITE: Colour = [90, 90, 90];
const AMBER: Colour = [255, 120, 0];
const DIM_AMBER: Colour = [60, 28, 0];
const RED: Colour = [255, 0, 0];
const BLUE: Colour = [0, 80, 255];
const MAGENTA: Colour = [255, 0, 200];
const CYAN: Colour = [0, 255, 255];
const DARK: Colour = [0, 0, 0];

const BREATHE_MS = 2000;
const CALM_IN_MS = 4000;
const CALM_OUT_MS = 6000;
const FELT_MS = 100;
const FELT_PLUS = 60;
const REFUSED_MS = 250;
const HANDSET_HINT_MS = 5000;
const CHANNEL_MA = 20;
const STEPS = 4;
const TURN_MS = 2000;

export const SERVICE = 1;
export const PRACTICE = 2;
export const HERE = 4;

/** What the picture is made of; instants in ms on one clock. */
export interface View {
  state: string;
  since_ms: number;
  rules: Values;
  fault: number;
  is_down: boolean;
  down_ms: number;
  up_ms: number;
  prompt_ms: number; // of the closing prompt, 0 until it started
  prompt_since_ms: number | null;
  finished_ms: number | null;
  handset_down: boolean;
  refused_ms: number | null;
}

type Out = Uint8Array;
const { floor, max, min } = Math;
const pixelsOf = (out: Out): number => out.length / 3;
const modulo = (value: number, by: number): number => ((value % by) + by) % by;

function paint(out: Out, first: number, count: number, colour: Colour): void {
  for (let index = first; index < first + count; index++) out.set(colour, modulo(index, pixelsOf(out)) * 3);
}

function scale(out: Out, factor: number, whole: number): void {
  for (let at = 0; at < out.length; at++) out[at] = floor((out[at]! * factor) / whole);
}

function breathe(sinceMs: number, inMs: number, outMs: number, isReduced: boolean): number {
  const phaseMs = sinceMs % (inMs + outMs);
  let level = phaseMs < inMs ? floor((phaseMs * 192) / inMs) : 192 - floor(((phaseMs - inMs) * 192) / outMs);
  if (isReduced) level -= level % (192 / STEPS);
  return 64 + level;
}

const part = (pixels: number, done: number, whole: number): number =>
  done <= 0 || whole <= 0 ? 0 : min(pixels, floor((pixels * done + whole - 1) / whole));

const s = (view: View, key: string): number => (view.rules[key] as number) * 1000;

const PICTURES: Record<string, (view: View, sinceMs: number, out: Out, isReduced: boolean) => void> = {
  READY: (_view, _sinceMs, out) => paint(out, 0, 1, DIM_WHITE),
  WARN: (view, sinceMs, out, isReduced) => {
    const pixels = pixelsOf(out);
    const half = floor(pixels / 2);
    paint(out, 0, half, AMBER);
    scale(out, breathe(sinceMs, BREATHE_MS / 2, BREATHE_MS / 2, isReduced), 256);
    const minWarnMs = s(view, 'call.min_warn_s');
    paint(out, half, sinceMs < minWarnMs ? part(pixels - half, sinceMs, minWarnMs) : pixels - half, DIM_AMBER);
  },
  WATCH: (view, sinceMs, out) => {
    const wholeMs = s(view, 'call.watch_s');
    paint(out, 0, max(1, part(floor(pixelsOf(out) / 4), wholeMs - sinceMs, wholeMs)), AMBER);
  },
  ENFORCE: (view, sinceMs, out, isReduced) => {
    const pixels = pixelsOf(out);
    paint(out, 0, pixels, RED);
    let dot = 0;
    if (view.finished_ms !== null) dot = pixels - 1;
    else if (view.prompt_ms) dot = min(pixels - 1, floor((pixels * max(0, sinceMs)) / view.prompt_ms));
    if (isReduced) dot -= dot % max(1, floor(pixels / STEPS));
    paint(out, dot, 1, WHITE);
  },
  RELEASE: (_view, _sinceMs, out) => {
    paint(out, 0, pixelsOf(out), RED);
    paint(out, -1, 3, DARK);
  },
  CONFIRM: (_view, _sinceMs, out) => paint(out, 0, pixelsOf(out), RED),
  RECOVER: (view, sinceMs, out, isReduced) => {
    const pixels = pixelsOf(out);
    if (!view.handset_down && sinceMs < HANDSET_HINT_MS) {
      const arc = max(1, floor(pixels / 6));
      paint(out, -floor(arc / 2), arc, BLUE);
      paint(out, floor(pixels / 2) - floor(arc / 2), arc, BLUE);
      return;
    }
    const wholeMs = s(view, 'call.recover_s');
    paint(out, 0, max(1, part(pixels, wholeMs - sinceMs, wholeMs)), BLUE);
    scale(out, breathe(sinceMs, CALM_IN_MS, CALM_OUT_MS, isReduced), 256);
  },
  FAULT: (view, _sinceMs, out) => {
    const pixels = pixelsOf(out);
    const corners = [0, 1, 2, 3].map(quarter => floor((pixels + 2 * pixels * quarter) / 8));
    let left = view.fault;
    for (let index = 0; index < pixels && left; index++)
      if (!corners.includes(index)) {
        paint(out, index, 1, DIM_WHITE);
        left--;
      }
    for (const index of corners) paint(out, index, 1, MAGENTA);
  },
};

/** Paint the picture of `view` at `nowMs` (whole ms) into `out`, whose length sets the pixel count. */
export function draw(view: View, nowMs: number, out: Out, also = 0): void {
  out.fill(0);
  let sinceMs = max(0, nowMs - view.since_ms);
  if (view.state === 'ENFORCE' && view.prompt_ms && view.prompt_since_ms !== null)
    sinceMs = max(0, nowMs - view.prompt_since_ms);
  const isReduced = view.rules['ring.reduced_motion'] as boolean;
  if (also & HERE && !EPISODE.includes(view.state)) here(nowMs, out, isReduced);
  else PICTURES[view.state]?.(view, sinceMs, out, isReduced);
  const pixels = pixelsOf(out);
  if (also & SERVICE) {
    const level = breathe(nowMs, BREATHE_MS, BREATHE_MS, isReduced);
    paint(out, floor(pixels / 2), 1, [0, floor((CYAN[1] * level) / 256), floor((CYAN[2] * level) / 256)]);
  }
  if (also & PRACTICE) for (let index = 0; index < pixels; index += 6) paint(out, index, 1, WHITE);
  if (view.refused_ms !== null && nowMs - view.refused_ms < REFUSED_MS) paint(out, floor(pixels / 2), 1, WHITE);
  if (view.is_down || (view.down_ms !== view.up_ms && nowMs - view.down_ms < FELT_MS))
    for (let at = 0; at < out.length; at++) out[at] = min(255, out[at]! + FELT_PLUS);
  limit(out, view.rules['ring.brightness_pct'] as number, view.rules['ring.current_limit_ma'] as number);
}

function here(nowMs: number, out: Out, isReduced: boolean): void {
  const pixels = pixelsOf(out);
  let at = floor(((nowMs % TURN_MS) * pixels) / TURN_MS);
  if (isReduced) at -= at % max(1, floor(pixels / STEPS));
  paint(out, at, max(1, floor(pixels / 4)), CYAN);
}

/** Paint all of `out` in one colour, as bright as the settings allow. */
export function plain(rules: Values, colour: Colour, out: Out): void {
  paint(out, 0, pixelsOf(out), colour);
  limit(out, rules['ring.brightness_pct'] as number, rules['ring.current_limit_ma'] as number);
}

function limit(out: Out, brightnessPct: number, limitMa: number): void {
  const sum = out.reduce((total, value) => total + value, 0);
  const ma = floor((floor((sum * CHANNEL_MA) / 255) * brightnessPct) / 100);
  const [factor, whole] = ma > limitMa ? [brightnessPct * limitMa, 100 * ma] : [brightnessPct, 100];
  for (let at = 0; at < out.length; at++) if (out[at]) out[at] = max(1, floor((out[at]! * factor) / whole));
}
