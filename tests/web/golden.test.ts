// The page's code says what the Python side says: cases from golden.json, and the conversation of the host's tests.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { SETTINGS, defaults } from '../../host_tools/web/src/contract.ts';
import { concerns, levelText, measure } from '../../host_tools/web/src/loudness.ts';
import { decodeIncident, toCsv } from '../../host_tools/web/src/records.ts';
import { draw, plain } from '../../host_tools/web/src/ring.ts';
import { accepted, check, checkChanges, differing } from '../../host_tools/web/src/settings.ts';
import { Float, keyPlaces, nearest, readToml, toToml } from '../../host_tools/web/src/settings_file.ts';
import { Trouble } from '../../host_tools/web/src/trouble.ts';
import { judge } from '../../host_tools/web/src/wav.ts';
import { Reader, frame } from '../../host_tools/web/src/wire.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
const golden = JSON.parse(read('golden.json'));
const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');

test('frames are the same bytes', () => {
  assert.ok(golden.frames.length > 3);
  for (const { message, payload, bytes: expected } of golden.frames)
    assert.equal(hex(frame(message, payload === null ? undefined : bytes(payload))), expected);
});

test('a frame of more than 512 bytes is refused', () => {
  assert.throws(() => frame({ id: 1, do: 'stage', values: { 'device.name': 'x'.repeat(500) } }), RangeError);
});

test('a reader finds the same frames, in garbage too, however the bytes come', () => {
  assert.ok(golden.streams.length > 30);
  for (const { data, piece, payload_max, found, bad } of golden.streams) {
    const reader = new Reader(payload_max);
    const all = bytes(data);
    const got = [];
    for (let at = 0; at < all.length; at += piece)
      for (const { message, payload } of reader.take(all.subarray(at, at + piece)))
        got.push({ message, payload: payload && hex(payload) });
    assert.deepEqual(got, found);
    assert.equal(reader.bad, bad);
  }
});

test('the golden conversation is read whole, and asked in the same bytes', () => {
  let requests = 0;
  let turn: { mark: string; text: string } | null = null;
  const finish = (payload?: Uint8Array): void => {
    if (!turn) return;
    const { mark, text } = turn;
    turn = null;
    const line = new TextEncoder().encode(`\n${text}\n`);
    const all = payload ? Uint8Array.from([...line, ...payload]) : line;
    const [found, ...more] = new Reader(65536).take(all);
    assert.ok(found && !more.length, text);
    if (mark === '<') return assert.ok(found.payload, text);
    requests += 1;
    if (!found.payload) return; // spoiled on purpose
    const { n: _n, crc: _crc, ...message } = found.message;
    assert.equal(hex(frame(message, payload)), hex(all));
  };
  for (const line of read('../host/golden_conversation.txt').split('\n'))
    if (line.startsWith('+')) finish(bytes(line.slice(1).trim()));
    else {
      finish();
      if (/^[<>] /.test(line)) turn = { mark: line[0]!, text: line.slice(2) };
    }
  finish();
  assert.ok(requests > 25);
});

test('settings take the same, in the same words', () => {
  assert.deepEqual(SETTINGS.map(each => [each.key, accepted(each)]), golden.settings);
});

test('single values are judged alike', () => {
  assert.ok(golden.checks.length > 200);
  for (const [key, value, says] of golden.checks) assert.equal(check(key, value)?.[2] ?? null, says, `${key} ${value}`);
});

test('changes are judged alike as a whole', () => {
  for (const { current, changes, changed, problems } of golden.changes) {
    const base = { ...defaults(), ...current };
    const found = checkChanges(base, changes);
    assert.deepEqual(found.problems, problems);
    const after = found.values && Object.fromEntries(differing(base, found.values).map(key => [key, found.values![key]]));
    assert.deepEqual(after, changed);
  }
});

test('the ring is the same picture', () => {
  assert.ok(golden.ring.length > 200);
  for (const { view, rules, now_ms, also, out: expected } of golden.ring) {
    const all = { ...defaults(), ...rules };
    const out = new Uint8Array(3 * all['ring.pixels']);
    draw({ ...view, rules: all }, now_ms, out, also);
    assert.equal(hex(out), expected, JSON.stringify({ view, rules, also }));
  }
});

test('the ring in one colour is the same', () => {
  for (const { rules, colour, out: expected } of golden.plain) {
    const all = { ...defaults(), ...rules };
    const out = new Uint8Array(3 * all['ring.pixels']);
    plain(all, colour, out);
    assert.equal(hex(out), expected);
  }
});

test('incident records say the same', () => {
  const records = [];
  for (const { data, record } of golden.incidents.cases) {
    const found = decodeIncident(bytes(data));
    assert.deepEqual(found, record);
    if (found) records.push(found);
  }
  assert.ok(records.length >= 7);
  assert.equal(toCsv(records), golden.incidents.csv);
});

test('prompts are judged alike', () => {
  for (const { name, data, size, sound, refused } of golden.wav) {
    const all = new Uint8Array(size);
    all.set(bytes(data));
    if (sound) {
      const wav = judge(name, all);
      assert.deepEqual([wav.rate_hz, wav.data_at, wav.data_bytes, wav.duration_ms], sound);
    } else
      assert.throws(() => judge(name, all), (error: unknown) => {
        assert.ok(error instanceof Trouble);
        assert.deepEqual([error.happened, error.means, error.todo], refused);
        return true;
      });
  }
});

test('a settings file is the same text, and read back the same', () => {
  for (const { values, comments, text } of golden.toml) {
    assert.equal(toToml(values, comments), text);
    assert.deepEqual(readToml(text, 'x'), values);
  }
});

test('the places of keys are found', () => {
  for (const { text, places } of golden.key_places) assert.deepEqual(Object.fromEntries(keyPlaces(text)), places);
});

test('what a wrong name is most like is the same setting', () => {
  assert.ok(golden.nearest.some(([, like]: (string | null)[]) => like) && golden.nearest.some(([, like]: (string | null)[]) => !like));
  for (const [name, like] of golden.nearest) assert.equal(nearest(name), like, name);
});

test('a sound is as loud, and the same speaks against it', () => {
  for (const { rate_hz, hz, peak, pause_s, level, text, concerns: said } of golden.levels) {
    const samples = Int16Array.from({ length: Math.trunc(rate_hz * 4) + Math.trunc(pause_s * rate_hz) }, (_, at) =>
      at < rate_hz * 4 ? Math.max(-32768, Math.min(32767, round(peak * Math.sin(((2 * Math.PI * hz) / rate_hz) * at)))) : 0);
    for (let at = 0; at < rate_hz; at++) samples[at] = Math.trunc(samples[at]! / (at < Math.floor(rate_hz / 2) ? 17.8 : 100));
    const found = measure(samples, rate_hz);
    for (const [name, value] of Object.entries(level)) {
      const own = found[name as keyof typeof found];
      if (typeof value === 'number') assert.ok(Math.abs(Number(own) - value) < 0.01, `${name}: ${own}, ${value}`);
      else assert.equal(own === -Infinity ? null : own, value, name);
    }
    assert.equal(levelText(found), text);
    assert.deepEqual(concerns(found), said);
  }
});

/** As Python rounds: halves to even. */
const round = (value: number): number => {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor & 1) : Math.round(value);
};

const problems = (text: string): string[] => {
  try {
    readToml(text, 'my.toml');
  } catch (error) {
    if (error instanceof Trouble) return error.problems.map(problem => problem[2]);
    throw error;
  }
  return [];
};

test('every problem of a file is told, with its line', () => {
  assert.deepEqual(problems('[call]\nwarn_s = 4\nwatch_s = 30.0\n\n[ring]\npixls = 3\nreduced_motion = 1\n'), [
    'line 2, column 1: call.warn_s = 4 is out of range; call.warn_s takes 5..600 s',
    'line 3, column 1: call.watch_s = 30.0 is not a whole number; call.watch_s takes 0..3600 s',
    'line 6, column 1: ring.pixls = 3 is not a setting; did you mean ring.pixels?',
    'line 7, column 1: ring.reduced_motion = 1 is not true or false; ring.reduced_motion takes true or false',
  ]);
  assert.deepEqual(problems('\ufeff[call]\r\nwarn_s = 7\r\n[ring]\r\n'), []);
  assert.match(problems('[call]\nwarn_s = = 4')[0]!, /^line 2, column 10: this is no TOML: /);
  assert.equal(new Float(30).text, '30.0');
});
