// The incident log: how each call with a limit ended, as a plot, a table and a CSV file.

import { OUTCOMES } from './contract.ts';
import { at, count, duration, h, save, when } from './dom.ts';
import { toCsv, type Incident } from './records.ts';
import { fileStem } from './settings_form.ts';

const WORDS: Record<string, string> = {
  resolved: 'Resolved', cancelled: 'Taken back', apology: 'Apology', caller_left: 'Caller left', enforced: 'Enforced',
  threat: 'Ended on a threat', fault: 'Fault',
};
const SHOWN = 50;

const word = (outcome: string): string => WORDS[outcome] ?? outcome;

/** Local time, or how long after which start where no computer had told the time. */
const moment = (record: Incident): string =>
  record.epoch_s ? when(record.epoch_s) : `start ${record.boot} + ${duration(record.uptime_s)}`;

export class IncidentsPanel {
  onRefresh: () => void = () => {};
  private records: Incident[] = [];
  private name = '';
  private limit = SHOWN;
  private readonly source = h('p', { class: 'source' });
  private readonly body = h('div', {});
  private readonly csv = h('button', { type: 'button', class: 'quiet', id: 'csv', click: () => this.saveCsv() }, 'Save as CSV');
  private readonly refresh = h('button', { type: 'button', class: 'quiet', id: 'refresh', click: () => this.onRefresh() }, 'Read again');

  constructor() {
    at('panel-incidents').append(
      h('div', { class: 'panel-head' }, h('h2', {}, 'Incidents'), this.source, h('div', { class: 'buttons' }, this.refresh, this.csv)),
      this.body);
    this.show([], 0, '', false);
  }

  show(records: Incident[], lost: number, name: string, isLive: boolean): void {
    this.records = records;
    this.name = name;
    this.source.textContent =
      'How each call with a limit ended: never sound, never who called.' +
      (lost ? ` ${lost} more found no room since the device was plugged in.` : '');
    this.csv.disabled = !records.length;
    this.refresh.disabled = !isLive;
    if (!records.length) {
      this.body.replaceChildren(h('p', { class: 'empty card' }, isLive ? 'No incident yet.' : 'Connect a device to see its incidents.'));
      return;
    }
    const newest = records.toReversed();
    const more = newest.length - this.limit;
    this.body.replaceChildren(
      plot(records),
      h('div', { class: 'scroll card', tabindex: '0', role: 'region', 'aria-label': 'Incidents, newest first' }, table(newest.slice(0, this.limit))),
      more > 0 ? h('p', { class: 'buttons' }, h('button', {
        type: 'button', class: 'quiet',
        click: () => {
          this.limit = Infinity;
          this.show(records, lost, name, isLive);
        },
      }, `Show ${more} older`)) : '',
    );
  }

  private saveCsv(): void {
    save(`${fileStem(this.name)}-incidents.csv`, toCsv(this.records), 'text/csv');
  }
}

function table(records: Incident[]): HTMLElement {
  const head = ['No.', 'When', 'Outcome', 'Warnings', 'Lasted', 'Closing prompt', 'Release'];
  return h('table', {},
    h('thead', {}, h('tr', {}, ...head.map(name => h('th', { scope: 'col' }, name)))),
    h('tbody', {}, ...records.map(record => h('tr', {},
      h('th', { scope: 'row' }, String(record.sequence)),
      h('td', {}, moment(record)),
      h('td', {}, word(record.outcome)),
      h('td', {}, record.warnings ? `${record.warnings} (at ${record.warned_s.map(each => `${each} s`).join(', ')})` : '0'),
      h('td', {}, duration(record.duration_s)),
      h('td', {}, record.prompt_finished ? 'to its end' : record.attempts ? 'not finished' : '–'),
      h('td', {}, release(record))))));
}

/** "flash, seen to drop", "hangup, 2 attempts, drop not seen". */
function release(record: Incident): string {
  if (!record.attempts) return '–';
  const attempts = record.attempts > 1 ? [`${record.attempts} attempts`] : [];
  return [record.release_mode, ...attempts, record.line_dropped ? 'seen to drop' : 'drop not seen'].join(', ');
}

/** One row per outcome, one dot per incident at its time; what has no time stands in a column of its own. */
function plot(records: Incident[]): HTMLElement {
  const timed = records.filter(record => record.epoch_s !== null);
  const untimed = records.length - timed.length;
  const first = Math.min(...timed.map(record => record.epoch_s!));
  const last = Math.max(...timed.map(record => record.epoch_s!));
  const place = (epochS: number): number => (last > first ? ((epochS - first) / (last - first)) * 100 : 50);
  const names = OUTCOMES.filter(outcome => records.some(record => record.outcome === outcome));
  const summary = names.map(name => `${word(name)}: ${records.filter(record => record.outcome === name).length}`).join(', ');
  const rows = names.map(name => {
    const own = records.filter(record => record.outcome === name);
    const ownTimed = own.filter(record => record.epoch_s !== null);
    return h('div', { class: 'plot-row', 'data-outcome': name },
      h('span', { class: 'plot-name' }, word(name)),
      h('span', { class: 'plot-count' }, String(own.length)),
      untimed ? h('span', { class: 'plot-untimed' }, own.length > ownTimed.length ? `${own.length - ownTimed.length}` : '') : '',
      h('span', { class: 'plot-track' }, ...ownTimed.map(record =>
        h('i', { style: `left: ${place(record.epoch_s!).toFixed(2)}%`, title: `${moment(record)}: ${word(name)}` }))));
  });
  const isOneDay = last - first < 86400;
  const tick = (epochS: number): string => {
    const date = new Date(epochS * 1000);
    return isOneDay ? date.toLocaleTimeString(undefined, { timeStyle: 'short' }) : date.toLocaleDateString(undefined, { day: 'numeric', month: 'short' });
  };
  const ticks = !timed.length ? [] : last > first ? [first, (first + last) / 2, last].map(tick) : [when(first)];
  return h('div', { class: `plot card${untimed ? ' has-untimed' : ''}`, role: 'img', 'aria-label': `${count(records.length, 'incident')}. ${summary}.` },
    h('p', { class: 'plot-title', 'aria-hidden': 'true' }, count(records.length, 'incident')),
    h('div', { class: 'plot-rows', 'aria-hidden': 'true' }, ...rows,
      h('div', { class: 'plot-row plot-axis' },
        h('span', {}), h('span', {}), untimed ? h('span', { class: 'plot-untimed' }, 'no time') : '',
        h('span', { class: `plot-ticks${ticks.length === 1 ? ' one' : ''}` }, ...ticks.map(text => h('span', {}, text))))));
}
