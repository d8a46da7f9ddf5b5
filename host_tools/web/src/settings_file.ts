// Settings as TOML, as endcall.settings_file: what `endcall get` and `endcall apply` write and read.

import { TomlError, parse } from 'smol-toml';
import { SETTINGS, findSetting, type Values } from './contract.ts';
import { accepted, check } from './settings.ts';
import { Trouble } from './trouble.ts';

/** What TOML calls a float: never a whole number for a setting, not even 30.0. */
export class Float {
  readonly text: string;

  constructor(value: number) {
    this.text = Number.isInteger(value) ? `${value}.0` : String(value);
  }
}

/** Whatever stands in TOML and is no value of a setting: a list, a date, an empty table of an unknown name. */
const plain = (value: unknown): unknown => {
  if (typeof value === 'bigint') return Number(value);
  return typeof value === 'number' ? new Float(value) : value;
};

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

const isOurTable = (name: string): boolean => SETTINGS.some(each => each.key.startsWith(`${name}.`));

function* leaves(tree: Record<string, unknown>, prefix: string): Iterable<[string, unknown]> {
  for (const [key, value] of Object.entries(tree)) {
    if (isTable(value) && Object.keys(value).length) yield* leaves(value, `${prefix}${key}.`);
    else if (!(isTable(value) && isOurTable(prefix + key))) yield [prefix + key, plain(value)];
  }
}

/** Nested tables, with integers as bigint, as settings by key. */
export const flat = (tree: Record<string, unknown>): Record<string, unknown> => Object.fromEntries(leaves(tree, ''));

/** Where something stands in a file, from 1. */
export type Place = [line: number, column: number];

export interface FileProblem {
  place: Place | null;
  key: string;
  value: unknown;
  says: string;
}

/** A problem in one line of text: `line 3, column 1: call.warn_s = 4 is out of range; …`. */
export function problemText({ place, key, value, says }: FileProblem): string {
  const where = place ? `line ${place[0]}, column ${place[1]}: ` : '';
  const shown = value === undefined || value === null ? '' : ` = ${tomlValue(value)}`;
  return key ? `${where}${key}${shown} ${says}` : `${where}${says}`;
}

/** The settings in TOML `text` by key. Throws Trouble with every problem in it; nothing of it is taken then. */
export function readToml(text: string, file: string): Values {
  const source = text.replace(/^\ufeff/, '').replaceAll('\r\n', '\n');
  let tree: Record<string, unknown>;
  try {
    tree = parse(source, { integersAsBigInt: true });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const said = error.message.split('\n')[0]!.replace(/^Invalid TOML document: /, '');
    const says = `this is no TOML: ${said.slice(0, 1).toLowerCase()}${said.slice(1)}`;
    throw refused([{ place: [error.line, error.column], key: '', value: null, says }], file);
  }
  const found = Object.entries(flat(tree));
  const places = keyPlaces(source);
  const problems = found.flatMap(([key, value]): FileProblem[] => {
    const place = placeOf(key, places);
    if (!findSetting(key)) {
      const like = nearest(key);
      return [{ place, key, value, says: `is not a setting${like ? `; did you mean ${like}?` : ''}` }];
    }
    const problem = check(key, value);
    return problem ? [{ place, key, value, says: problem[2] }] : [];
  });
  const [line, column] = [0, 1];
  problems.sort((a, b) => (a.place?.[line] ?? 0) - (b.place?.[line] ?? 0) || (a.place?.[column] ?? 0) - (b.place?.[column] ?? 0));
  if (problems.length) throw refused(problems, file);
  return Object.fromEntries(found) as Values;
}

function refused(problems: FileProblem[], file: string): Trouble {
  const count = problems.length > 1 ? `${problems.length} problems` : '1 problem';
  return new Trouble(
    'invalid', `${count} in ${file}.`, 'Nothing of it was taken.', 'Mend the file and load it again.',
    problems.map(problem => [problem.key, problem.value, problemText(problem)]),
  );
}

/** The setting whose name is most like `key`, with or without its table: a slip first, then a beginning. */
export function nearest(key: string): string | null {
  const name = key.toLowerCase();
  const last = lastPart(name);
  const begun = SETTINGS.filter(each => each.key.startsWith(name) || each.name.startsWith(last)).map(each => each.key);
  const byLast = new Map(SETTINGS.map(each => [each.name, each.key]));
  const like = closest(last, [...byLast.keys()], 0.7);
  return (
    closest(name, SETTINGS.map(each => each.key), 0.85) ??
    (begun.length === 1 ? begun[0]! : null) ??
    (like === null ? null : byLast.get(like)!)
  );
}

const lastPart = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

/** As difflib.get_close_matches of Python: the likest of `names` that is `least` like `name`; of equals the later one. */
function closest(name: string, names: string[], least: number): string | null {
  let best: [likeness: number, name: string] | null = null;
  for (const each of names) {
    const likeness = (2 * common(each, name)) / (each.length + name.length);
    if (likeness < least) continue;
    if (!best || likeness > best[0] || (likeness === best[0] && each > best[1])) best = [likeness, each];
  }
  return best && best[1];
}

/** How many characters the longest common pieces have, from the longest outwards (Ratcliff and Obershelp). */
function common(a: string, b: string): number {
  let [size, inA, inB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++)
    for (let j = 0; j < b.length; j++) {
      let length = 0;
      while (i + length < a.length && j + length < b.length && a[i + length] === b[j + length]) length++;
      if (length > size) [size, inA, inB] = [length, i, j];
    }
  if (!size) return 0;
  return size + common(a.slice(0, inA), b.slice(0, inB)) + common(a.slice(inA + size), b.slice(inB + size));
}

const TABLE = /^\s*\[\[?\s*([^[\]#]+?)\s*\]/;
const PART = /"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)/g;
const ASSIGNMENT =
  /^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=/;

const dotted = (text: string): string =>
  [...text.matchAll(PART)].map(match => match[1] ?? match[2] ?? match[3]).join('.');

/** The place of every key in valid TOML. */
export function keyPlaces(text: string): Map<string, Place> {
  const places = new Map<string, Place>();
  const put = (key: string, line: number, match: RegExpExecArray): void => {
    if (!places.has(key)) places.set(key, [line, match[0].indexOf(match[1]!) + 1]);
  };
  let table = '';
  let closing: string | null = null;
  text.split('\n').forEach((line, index) => {
    if (closing) {
      if (line.includes(closing)) closing = null;
      return;
    }
    const head = TABLE.exec(line);
    if (head) {
      table = `${dotted(head[1]!)}.`;
      put(table.slice(0, -1), index + 1, head);
      return;
    }
    const match = ASSIGNMENT.exec(line);
    if (!match) return;
    put(table + dotted(match[1]!), index + 1, match);
    const value = line.slice(match[0].length).trimStart();
    for (const quotes of ['"""', "'''"])
      if (value.startsWith(quotes) && !value.slice(3).includes(quotes)) closing = quotes;
  });
  return places;
}

function placeOf(key: string, places: Map<string, Place>): Place | null {
  for (let name = key; name; name = name.slice(0, Math.max(0, name.lastIndexOf('.'))))
    if (places.has(name)) return places.get(name)!;
  return null;
}

/** `value` in TOML's notation. */
export function tomlValue(value: unknown): string {
  if (value instanceof Float) return value.text;
  if (typeof value !== 'string') return typeof value === 'object' ? JSON.stringify(value) : String(value);
  const escaped = value.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  // Everything that does not print: controls, formats, separators, what is not assigned.
  const safe = escaped.replace(
    /(?! )[\p{C}\p{Z}]/gu,
    char => `\\U${char.codePointAt(0)!.toString(16).padStart(8, '0')}`,
  );
  return `"${safe}"`;
}

/** `values` as a file that `endcall apply` takes; with `comments`, each with its meaning and range. */
export function toToml(values: Values, comments = false): string {
  const out: string[] = [];
  let table = '';
  for (const setting of SETTINGS) {
    const value = values[setting.key];
    if (value === undefined) continue;
    if (setting.table !== table) {
      table = setting.table;
      out.push(...(out.length ? ['', `[${table}]`] : [`[${table}]`]));
    }
    if (comments) out.push('', `# ${setting.help}`, `# ${accepted(setting)}`);
    out.push(`${setting.name} = ${tomlValue(value)}`);
  }
  return `${out.join('\n')}\n`;
}
