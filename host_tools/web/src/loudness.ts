// How loud a prompt is on the line, as endcall.loudness. dBm into 600 ohm, by the simulation of the board.

import { LINE } from './contract.ts';

const FULL_SCALE = 32768;
const SINE_DB = 10 * Math.log10(2); // the mean power of a full-scale sine is this far under that of a full-scale square

/** In dBm, -Infinity for silence. `low_db`, `high_db`: what lies outside of the line's band, against the whole. */
export interface Level {
  mean_dbm: number;
  worst_dbm: number;
  peak_dbm: number;
  low_db: number;
  high_db: number;
  is_clipped: boolean;
}

type Samples = ArrayLike<number>;

const db = (power: number): number => (power ? 10 * Math.log10(power) : -Infinity);

export function measure(samples: Samples, rateHz: number): Level {
  const powers = framePowers(samples, rateHz, 100);
  const speech = speechPower(framePowers(samples, rateHz, 50));
  const window = Math.min(powers.length, LINE.limit_window_s * 100);
  const sums = [0];
  for (const power of powers) sums.push(sums.at(-1)! + power);
  let worst = 0;
  for (let at = 0; at + window <= powers.length; at++) worst = Math.max(worst, (sums[at + window]! - sums[at]!) / window);
  const [low, high] = bounds(samples);
  const peak = Math.max(high, -low) / FULL_SCALE;
  const total = sums.at(-1)!;
  const outside = (edgeHz: number, isHigh: boolean): number =>
    db(framePowers(passed(samples, rateHz, edgeHz, isHigh), rateHz, 100).reduce((sum, power) => sum + power, 0) / total);
  return {
    mean_dbm: db(speech) + SINE_DB + LINE.nominal_dbm_at_0_dbfs,
    worst_dbm: db(worst) + SINE_DB + LINE.worst_dbm_at_0_dbfs,
    peak_dbm: db(peak ** 2) + LINE.worst_dbm_at_0_dbfs,
    low_db: total ? outside(LINE.low_hz, false) : -Infinity,
    high_db: total && rateHz > 2 * LINE.high_hz ? outside(LINE.high_hz, true) : -Infinity,
    is_clipped: isClipped(samples),
  };
}

/** What speaks against playing it, a sentence each. */
export function concerns(level: Level): string[] {
  if (level.mean_dbm === -Infinity) return ['It is silent.'];
  const found: string[] = [];
  const usual = `speech on a line is usually at ${LINE.wanted_dbm} dBm.`;
  if (level.worst_dbm > LINE.limit_dbm || level.peak_dbm > LINE.limit_dbm)
    found.push(`It is too loud: the limit on a line is ${LINE.limit_dbm} dBm.`);
  else if (level.mean_dbm > LINE.too_loud_dbm) found.push(`It is loud: ${usual}`);
  if (level.mean_dbm < LINE.too_quiet_dbm) found.push(`It is quiet: ${usual}`);
  if (level.is_clipped) found.push('Its peaks are cut off (clipped), and it will crackle.');
  if (Math.max(level.low_db, level.high_db) > LINE.out_of_band_db) {
    const where = level.low_db > level.high_db ? `below ${LINE.low_hz}` : `above ${LINE.high_hz}`;
    found.push(`Much of its energy lies ${where} Hz, where a telephone line carries nothing.`);
  }
  return found;
}

export const levelText = (level: Level): string =>
  level.mean_dbm === -Infinity
    ? 'silence'
    : `${level.mean_dbm.toFixed(1)} dBm on the line while it speaks; at most ${level.worst_dbm.toFixed(1)} dBm over ` +
      `${LINE.limit_window_s} s and ${level.peak_dbm.toFixed(1)} dBm at its peak (limit ${LINE.limit_dbm} dBm)`;

function framePowers(samples: Samples, rateHz: number, perS: number): number[] {
  const step = Math.max(1, Math.floor(rateHz / perS));
  const powers: number[] = [];
  for (let start = 0; start < samples.length; start += step) {
    const end = Math.min(start + step, samples.length);
    let sum = 0;
    for (let at = start; at < end; at++) sum += samples[at]! ** 2;
    powers.push(sum / (end - start) / FULL_SCALE ** 2);
  }
  return powers.length ? powers : [0];
}

function speechPower(powers: number[]): number {
  const floor = Math.max(...powers) / 1000;
  const loud = powers.filter(power => power > floor);
  return loud.length ? loud.reduce((sum, power) => sum + power, 0) / loud.length : 0;
}

/** `samples` through a Butterworth filter of fourth order that passes what is above (or below) `edgeHz`. */
function passed(samples: Samples, rateHz: number, edgeHz: number, isHigh: boolean): Float64Array {
  let out = Float64Array.from(samples);
  const turn = (2 * Math.PI * edgeHz) / rateHz;
  for (const q of [0.5412, 1.3066]) {
    const alpha = Math.sin(turn) / (2 * q);
    const side = isHigh ? -1 : 1;
    const b1 = (side * (1 - side * Math.cos(turn))) / (1 + alpha);
    const b0 = Math.abs(b1) / 2;
    const a1 = (-2 * Math.cos(turn)) / (1 + alpha);
    const a2 = (1 - alpha) / (1 + alpha);
    let [x1, x2, y1, y2] = [0, 0, 0, 0];
    out = out.map(x => {
      const y = b0 * (x + x2) + b1 * x1 - a1 * y1 - a2 * y2;
      [x2, x1, y2, y1] = [x1, x, y1, y];
      return y;
    });
  }
  return out;
}

function isClipped(samples: Samples): boolean {
  return bounds(samples).some(edge => {
    if (Math.abs(edge) < FULL_SCALE / 8) return false; // a quiet file has few values anyway
    let [tops, run] = [0, 0];
    for (let at = 0; at < samples.length; at++) {
      run = samples[at] === edge ? run + 1 : 0;
      if (run === LINE.flat_samples) tops += 1;
    }
    return tops >= LINE.flat_tops;
  });
}

/** Lowest and highest sample. */
function bounds(samples: Samples): [number, number] {
  let low = samples[0] ?? 0;
  let high = low;
  for (let at = 0; at < samples.length; at++) {
    low = Math.min(low, samples[at]!);
    high = Math.max(high, samples[at]!);
  }
  return [low, high];
}
