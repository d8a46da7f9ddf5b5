// The tables that the page shares with the device, generated from the code of the device: see endcall.reference.

import contract from './contract.json' with { type: 'json' };
import schema from '../../../docs/settings.schema.json' with { type: 'json' };

export type Value = string | number | boolean;
export type Values = Record<string, Value>;

export interface Preset {
  name: string;
  flash_ms: number;
  flash_max_ms: number;
  disconnect_ms: number;
  mode: string;
  hold_s: number;
  sureness: string;
  source: string;
}

export const PRESETS: Preset[] = contract.presets;
export const FILLED = Object.entries(contract.filled) as [string, 'flash_ms' | 'mode' | 'hold_s'][];
export const OFF: Record<string, number> = contract.off;
export const VERSIONS = contract.versions;
export const USB = contract.usb;
export const WIRE = contract.wire;
export const PROMPT = contract.prompt;
export const LINE = contract.line;
export const OUTCOMES = contract.outcomes;
export const EPISODE = contract.episode;
export const INCIDENT_BYTES = contract.incident_bytes;

export const findPreset = (name: unknown): Preset | undefined => PRESETS.find(preset => preset.name === name);

// --- settings, from the JSON Schema --------------------------------------------------------------------------------

export type Kind = 'int' | 'bool' | 'text' | 'file' | 'choice';

export interface Setting {
  key: string;
  table: string;
  name: string;
  kind: Kind;
  default: Value;
  low: number; // of an int, or of a text's length
  high: number;
  choices: string[];
  unit: string;
  help: string;
}

interface Bounds {
  type?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  enum?: string[];
  const?: number;
}

interface Entry extends Bounds {
  anyOf?: Bounds[];
  description: string;
  default: Value;
  'x-unit': string;
}

function setting(table: string, name: string, entry: Entry): Setting {
  // "0, or 1500 to 10000" is an anyOf of a constant and a range.
  const bounds = entry.anyOf?.find(each => each.const === undefined) ?? entry;
  const unit = entry['x-unit'];
  let kind: Kind = 'text';
  if (bounds.enum) kind = 'choice';
  else if (bounds.type === 'boolean') kind = 'bool';
  else if (bounds.type === 'integer') kind = 'int';
  else if (bounds.pattern) kind = 'file';
  return {
    key: `${table}.${name}`,
    table,
    name,
    kind,
    default: entry.default,
    low: bounds.minimum ?? bounds.minLength ?? 0,
    high: bounds.maximum ?? bounds.maxLength ?? 0,
    choices: bounds.enum ?? [],
    unit,
    help: unit ? entry.description.slice(0, -` (${unit})`.length) : entry.description,
  };
}

export const SETTINGS: Setting[] = Object.entries(schema.properties).flatMap(([table, { properties }]) =>
  Object.entries(properties as unknown as Record<string, Entry>).map(([name, entry]) => setting(table, name, entry)),
);

const BY_KEY = new Map(SETTINGS.map(each => [each.key, each]));

export const findSetting = (key: string): Setting | undefined => BY_KEY.get(key);

export const defaults = (): Values => Object.fromEntries(SETTINGS.map(each => [each.key, each.default]));
