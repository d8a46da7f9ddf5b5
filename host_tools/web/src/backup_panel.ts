// Backup and restore: everything that a device keeps, as one file.

import { pack, restore, take, unpack, usable, type Backup } from './backup.ts';
import type { Client } from './client.ts';
import type { Values } from './contract.ts';
import { at, count, h, notice, save, settle, tellTrouble } from './dom.ts';
import { differing } from './settings.ts';
import { fileStem } from './settings_form.ts';

const TOPIC = 'backup';

export class BackupPanel {
  /** Settings and prompts of the device have changed. */
  onChanged: () => Promise<void> = async () => {};
  private client: Client | null = null;
  private values: Values = {};
  private name = '';
  private isBusy = false;
  private backup: Backup | null = null;
  private readonly said = h('span', { class: 'hint', id: 'backup-says', role: 'status' });
  private readonly progress = h('progress', { 'aria-label': 'Progress', hidden: true });
  private readonly take = h('button', { type: 'button', class: 'primary', id: 'take', click: () => this.save() }, 'Save a backup');
  private readonly found = h('div', { class: 'preview', hidden: true });

  constructor() {
    const pick = h('input', { type: 'file', accept: '.zip', id: 'backup', hidden: true });
    pick.addEventListener('change', () => {
      if (pick.files?.[0]) void this.open(pick.files[0]);
      pick.value = '';
    });
    at('panel-backup').append(
      h('div', { class: 'panel-head' }, h('h2', {}, 'Backup'),
        h('p', { class: 'source' }, 'Settings, prompts and incidents in one file; the endcall command reads and writes the same.')),
      h('section', { class: 'card stack', 'aria-labelledby': 'take-title' },
        h('h3', { id: 'take-title' }, 'Save'),
        h('p', { class: 'hint' }, 'Reads everything that the device keeps. That takes some seconds for each prompt.'),
        h('p', { class: 'buttons' }, this.take, this.progress, this.said)),
      h('section', { class: 'card stack', 'aria-labelledby': 'restore-title' },
        h('h3', { id: 'restore-title' }, 'Restore'),
        h('p', { class: 'hint' }, 'Brings settings and prompts back. Incidents stay in the file: a device never takes records that it did not write.'),
        h('p', { class: 'buttons' }, h('button', { type: 'button', class: 'quiet', id: 'backup-button', click: () => pick.click() }, 'Choose a backup…'), pick),
        this.found),
    );
  }

  show(client: Client | null, values: Values, name: string): void {
    this.client = client;
    this.values = values;
    this.name = name;
    this.enable();
  }

  private enable(): void {
    const isReady = this.client !== null && !this.isBusy;
    this.take.disabled = !isReady;
    const button = this.found.querySelector<HTMLButtonElement>('#restore');
    if (button) button.disabled = !isReady;
  }

  private async busy(what: () => Promise<void>): Promise<void> {
    settle(TOPIC);
    this.isBusy = true;
    this.enable();
    try {
      await what();
    } catch (error) {
      tellTrouble(TOPIC, error);
    } finally {
      this.isBusy = false;
      this.progress.hidden = true;
      this.said.textContent = '';
      this.enable();
    }
  }

  private readonly told = (verb: string) => (what: string, done: number, total: number): void => {
    this.progress.hidden = false;
    this.progress.max = total;
    this.progress.value = done;
    this.said.textContent = `${verb} ${what}: ${Math.floor((100 * done) / total)} %`;
  };

  private save(): Promise<void> {
    return this.busy(async () => {
      if (!this.client) return;
      const backup = await take(this.client, this.told('Reading'));
      const file = `${fileStem(this.name)}.zip`;
      save(file, await pack(backup), 'application/zip');
      const leftOut = Object.entries(backup.about.prompts_left_out);
      notice(TOPIC, leftOut.length ? 'note' : 'good', `${file}: ${summary(backup)}.`, [],
        leftOut.map(([name, why]) => `Left out: prompt ${name}, because ${why}.`));
    });
  }

  private open(file: File): Promise<void> {
    this.backup = null;
    this.found.hidden = true;
    return this.busy(async () => {
      this.backup = await unpack(new Uint8Array(await file.arrayBuffer()), file.name);
      const { about, prompts } = this.backup;
      const { wanted } = usable(this.backup);
      const number = differing(this.values, wanted).length;
      const keep = h('input', { type: 'checkbox', id: 'keep-name', role: 'switch' });
      this.found.replaceChildren(
        h('h4', {}, `${about.device.name || 'Unnamed device'}, ${about.made.slice(0, 10)}`),
        h('p', { class: 'hint' }, `${file.name}: ${summary(this.backup)}; from device ${about.device.serial ?? 'unknown'} with firmware ${about.device.firmware ?? 'unknown'}.`),
        h('p', {}, this.client ? `${count(number, 'setting')} would change. Prompts: ${Object.keys(prompts).join(', ') || 'none'}.` : 'Connect a device to restore it.'),
        h('p', { class: 'switch-row' }, keep, h('label', { for: 'keep-name' }, 'Leave the device’s name as it is')),
        h('p', { class: 'buttons' }, h('button', { type: 'button', class: 'primary', id: 'restore', click: () => this.restore(keep.checked) }, 'Restore to this device')),
      );
      this.found.hidden = false;
    });
  }

  private restore(keepName: boolean): Promise<void> {
    return this.busy(async () => {
      if (!this.client || !this.backup) return;
      const { changed, sent, there, missing } = await restore(this.client, this.backup, keepName, this.told('Sending'));
      await this.onChanged();
      const did = `${count(changed.length, 'setting')} changed, ${count(sent.length, 'prompt')} sent, ${there.length} there already; read back and compared.`;
      if (missing.length)
        notice(TOPIC, 'bad', `${count(missing.length, 'thing')} could not be brought back.`, [`Everything else is restored: ${did}`],
          missing.map(([what, why]) => `${what}: ${why}`));
      else notice(TOPIC, 'good', did);
      this.found.hidden = true;
    });
  }
}

const summary = ({ settings, prompts, incidents }: Backup): string =>
  [count(Object.keys(settings).length, 'setting'), count(Object.keys(prompts).length, 'prompt'), count(incidents.length, 'incident')].join(', ');
