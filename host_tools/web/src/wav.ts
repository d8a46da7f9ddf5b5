// A prompt's header, read and judged as endcall_core.wav and endcall.prompt_file do, in the same words.

import { PROMPT } from './contract.ts';
import { check } from './settings.ts';
import { Trouble } from './trouble.ts';

export interface Wav {
  rate_hz: number;
  data_at: number;
  data_bytes: number;
  duration_ms: number;
}

const mark = (data: Uint8Array, at: number): string => String.fromCharCode(...data.subarray(at, at + 4));

/** Where the sound lies in a file. Throws Error with a sentence for what the device would not play to its end. */
export function parseWav(head: Uint8Array, size: number): Wav {
  if (head.length < 44 || mark(head, 0) !== 'RIFF' || mark(head, 8) !== 'WAVE')
    throw new Error('it is not a WAV file; export it as WAV, PCM 16 bit, mono');
  if (mark(head, 12) !== 'fmt ') throw new Error('it does not begin with its format; export it without tags');
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  let length = view.getUint32(16, true);
  const channels = view.getUint16(22, true);
  const rateHz = view.getUint32(24, true);
  const isPlain = length === 16 || (length === 18 && view.getUint16(36, true) === 0);
  if (view.getUint16(20, true) !== 1 || view.getUint16(34, true) !== 16 || !isPlain)
    throw new Error('its encoding is not plain PCM 16 bit; export it as WAV, PCM 16 bit');
  if (channels !== 1) throw new Error(`it has ${channels} channels; export it as mono`);
  if (rateHz !== PROMPT.rate_hz)
    throw new Error(`its sample rate is ${rateHz} Hz; the sound module takes ${PROMPT.rate_hz} Hz only`);
  let hasSound = false;
  let at = 20 + length;
  while (at + 8 <= head.length) {
    const name = mark(head, at);
    length = view.getUint32(at + 4, true);
    at += 8;
    if (name === 'data') {
      hasSound = true;
      break;
    }
    if (length & 1) throw new Error('a tag of odd length stands before its sound; export it without tags');
    at += length;
  }
  if (!hasSound) throw new Error(`no sound within its first ${PROMPT.head_bytes} bytes; export it without tags`);
  if (length === 0) throw new Error('there is no sound in it');
  if (at + length > size) throw new Error(`it is cut off: ${size - at} of ${length} bytes are there; copy it again`);
  if (length % 4)
    throw new Error(`its sound is ${length} bytes long, which is not a multiple of 4; pad it by a sample`);
  const durationMs = Math.floor((length * 500) / rateHz);
  if (durationMs < PROMPT.shortest_ms)
    throw new Error(`it lasts ${durationMs} ms; ${PROMPT.shortest_ms} ms is the shortest`);
  if (durationMs > PROMPT.longest_ms)
    throw new Error(
      `it lasts ${Math.floor(durationMs / 1000)} s; ${Math.floor(PROMPT.longest_ms / 1000)} s is the longest`,
    );
  return { rate_hz: rateHz, data_at: at, data_bytes: length, duration_ms: durationMs };
}

/** What is wrong with `name` as the name of a prompt, as a sentence, or null. */
export function nameProblem(name: string): string | null {
  const problem = check('prompt.closing', name);
  return problem && `'${name}' can't be the name of a prompt: it ${problem[2]}.`;
}

/** The sound in a file that is to become a prompt. Throws Trouble where the device could not play it, or has no room. */
export function judge(file: string, data: Uint8Array): Wav {
  let wav: Wav;
  try {
    wav = parseWav(data.subarray(0, PROMPT.head_bytes), data.length);
  } catch (error) {
    throw new Trouble(
      'invalid', `${file} can't be used as a prompt: ${(error as Error).message}.`, 'Nothing was changed.',
      `Or make one of it: endcall prompt convert "${file}" "${file.replace(/(?<=.)\.[^.]*$/, '')}_line.wav"`,
    );
  }
  if (data.length > PROMPT.slot_bytes) {
    const longest = PROMPT.slot_bytes / 2 / wav.rate_hz;
    throw new Trouble(
      'invalid',
      `${file} does not fit, it is ${(wav.duration_ms / 1000 - longest).toFixed(1)} s too ` +
        `long: it has ${data.length} bytes, and the device takes ${PROMPT.slot_bytes}.`,
      `That is ${longest.toFixed(1)} s; it lasts ${(wav.duration_ms / 1000).toFixed(1)} s.`,
      'Make it shorter. Nothing was changed.',
    );
  }
  return wav;
}

/** The sound as numbers, -32768..32767. */
export function samplesOf(data: Uint8Array, { data_at, data_bytes }: Wav): Int16Array {
  const view = new DataView(data.buffer, data.byteOffset + data_at, data_bytes);
  return Int16Array.from({ length: data_bytes / 2 }, (_, index) => view.getInt16(index * 2, true));
}

/** Lowest and highest sample of each of `columns` columns, -1..1. */
export function shape(samples: Int16Array, columns: number): [low: number, high: number][] {
  const found: [number, number][] = Array.from({ length: columns }, () => [0, 0]);
  samples.forEach((sample, index) => {
    const column = found[Math.floor((index * columns) / samples.length)]!;
    column[0] = Math.min(column[0], sample / 32768);
    column[1] = Math.max(column[1], sample / 32768);
  });
  return found;
}
