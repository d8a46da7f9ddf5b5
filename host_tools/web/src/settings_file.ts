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

function* flat(tree: Record<string, unknown>, prefix: string): Iterable<[string, unknown]> {
  for (const [key, value] of Object.entries(tree)) {
    if (isTable(value) && Object.keys(value).length) yield* flat(value, `${prefix}${key}.`);
    else if (!(isTable(value) && isOurTable(prefix + key))) yield [prefix + key, plain(value)];
  }
}

export interface FileProblem {
  line: number | null;
  key: string;
  value: unknown;
  says: string;
}

/** A problem in one line of text: `line 3: call.warn_s = 4 is out of range; …`. */
export function problemText({ line, key, value, says }: FileProblem): string {
  const where = line ? `line ${line}: ` : '';
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
    throw refused([{ line: error.line, key: '', value: null, says: `this is no TOML: ${said}` }], file);
  }
  const found = [...flat(tree, '')];
  const lines = keyLines(source);
  const problems = found.flatMap(([key, value]): FileProblem[] => {
    const line = lineOf(key, lines);
    const setting = findSetting(key);
    if (!setting) return [{ line, key, value, says: `is not a setting${hint(key)}` }];
    const problem = check(key, value);
    return problem ? [{ line, key, value, says: problem[2] }] : [];
  });
  if (problems.length) throw refused(problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)), file);
  return Object.fromEntries(found) as Values;
}

function refused(problems: FileProblem[], file: string): Trouble {
  const count = problems.length > 1 ? `${problems.length} problems` : '1 problem';
  return new Trouble(
    'invalid', `${count} in ${file}.`, 'Nothing of it was taken.', 'Mend the file and load it again.',
    problems.map(problem => [problem.key, problem.value, problemText(problem)]),
  );
}

/** `; did you mean …?` where a setting's name is a slip away. */
function hint(key: string): string {
  const last = (name: string): string => name.slice(name.lastIndexOf('.') + 1);
  const near = SETTINGS.map(each => ({
    key: each.key,
    far: Math.min(distance(key.toLowerCase(), each.key), distance(last(key.toLowerCase()), each.name)),
  })).sort((a, b) => a.far - b.far)[0]!;
  return near.far <= 2 ? `; did you mean ${near.key}?` : '';
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row.at(-1)!;
}

const TABLE = /^\s*\[\[?\s*([^[\]#]+?)\s*\]/;
const PART = /"([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)/g;
const ASSIGNMENT =
  /^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=/;

const dotted = (text: string): string =>
  [...text.matchAll(PART)].map(match => match[1] ?? match[2] ?? match[3]).join('.');

/** The line, from 1, of every key in valid TOML. */
export function keyLines(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  const put = (key: string, line: number): void => {
    if (!lines.has(key)) lines.set(key, line);
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
      put(table.slice(0, -1), index + 1);
      return;
    }
    const match = ASSIGNMENT.exec(line);
    if (!match) return;
    put(table + dotted(match[1]!), index + 1);
    const value = line.slice(match[0].length).trimStart();
    for (const quotes of ['"""', "'''"])
      if (value.startsWith(quotes) && !value.slice(3).includes(quotes)) closing = quotes;
  });
  return lines;
}

function lineOf(key: string, lines: Map<string, number>): number | null {
  for (let name = key; name; name = name.slice(0, Math.max(0, name.lastIndexOf('.'))))
    if (lines.has(name)) return lines.get(name)!;
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
