// The form: every setting of the schema with its help, its range and what is wrong with it; what differs, and writing.

import {
  FILLED, PRESETS, SETTINGS, findPreset, type Setting, type Value, type Values,
} from './contract.ts';
import { at, count, h, save } from './dom.ts';
import { accepted, checkChanges, differing, fill, type Problem } from './settings.ts';
import { toToml, tomlValue } from './settings_file.ts';

const SURENESS: Record<string, string> = {
  H: 'high: read in a maker’s manual, a standard or code',
  M: 'medium: one source, or a secondary one',
  L: 'low: inference. Try it on your own line first',
};

/** What follows from a change of usb.access, which this page itself depends on. */
const ACCESS: Record<string, string> = {
  open: 'From its next start on, the device always has its port.',
  service: 'From its next start on, the device has no port. For this page, hold its button for 5 s while you plug it in.',
  develop: 'From its next start on, settings can only be read. To leave it, write the device anew: endcall image',
};

/** "call.min_warn_s" as a person says it: "Min warn". */
function label({ name }: Setting): string {
  const words = name.replace(/_(s|ms|db|pct|ma)$/, '').replaceAll('_', ' ');
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}

const sentence = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;

/** What stands between backticks as code. */
const marked = (text: string): (Node | string)[] =>
  text.split('`').map((part, index) => (index % 2 ? h('code', {}, part) : part));

/** A value with its unit, for a person. */
const shown = ({ kind, unit }: Setting, value: unknown): string => {
  if (kind === 'bool') return value ? 'on' : 'off';
  if (value === '') return 'nothing';
  return unit && typeof value === 'number' ? `${value} ${unit}` : String(value);
};

class Field {
  readonly setting: Setting;
  readonly root: HTMLElement;
  private readonly input: HTMLInputElement | HTMLSelectElement;
  private readonly was: HTMLElement;
  private readonly problem: HTMLElement;
  private base: Value;

  constructor(setting: Setting, changed: (field: Field) => void) {
    this.setting = setting;
    this.base = setting.default;
    const { key } = setting;
    const id = `set-${key}`;
    this.input = control(setting, { id, 'aria-describedby': `${id}-help ${id}-was ${id}-problem` });
    this.input.addEventListener('input', () => changed(this));
    this.was = h('p', { class: 'was', id: `${id}-was` });
    this.problem = h('p', { class: 'problem', id: `${id}-problem` });
    this.root = h('div', { class: 'field', 'data-key': key },
      h('div', { class: 'field-words' },
        h('label', { for: id }, label(setting)),
        h('code', {}, key),
        h('p', { class: 'help', id: `${id}-help` }, ...marked(`${sentence(setting.help)} `), h('span', { class: 'takes' }, takes(setting))),
      ),
      h('div', { class: 'field-value' },
        h('div', { class: 'control' }, this.input, setting.kind === 'int' && setting.unit ? h('span', { class: 'unit' }, setting.unit) : null),
        this.was, this.problem),
    );
  }

  get value(): unknown {
    if (this.setting.kind === 'bool') return (this.input as HTMLInputElement).checked;
    const text = this.input.value;
    // What is no number stays text, for the check to refuse.
    return this.setting.kind === 'int' && /^[+-]?\d+$/.test(text) ? Number(text) : text;
  }

  set value(value: unknown) {
    if (this.setting.kind === 'bool') (this.input as HTMLInputElement).checked = value === true;
    else this.input.value = String(value);
  }

  show(base: Value, problem: Problem | undefined, undo: () => void): void {
    this.base = base;
    const isChanged = this.value !== base;
    const isBad = problem !== undefined;
    this.root.classList.toggle('changed', isChanged);
    this.root.classList.toggle('bad', isBad);
    this.was.replaceChildren(...(isChanged
      ? [`Changed; was ${shown(this.setting, base)} `,
        h('button', { type: 'button', class: 'undo', 'aria-label': `Undo the change of ${this.setting.key}`, click: undo }, 'Undo')]
      : []));
    this.problem.textContent = problem ? `${tomlValue(problem[1])} ${problem[2]}` : '';
    if (isBad) this.input.setAttribute('aria-invalid', 'true');
    else this.input.removeAttribute('aria-invalid');
  }

  undo(): void {
    this.value = this.base;
  }

  focus(): void {
    this.input.focus();
    this.root.scrollIntoView({ block: 'center' });
  }
}

function takes(setting: Setting): string {
  const { kind, key } = setting;
  const usual = `default ${shown(setting, setting.default)}`;
  if (kind === 'int') return `${accepted(setting).replace('..', ' to ')}, ${usual}`;
  if (kind === 'file') return `A stored prompt, ${usual}`;
  if (kind === 'text') return `${setting.high} bytes at most`;
  return key === 'release.preset' ? `${PRESETS.length} presets, ${usual}` : usual.replace(/^d/, 'D');
}

function control(setting: Setting, props: Record<string, string>): HTMLInputElement | HTMLSelectElement {
  const { kind, low, high, choices } = setting;
  switch (kind) {
    case 'bool':
      return h('input', { ...props, type: 'checkbox', role: 'switch' });
    case 'choice':
      return h('select', props, ...choices.map(choice => h('option', { value: choice }, choice)));
    case 'int':
      // No min: a value that means "off" may lie below it.
      return h('input', { ...props, type: 'number', step: 1, max: high, min: setting.default === 0 ? Math.min(0, low) : low });
    case 'file':
      return h('input', { ...props, type: 'text', list: 'stored-prompts', placeholder: low ? '' : 'nothing', autocomplete: 'off', spellcheck: 'false' });
    case 'text':
      return h('input', { ...props, type: 'text', autocomplete: 'off' });
  }
}

export class SettingsForm {
  /** What is on the device, or the defaults. */
  base: Values;
  onWrite: (changes: Values) => void = () => {};
  onLoad: (file: File) => void = () => {};
  private playable: string[] | null = null;
  private isLive = false;
  private name = '';
  /** What the person, or a file, has given: it stays when another device, or none, is below it. */
  private readonly given = new Set<string>();
  private readonly fields = new Map<string, Field>();
  private readonly preset = h('div', { class: 'preset', id: 'preset' });
  private readonly bar = h('div', { class: 'changes', role: 'region', 'aria-label': 'Changes' });
  private readonly source = h('p', { class: 'source', id: 'source' });
  private readonly stored = h('datalist', { id: 'stored-prompts' });

  constructor(base: Values) {
    this.base = base;
    const panel = at('panel-settings');
    const pick = h('input', { type: 'file', accept: '.toml,.zip', id: 'load', hidden: true });
    pick.addEventListener('change', () => {
      if (pick.files?.[0]) this.onLoad(pick.files[0]);
      pick.value = '';
    });
    panel.append(
      h('div', { class: 'panel-head' },
        h('h2', {}, 'Settings'), this.source,
        h('div', { class: 'buttons' },
          h('button', { type: 'button', class: 'quiet', id: 'load-button', click: () => pick.click() }, 'Load a file…'), pick,
          h('button', { type: 'button', class: 'quiet', id: 'save', click: () => this.save() }, 'Save as a file'))),
      this.stored,
    );
    const tables = [...new Set(SETTINGS.map(setting => setting.table))];
    for (const table of tables) {
      const own = SETTINGS.filter(setting => setting.table === table);
      const group = h('fieldset', { class: 'card group' }, h('legend', {}, table.length < 4 ? table.toUpperCase() : sentence(table).slice(0, -1)));
      for (const setting of own) {
        const field = new Field(setting, changed => this.edited(changed));
        this.fields.set(setting.key, field);
        group.append(field.root);
        if (setting.key === 'release.preset') group.append(this.preset);
      }
      panel.append(group);
    }
    panel.append(this.bar);
    this.fill(base);
    this.show();
  }

  private fill(values: Values): void {
    for (const [key, value] of Object.entries(values)) {
      const field = this.fields.get(key);
      if (field) field.value = value;
    }
  }

  /** What the form says, all of it. */
  get values(): Record<string, unknown> {
    return Object.fromEntries([...this.fields].map(([key, field]) => [key, field.value]));
  }

  /** What to send: all that differs, and with a preset everything that it would fill otherwise. */
  get changes(): Record<string, unknown> {
    const { values } = this;
    const keys = differing(this.base, values);
    if (keys.includes('release.preset')) for (const [key] of FILLED) if (!keys.includes(key)) keys.push(key);
    return Object.fromEntries(keys.map(key => [key, values[key]]));
  }

  get problems(): Problem[] {
    const { values } = this;
    // With no change, too: what an older firmware left behind is worth a word.
    const { problems } = checkChanges(this.base, this.changes);
    if (this.playable)
      for (const key of ['prompt.closing', 'prompt.warning']) {
        const name = values[key];
        if (name && !this.playable.includes(String(name)) && !problems.some(problem => problem[0] === key))
          problems.push([key, name, 'is not a stored prompt that can be played; send it first, under Prompts']);
      }
    return problems;
  }

  /** New ground: what is on the device now. What was given stays, and is a change where it differs. */
  rebase(base: Values): void {
    const kept = [...this.given].map(key => [key, this.fields.get(key)!.value] as const);
    this.base = base;
    this.fill(base);
    for (const [key, value] of kept) this.fields.get(key)!.value = value;
    this.show();
  }

  /** What was given is on the device. */
  settle(): void {
    this.given.clear();
  }

  private give(values: Record<string, unknown>): void {
    this.fill(values as Values);
    for (const key of Object.keys(values)) if (this.fields.has(key)) this.given.add(key);
  }

  /** Values from a file become changes. A preset in it fills what the file does not name. */
  load(values: Values): void {
    this.give(fill(values));
    this.show();
  }

  setPrompts(playable: string[] | null): void {
    this.playable = playable;
    this.stored.replaceChildren(...(playable ?? []).map(name => h('option', { value: name })));
    this.show();
  }

  setDevice(isLive: boolean, name: string, source: string): void {
    this.isLive = isLive;
    this.name = name;
    this.source.textContent = source;
    this.show();
  }

  private edited(field: Field): void {
    const { key } = field.setting;
    this.give(key === 'release.preset' ? fill({ [key]: field.value }) : { [key]: field.value });
    this.show();
  }

  private show(): void {
    const problems = new Map(this.problems.map(problem => [problem[0], problem]));
    for (const [key, field] of this.fields)
      field.show(this.base[key] ?? field.setting.default, problems.get(key), () => {
        field.undo();
        this.edited(field);
        field.focus();
      });
    this.showPreset();
    this.showBar(problems);
  }

  private showPreset(): void {
    const preset = findPreset(this.fields.get('release.preset')!.value);
    if (!preset || this.preset.dataset['name'] === preset.name) return;
    this.preset.dataset['name'] = preset.name;
    const row = (name: string, value: string): HTMLElement => h('div', {}, h('dt', {}, name), h('dd', {}, value));
    this.preset.replaceChildren(
      h('h3', {}, `What ${preset.name} knows about the line`),
      h('dl', {},
        row('Flash', `${preset.flash_ms} ms`),
        row('Longest flash', preset.flash_max_ms ? `${preset.flash_max_ms} ms` : 'unknown'),
        row('Shortest disconnect', `${preset.disconnect_ms} ms`),
        row('Release', preset.mode === 'flash' ? 'a timed break' : `hang-up, ${preset.hold_s} s at most`),
        row('Sureness', `${preset.sureness}, ${SURENESS[preset.sureness] ?? ''}`),
        row('Source', preset.source)),
    );
  }

  private showBar(problems: Map<string, Problem>): void {
    const number = differing(this.base, this.values).length;
    this.bar.hidden = !number && !problems.size;
    const bad = problems.size;
    const first = [...problems.keys()][0];
    const words = [count(number, 'change'), bad ? count(bad, 'problem') : ''].filter(Boolean).join(', ');
    const write = h('button', {
      type: 'button', class: 'primary', id: 'write', disabled: !number || bad > 0 || !this.isLive, click: () => this.review(),
    }, 'Review and write…');
    this.bar.replaceChildren(
      h('p', { class: 'changes-words' }, h('strong', {}, words),
        h('span', {}, bad ? ' Nothing can be written while there is a problem.' : this.isLive ? '' : ' Connect a device to write, or save a file.')),
      h('span', { class: 'buttons' },
        first !== undefined && h('button', { type: 'button', class: 'quiet', click: () => this.fields.get(first)?.focus() }, 'Show the problem'),
        number > 0 && h('button', { type: 'button', class: 'quiet', id: 'discard', click: () => this.discard() }, 'Undo all'),
        write),
    );
  }

  discard(): void {
    this.given.clear();
    this.fill(this.base);
    this.show();
  }

  private save(): void {
    const { problems, values } = this;
    const bad = problems.find(([key]) => this.fields.has(key));
    if (bad && checkChanges(this.base, this.changes).values === null) return this.fields.get(bad[0])!.focus();
    save(`${fileStem(this.name)}.toml`, toToml(values as Values), 'application/toml');
  }

  /** Show what will be written; the person says whether. */
  private review(): void {
    const dialog = at<HTMLDialogElement>('review');
    const { changes } = this;
    const keys = differing(this.base, changes);
    const rows = keys.map(key => {
      const { setting } = this.fields.get(key)!;
      return h('tr', {},
        h('th', { scope: 'row' }, h('code', {}, key)),
        h('td', {}, h('del', {}, shown(setting, this.base[key]))),
        h('td', {}, h('ins', {}, shown(setting, changes[key]))));
    });
    const preset = keys.includes('release.preset') ? findPreset(changes['release.preset']) : undefined;
    dialog.replaceChildren(
      h('h2', { id: 'review-title' }, `Write ${count(keys.length, 'setting')}?`),
      h('p', { class: 'hint' }, 'All of them come into force together, or none; then they are read back and compared.'),
      h('table', { class: 'diff' },
        h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Setting'), h('th', { scope: 'col' }, 'On the device'), h('th', { scope: 'col' }, 'Will be'))),
        h('tbody', {}, ...rows)),
      !preset || preset.sureness === 'H' ? '' : h('p', { class: 'hint caution' },
        `Preset ${preset.name}: sureness ${preset.sureness}, ${SURENESS[preset.sureness]}. End a call on your own line before you rely on it.`),
      keys.includes('usb.access') ? h('p', { class: 'hint caution' }, ACCESS[String(changes['usb.access'])] ?? '') : '',
      h('p', { class: 'buttons' },
        h('button', { type: 'button', class: 'quiet', click: () => dialog.close() }, 'Not now'),
        h('button', {
          type: 'button', class: 'primary', id: 'confirm',
          click: () => {
            dialog.close();
            this.onWrite(changes as Values);
          },
        }, 'Write to the device')),
    );
    dialog.showModal();
    at('confirm').focus();
  }
}

export const fileStem = (name: string): string => name.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^-+|-+$/g, '') || 'endcall';
