// Backups: everything that a device keeps, in one ZIP file, as endcall.backup writes and reads it.

import { unzipSync, zipSync, type Zippable } from 'fflate';
import { parse } from 'smol-toml';
import type { Client, Identity, Prompt } from './client.ts';
import { VERSIONS, findSetting, type Values } from './contract.ts';
import type { Incident } from './records.ts';
import { check, checkChanges, differing, fill } from './settings.ts';
import { flat, toToml, tomlValue } from './settings_file.ts';
import { Trouble } from './trouble.ts';
import { crc } from './wire.ts';

const SCHEMA = 'endcall.backup/1';
const ABOUT = 'backup.json';
const SETTINGS = 'settings.toml';
const INCIDENTS = 'incidents.json';
const PROMPTS = 'prompts/';
const LARGEST_BYTES = 4 << 20; // of one file in a backup; the largest prompt has 192 KB

type Bytes = Uint8Array<ArrayBuffer>;
/** Is told what is on its way, and how many bytes of how many. */
type Progress = (what: string, done: number, total: number) => void;

export interface Backup {
  about: {
    schema: string;
    made: string;
    endcall: string;
    device: Partial<Record<'serial' | 'name' | 'firmware' | 'protocol' | 'settings', unknown>>;
    incidents_lost: number;
    prompts_left_out: Record<string, string>;
  };
  settings: Record<string, unknown>;
  prompts: Record<string, Bytes>;
  incidents: Incident[];
}

/** Read everything that the device keeps. */
export async function take(client: Client, progress: Progress): Promise<Backup> {
  const settings = await client.get();
  const prompts: Record<string, Bytes> = {};
  const leftOut: Record<string, string> = {};
  for (const { name, problem } of await client.prompts())
    if (problem) leftOut[name] = problem;
    else prompts[name] = await client.readPrompt(name, (done, total) => progress(name, done, total));
  const { records, lost } = await client.log();
  const { serial, name, firmware, protocol, settings: version } = client.identity as Identity & Record<string, unknown>;
  return {
    about: {
      schema: SCHEMA,
      made: new Date().toISOString().slice(0, 19).replaceAll(':', '-') + 'Z',
      endcall: VERSIONS.firmware,
      device: { serial, name, firmware, protocol, settings: version },
      incidents_lost: lost,
      prompts_left_out: leftOut,
    },
    settings,
    prompts,
    incidents: records,
  };
}

const utf8 = (text: string): Bytes => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(data);

async function sha256(data: Bytes): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', data));
  return [...digest].map(byte => byte.toString(16).padStart(2, '0')).join('');
}

/** The backup as a ZIP file. */
export async function pack({ about, settings, prompts, incidents }: Backup): Promise<Bytes> {
  const files: Record<string, Bytes> = {
    [SETTINGS]: utf8(toToml(settings as Values, true)),
    [INCIDENTS]: utf8(JSON.stringify(incidents, null, 1)),
  };
  for (const [name, data] of Object.entries(prompts)) files[PROMPTS + name] = data;
  const sums: Record<string, string> = {};
  for (const [name, data] of Object.entries(files)) sums[name] = await sha256(data);
  const all: Zippable = { [ABOUT]: utf8(JSON.stringify({ ...about, sha256: sums }, null, 1)), ...files };
  return zipSync(all);
}

/** The backup in a ZIP file, its sums compared. Throws Trouble. */
export async function unpack(data: Bytes, file: string): Promise<Backup> {
  const refuse = (why: string): Trouble =>
    new Trouble('invalid', `${file} is not restored: ${why}.`, 'Nothing was changed.', 'Take another backup.');
  let found: Record<string, Bytes>;
  try {
    found = unzipSync(data, {
      filter: ({ name, originalSize }) => {
        if (originalSize > LARGEST_BYTES) throw new Error(`${name} is larger than anything that a device keeps`);
        return true;
      },
    }) as Record<string, Bytes>;
  } catch (error) {
    throw refuse(`it is damaged, or no backup (${(error as Error).message})`);
  }
  const { [ABOUT]: head, ...files } = found;
  let about: (Backup['about'] & { sha256?: Record<string, string> }) | null = null;
  try {
    about = JSON.parse(text(head!));
  } catch {
    // said below
  }
  if (about?.schema !== SCHEMA || typeof about.sha256 !== 'object')
    throw refuse('it is no backup that this version of endcall knows');
  const { sha256: sums, ...rest } = about;
  for (const [name, wanted] of Object.entries(sums))
    if ((await sha256(files[name] ?? utf8(''))) !== wanted) throw refuse(`${name} in it is damaged`);
  if (Object.keys(files).some(name => !(name in sums)) || !(SETTINGS in sums) || !(INCIDENTS in sums))
    throw refuse('it holds other files than it says');
  try {
    return {
      about: rest,
      settings: flat(parse(text(files[SETTINGS]!), { integersAsBigInt: true })),
      incidents: JSON.parse(text(files[INCIDENTS]!)),
      prompts: Object.fromEntries(
        Object.entries(files).flatMap(([name, content]) =>
          name.startsWith(PROMPTS) ? [[name.slice(PROMPTS.length), content]] : []),
      ),
    };
  } catch (error) {
    throw refuse(`what it holds can't be read (${(error as Error).message})`);
  }
}

export interface Restored {
  /** Keys that changed. */
  changed: string[];
  sent: string[];
  /** Prompts that were there already. */
  there: string[];
  /** What could not be brought back, and why. */
  missing: [what: string, why: string][];
}

/** What of a backup's settings a device of this version takes, and what not. */
export function usable(backup: Backup): { wanted: Values; missing: [string, string][] } {
  const wanted: Values = {};
  const missing: [string, string][] = Object.entries(backup.about.prompts_left_out ?? {}).map(([name, why]) => [
    `prompt ${name}`, `it was not in the backup: ${why}`,
  ]);
  for (const [key, value] of Object.entries(backup.settings)) {
    const problem = check(key, value);
    if (!problem) wanted[key] = value as Values[string];
    else if (findSetting(key)) missing.push([`${key} = ${tomlValue(value)}`, problem[2]]);
    else missing.push([`${key} = ${tomlValue(value)}`, `version ${VERSIONS.firmware} has no such setting`]);
  }
  return { wanted, missing };
}

/** Bring back settings and prompts, each read back and compared. Prompts go first, because settings may name them. */
export async function restore(
  client: Client, backup: Backup, keepName: boolean, progress: Progress,
): Promise<Restored> {
  const { wanted, missing } = usable(backup);
  if (keepName) delete wanted['device.name'];
  const done: Restored = { changed: [], sent: [], there: [], missing };
  const named = [wanted['prompt.closing'], wanted['prompt.warning']];
  const stored = await client.prompts();
  const isGood = (prompt: Prompt | undefined): boolean => Boolean(prompt && !prompt.problem);
  const inOrder = Object.entries(backup.prompts).sort(([a], [b]) => Number(named.includes(b)) - Number(named.includes(a)));
  for (const [name, data] of inOrder) {
    const there = stored.find(prompt => prompt.name === name);
    if (isGood(there) && there?.crc === crc(data)) {
      done.there.push(name);
      continue;
    }
    try {
      await client.putPrompt(name, data, sent => progress(name, sent, data.length));
      done.sent.push(name);
    } catch (error) {
      if (!(error instanceof Trouble) || error.kind !== 'invalid') throw error;
      missing.push([`prompt ${name}`, error.happened]);
    }
  }
  const now = await client.prompts();
  for (const key of ['prompt.closing', 'prompt.warning']) {
    const name = wanted[key];
    if (!name || isGood(now.find(prompt => prompt.name === name))) continue;
    missing.push([`${key} = ${tomlValue(name)}`, 'the device has no such prompt']);
    delete wanted[key];
  }
  const before = await client.get();
  const { values, problems } = checkChanges(before, wanted);
  if (!values) throw new Trouble('invalid', 'The settings of the backup contradict each other.', 'They were not changed.', '', problems);
  done.changed = differing(before, fill(wanted));
  if (done.changed.length) await client.change(fill(wanted) as Values);
  return done;
}
