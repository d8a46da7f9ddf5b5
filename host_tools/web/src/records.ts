// Incident records, as endcall_core.records and endcall.render: 64 bytes each, and the CSV of `endcall log --csv`.

import { INCIDENT_BYTES, OUTCOMES } from './contract.ts';
import { crc32 } from './wire.ts';

export interface Incident {
  sequence: number;
  boot: number;
  uptime_s: number;
  epoch_s: number | null;
  outcome: string;
  duration_s: number;
  warnings: number;
  warned_s: number[];
  prompt_finished: boolean;
  release_mode: string;
  attempts: number;
  line_dropped: boolean;
}

const MAGIC = 0xec;
const CRC_AT = 56;
const MARK_AT = 63;

/** 64 bytes as a record; null where they are no committed one. */
export function decodeIncident(data: Uint8Array): Incident | null {
  if (data.length !== INCIDENT_BYTES || data[0] !== MAGIC || data[MARK_AT] !== 0) return null;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const u32 = (at: number): number => view.getUint32(at, true);
  if (u32(CRC_AT) !== crc32(data.subarray(0, CRC_AT))) return null;
  const flags = data[23]!;
  const warnings = data[25]!;
  return {
    sequence: u32(2),
    boot: u32(6),
    uptime_s: u32(10),
    epoch_s: u32(14) || null,
    duration_s: u32(18),
    outcome: OUTCOMES[data[22]!] ?? `outcome ${data[22]}`,
    warnings,
    warned_s: [0, 1, 2, 3].slice(0, warnings).map(index => view.getUint16(26 + 2 * index, true)),
    prompt_finished: Boolean(flags & 1),
    line_dropped: Boolean(flags & 2),
    release_mode: flags & 4 ? 'hangup' : 'flash',
    attempts: data[24]!,
  };
}

const COLUMNS = [
  'sequence', 'time', 'boot', 'uptime_s', 'outcome', 'warnings', 'warned_s', 'duration_s', 'prompt_finished',
  'release_mode', 'attempts', 'line_dropped',
] as const;

/** Records as CSV with a head line; times in UTC. */
export function toCsv(records: Incident[]): string {
  const cell = (record: Incident, column: (typeof COLUMNS)[number]): string => {
    if (column === 'time') return record.epoch_s ? new Date(record.epoch_s * 1000).toISOString().replace('.000', '') : '';
    if (column === 'warned_s') return record.warned_s.join(' ');
    const value = record[column];
    return typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value);
  };
  return [COLUMNS.join(','), ...records.map(record => COLUMNS.map(column => cell(record, column)).join(','))]
    .map(line => `${line}\n`).join('');
}
