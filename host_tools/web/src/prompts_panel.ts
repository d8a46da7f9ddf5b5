// The stored prompts, and sending a new one: judged and shown before anything goes to the device.

import { type Client, type Prompt } from './client.ts';
import { PROMPT, type Values } from './contract.ts';
import { announce, at, count, h, notice, s, save, seconds, settle, tellTrouble } from './dom.ts';
import { concerns, levelText, measure } from './loudness.ts';
import { judge, nameProblem, samplesOf, shape } from './wav.ts';

const COLUMNS = 240;
const TOPIC = 'prompt';

type Bytes = Uint8Array<ArrayBuffer>;

export class PromptsPanel {
  client: Client | null = null;
  /** The device's prompts have changed. */
  onChanged: () => Promise<void> = async () => {};
  /** The person wants a setting to name this prompt. */
  onUse: (key: string, name: string) => void = () => {};
  private prompts: Prompt[] = [];
  private values: Values = {};
  /** Of the sound that is shown, for listening. */
  private url: string | null = null;
  private stop: AbortController | null = null;
  private readonly table = h('div', { class: 'scroll card', tabindex: '0', role: 'region', 'aria-label': 'Stored prompts' });
  private readonly preview = h('div', { class: 'preview', hidden: true });
  private readonly pick = h('input', { type: 'file', accept: '.wav,audio/wav', id: 'wav', hidden: true });

  constructor() {
    const panel = at('panel-prompts');
    this.pick.addEventListener('change', () => {
      if (this.pick.files?.[0]) void this.choose(this.pick.files[0]);
      this.pick.value = '';
    });
    const drop = h('div', { class: 'drop' },
      h('p', {}, 'A WAV file: PCM 16 bit, mono, ', `${PROMPT.rate_hz / 1000} kHz, ${PROMPT.longest_ms / 1000} s and ${PROMPT.slot_bytes / 1024} KB at most.`),
      h('button', { type: 'button', class: 'quiet', id: 'wav-button', click: () => this.pick.click() }, 'Choose a file…'),
      h('span', { class: 'hint' }, 'or drop it here'), this.pick);
    drop.addEventListener('dragover', event => {
      event.preventDefault();
      drop.classList.add('over');
    });
    drop.addEventListener('dragleave', () => drop.classList.remove('over'));
    drop.addEventListener('drop', event => {
      event.preventDefault();
      drop.classList.remove('over');
      const file = event.dataTransfer?.files[0];
      if (file) void this.choose(file);
    });
    panel.append(
      h('div', { class: 'panel-head' }, h('h2', {}, 'Prompts'), h('p', { class: 'source' }, `${PROMPT.slots} places; one is kept for a new prompt, so that what is in use is never overwritten.`)),
      this.table,
      h('section', { class: 'card', 'aria-labelledby': 'send-title' }, h('h3', { id: 'send-title' }, 'Send a prompt'), drop, this.preview),
    );
    this.show([], {}, null);
  }

  show(prompts: Prompt[], values: Values, client: Client | null): void {
    this.prompts = prompts;
    this.values = values;
    this.client = client;
    const rows = prompts.map(prompt => {
      const uses = this.usesOf(prompt.name);
      return h('tr', {},
        h('th', { scope: 'row' }, prompt.name),
        h('td', {}, uses.length ? uses.map(key => key.slice('prompt.'.length)).join(', ') : '–'),
        h('td', {}, prompt.ms === null ? '–' : seconds(prompt.ms)),
        h('td', {}, prompt.rate_hz === null ? '–' : `${prompt.rate_hz} Hz`),
        h('td', {}, prompt.bytes === null ? '–' : `${Math.ceil(prompt.bytes / 1024)} KB`),
        h('td', {}, prompt.problem ? h('span', { class: 'problem' }, prompt.problem) : h('span', { class: 'fine' }, 'whole')),
        h('td', {}, client && h('span', { class: 'row-buttons' },
          prompt.bytes !== null && h('button', { type: 'button', class: 'quiet small', 'aria-label': `Show ${prompt.name}`, click: () => this.read(prompt.name) }, 'Show'),
          !uses.length && h('button', { type: 'button', class: 'quiet small', 'aria-label': `Remove ${prompt.name}`, click: () => this.remove(prompt.name) }, 'Remove'))));
    });
    this.table.replaceChildren(rows.length
      ? h('table', {}, h('thead', {}, h('tr', {}, ...['Name', 'Used as', 'Length', 'Rate', 'Size', 'State'].map(name => h('th', { scope: 'col' }, name)), h('th', { scope: 'col' }, h('span', { class: 'unseen' }, 'Do')))), h('tbody', {}, ...rows))
      : h('p', { class: 'empty' }, client ? 'No prompt is stored: no limit can be set. Send one below.' : 'Connect a device to see its prompts.'));
    this.enableSend();
  }

  private usesOf(name: string): string[] {
    return ['prompt.closing', 'prompt.warning'].filter(key => this.values[key] === name);
  }

  private async choose(file: File): Promise<void> {
    settle(TOPIC);
    this.forget();
    try {
      const data = new Uint8Array(await file.arrayBuffer());
      this.showSound(file.name, data, this.sender(file.name, data));
    } catch (error) {
      tellTrouble(TOPIC, error);
    }
  }

  /** Read a stored prompt and show it. */
  private async read(name: string): Promise<void> {
    const { client } = this;
    if (!client) return;
    settle(TOPIC);
    this.forget();
    const said = h('p', { class: 'hint' }, `Reading ${name}…`);
    this.preview.replaceChildren(said);
    this.preview.hidden = false;
    try {
      const data = await client.readPrompt(name, (got, total) => {
        said.textContent = `Reading ${name}: ${Math.floor((100 * got) / total)} %`;
      });
      this.showSound(name, data, [h('p', { class: 'buttons' },
        h('button', { type: 'button', class: 'quiet', id: 'save-prompt', click: () => save(name, data, 'audio/wav') }, 'Save as a file'))]);
    } catch (error) {
      this.forget();
      tellTrouble(TOPIC, error);
    }
  }

  private forget(): void {
    if (this.url) URL.revokeObjectURL(this.url);
    this.url = null;
    this.preview.hidden = true;
    this.preview.replaceChildren();
  }

  private enableSend(): void {
    const send = this.preview.querySelector<HTMLButtonElement>('#send');
    if (send) send.disabled = !this.client || this.stop !== null;
  }

  /** The sound in `data` as a picture, how loud it is, a way to listen, and below it `more`. */
  private showSound(name: string, data: Bytes, more: HTMLElement[]): void {
    const wav = judge(name, data);
    const samples = samplesOf(data, wav);
    const level = measure(samples, wav.rate_hz);
    const facts = `${seconds(wav.duration_ms)} · ${wav.rate_hz} Hz · ${Math.ceil(data.length / 1024)} KB · ${levelText(level)}`;
    this.url = URL.createObjectURL(new Blob([data], { type: 'audio/wav' }));
    this.preview.replaceChildren(
      h('h4', {}, name),
      wave(shape(samples, COLUMNS), `Waveform of ${name}: ${facts}`),
      h('p', { class: 'hint', id: 'wave-facts' }, facts),
      ...concerns(level).map(text => h('p', { class: 'concern' }, text)),
      h('audio', { controls: true, src: this.url, 'aria-label': `Listen to ${name}` }),
      ...more,
    );
    this.preview.hidden = false;
    this.enableSend();
    announce(`${name}: ${facts}.`);
  }

  /** What sends `data` to the device. */
  private sender(fileName: string, data: Bytes): HTMLElement[] {
    const name = h('input', { type: 'text', id: 'prompt-name', value: fileName, spellcheck: 'false', autocomplete: 'off', 'aria-describedby': 'prompt-name-problem' });
    const bad = h('p', { class: 'problem', id: 'prompt-name-problem' });
    const progress = h('progress', { max: String(data.length), value: '0', 'aria-label': 'Upload', hidden: true });
    const said = h('span', { class: 'hint', id: 'sent' });
    const cancel = h('button', { type: 'button', class: 'quiet', hidden: true, click: () => this.stop?.abort() }, 'Stop');
    const button = h('button', { type: 'button', class: 'primary', id: 'send' }, 'Send to the device');
    const judgeName = (): boolean => {
      bad.textContent = nameProblem(name.value) ?? '';
      name.toggleAttribute('aria-invalid', Boolean(bad.textContent));
      return !bad.textContent;
    };
    name.addEventListener('input', judgeName);
    button.addEventListener('click', () => {
      if (judgeName()) void this.send(name.value, data, { progress, said, cancel, button });
      else name.focus();
    });
    judgeName();
    return [
      h('div', { class: 'send-row' }, h('label', { for: 'prompt-name' }, 'Name on the device'), name, bad),
      h('p', { class: 'buttons' }, button, cancel, progress, said),
    ];
  }

  private async send(
    name: string, data: Uint8Array,
    { progress, said, cancel, button }: { progress: HTMLProgressElement; said: HTMLElement; cancel: HTMLElement; button: HTMLButtonElement },
  ): Promise<void> {
    if (!this.client) return;
    settle(TOPIC);
    this.stop = new AbortController();
    button.disabled = true;
    progress.hidden = cancel.hidden = false;
    const began = performance.now();
    try {
      await this.client.putPrompt(name, data, sent => {
        progress.value = sent;
        const s = (performance.now() - began) / 1000;
        said.textContent = sent < data.length
          ? `${Math.floor((100 * sent) / data.length)} %, ${Math.round(sent / 1024 / s)} KB/s`
          : 'Reading back…';
      }, this.stop.signal);
      this.forget();
      await this.onChanged();
      const unused = !this.usesOf(name).length;
      notice(TOPIC, 'good', `${name} was sent, read back and compared.`, [unused ? 'No setting names it yet.' : 'It is in force.']);
      if (unused) this.offerUse(name);
    } catch (error) {
      tellTrouble(TOPIC, error);
      progress.hidden = true;
      said.textContent = '';
    } finally {
      this.stop = null;
      cancel.hidden = true;
      this.enableSend();
    }
  }

  private offerUse(name: string): void {
    const body = document.querySelector(`[data-topic="${TOPIC}"] .notice-body`);
    const use = (key: string, words: string): HTMLElement =>
      h('button', { type: 'button', class: 'quiet small', click: () => { settle(TOPIC); this.onUse(key, name); } }, words);
    body?.append(h('p', { class: 'buttons' }, use('prompt.closing', 'Use it as the closing'), use('prompt.warning', 'Use it as the warning')));
  }

  private async remove(name: string): Promise<void> {
    settle(TOPIC);
    try {
      await this.client?.removePrompt(name);
      await this.onChanged();
      notice(TOPIC, 'good', `${name} was removed.`, [`${count(PROMPT.slots - this.prompts.length, 'place')} free.`]);
    } catch (error) {
      tellTrouble(TOPIC, error);
    }
  }
}

function wave(columns: [number, number][], label: string): SVGElement {
  const height = 100;
  const y = (value: number): string => (height / 2 - value * (height / 2)).toFixed(1);
  const upper = columns.map(([, high], x) => `${x},${y(Math.max(high, 0.004))}`);
  const lower = columns.map(([low], x) => `${x},${y(Math.min(low, -0.004))}`).reverse();
  const svg = s('svg', { viewBox: `0 0 ${columns.length - 1} ${height}`, preserveAspectRatio: 'none', class: 'wave', role: 'img', 'aria-label': label });
  svg.append(s('polygon', { points: [...upper, ...lower].join(' ') }));
  return svg;
}
