// What a setting may be, as endcall_core.settings: the same rules, and the same sentences.

import {
  FILLED, OFF, SETTINGS, defaults, findPreset, findSetting, type Setting, type Values,
} from './contract.ts';

/** A problem: the setting's key, its value, and a sentence that names the bound, the unit and what is accepted. */
export type Problem = [key: string, value: unknown, says: string];

/** What a setting takes, in words, e.g. "5..600 s" or "flash or hangup". */
export function accepted({ key, kind, low, high, choices, unit }: Setting): string {
  if (kind === 'bool') return 'true or false';
  if (kind === 'choice') return `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
  if (kind === 'text' || kind === 'file') return `${low}..${high} characters`;
  const words = `${low}..${high} ${unit}`.trim();
  return key in OFF ? `${OFF[key]} (off) or ${words}` : words;
}

const bytes = (text: string): number => new TextEncoder().encode(text).length;

function textProblem({ kind, low, high }: Setting, text: string): string | null {
  for (const char of text) {
    const code = char.codePointAt(0)!;
    const isControl = code < 32 || (code >= 127 && code < 160) || (code >= 0xd800 && code < 0xe000);
    if (isControl || (code >= 127 && kind === 'file')) return 'has a character that is not allowed';
  }
  if (kind === 'file') {
    if (text.includes('/') || text.includes('\\') || text.startsWith('.'))
      return 'must be a plain file name, without a folder';
    if (text && !text.endsWith('.wav')) return 'must end in .wav';
  }
  const length = bytes(text);
  return length < low || length > high ? `is ${length} bytes long` : null;
}

function said(setting: Setting, value: unknown): string | null {
  const { key, kind, low, high, choices } = setting;
  if (kind === 'bool') return typeof value === 'boolean' ? null : 'is not true or false';
  if (kind === 'int') {
    if (!Number.isInteger(value)) return 'is not a whole number';
    const number = value as number;
    return (number >= low && number <= high) || number === OFF[key] ? null : 'is out of range';
  }
  if (typeof value !== 'string') return 'is not a text';
  if (kind === 'choice') return choices.includes(value) ? null : 'is not one of the choices';
  return textProblem(setting, value);
}

/** What is wrong with `value` for `key`, or null. Nothing is converted. */
export function check(key: string, value: unknown): Problem | null {
  const setting = findSetting(key);
  if (!setting) return [key, value, 'there is no such setting'];
  const sentence = said(setting, value);
  return sentence === null ? null : [key, value, `${sentence}; ${key} takes ${accepted(setting)}`];
}

/** `changes` with what its `release.preset` fills; a value given in `changes` itself goes first. */
export function fill(changes: Record<string, unknown>): Record<string, unknown> {
  const preset = findPreset(changes['release.preset']);
  const filled = preset ? Object.fromEntries(FILLED.map(([key, column]) => [key, preset[column]])) : {};
  return { ...filled, ...changes };
}

/** Problems between settings that are each acceptable alone. `values` must hold every setting. */
export function checkTogether(values: Values): Problem[] {
  const problems: Problem[] = [];
  const number = (key: string): number => values[key] as number;
  if (number('call.min_warn_s') >= number('call.warn_s'))
    problems.push(['call.min_warn_s', number('call.min_warn_s'),
      `must be less than call.warn_s (${number('call.warn_s')} s), or no press in WARN is ever accepted`]);
  const holdMs = number('button.hold_ms');
  const threatMs = number('call.threat_hold_ms');
  if (threatMs > 0 && threatMs <= holdMs)
    problems.push(['call.threat_hold_ms', threatMs,
      `must be more than button.hold_ms (${holdMs} ms), or an ordinary hold would end the call`]);
  const { name, flash_max_ms: longest, disconnect_ms: shortest } = findPreset(values['release.preset'])!;
  const flashMs = number('release.flash_ms');
  if (values['release.mode'] === 'flash' && longest && longest < flashMs && flashMs < shortest)
    problems.push(['release.flash_ms', flashMs,
      `is in the dead zone of preset ${name}: longer than a flash (${longest} ms), shorter than a ` +
      `disconnect (${shortest} ms); take ${longest} ms or less, or release.mode hangup`]);
  if (values['release.mode'] === 'hangup' && number('release.hold_s') * 1000 < shortest)
    problems.push(['release.hold_s', number('release.hold_s'),
      `is shorter than a disconnect of preset ${name} (${shortest} ms)`]);
  return problems;
}

/** Check a change as a whole. `values` is the full set after it, or null where there is a problem. */
export function checkChanges(
  current: Values,
  changes: Record<string, unknown>,
): { values: Values | null; problems: Problem[] } {
  const all = typeof changes['release.preset'] === 'string' ? fill(changes) : changes;
  let problems = Object.keys(all).map(key => check(key, all[key])).filter(each => each !== null);
  if (problems.length) return { values: null, problems };
  const values = { ...current, ...(all as Values) };
  problems = checkTogether(values);
  return { values: problems.length ? null : values, problems };
}

/** The keys of `values` that differ from `base`, in the table's order. */
export const differing = (base: Values, values: Record<string, unknown>): string[] =>
  SETTINGS.map(each => each.key).filter(key => key in values && values[key] !== base[key]);

export { defaults };
