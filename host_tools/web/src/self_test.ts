// The self-test: the parts one by one, for a person who looks, listens and presses.

import type { Client, Seen } from './client.ts';
import { at, h, tellTrouble } from './dom.ts';

const LOOK_MS = 200;
const BREAK_MS = 100;
const SETTLE_MS = 400; // after a break, until the loop current is seen again

const COLOURS = [['Red', 0xff0000], ['Green', 0x00ff00], ['Blue', 0x0000ff], ['White', 0xffffff], ['Dark', -1]] as const;

/** What the ring shows while a test runs: one colour, or null for none. */
export interface TestPicture {
  colour: [number, number, number] | null;
  is_down: boolean;
}

const later = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));

export class SelfTestDialog {
  /** Is told what the ring shows; null when the test is over. */
  onPicture: (picture: TestPicture | null) => void = () => {};
  private client: Client | null = null;
  private picture: TestPicture = { colour: null, is_down: false };
  private readonly dialog = at<HTMLDialogElement>('self-test');
  private readonly buttonSays = says();
  private readonly soundSays = says();
  private readonly lineSays = says();

  constructor() {
    this.dialog.addEventListener('close', () => void this.end());
  }

  /** Begin. `hasSense`: whether the device can see the line. */
  open(client: Client, hasSense: boolean): void {
    this.client = client;
    this.picture = { colour: null, is_down: false };
    const sound = (label: string, value: number): HTMLElement =>
      button(label, () => this.step(this.soundSays, async () => {
        const seen = await client.test('sound', value);
        tell(this.soundSays, seen.playing, seen.playing ? `The closing prompt plays${value ? ' into the line' : ''}.` : 'Nothing plays; the self-check says why.');
      }));
    this.dialog.replaceChildren(
      h('h2', { id: 'self-test-title' }, 'Self-test'),
      h('p', { class: 'hint' }, 'While it runs, the button belongs to the test and no call can be limited. It ends when you close this, or after five minutes.'),
      part('Ring', 'Do all lights show the colour?', h('span', { class: 'buttons' }, ...COLOURS.map(([name, value]) =>
        button(name, () => this.step(null, async () => {
          await client.test('ring', value);
          this.show({ colour: value < 0 ? null : [(value >> 16) & 255, (value >> 8) & 255, value & 255] });
        }))))),
      part('Button', 'Press the device’s button a few times: every press is counted.', this.buttonSays),
      part('Sound', 'Is the closing prompt clear? Only on a call of your own play it into the line.', h('span', { class: 'buttons' },
        sound('Play', 0), sound('Play into the line', 1), button('Quiet', () => this.step(this.soundSays, async () => {
          await client.test('quiet', 0);
          tell(this.soundSays, null, '');
        }))), this.soundSays),
      part('Line', hasSense
        ? `Opens the line for ${BREAK_MS} ms. With a call of your own on it, the device sees whether the current stops.`
        : `Opens the line for ${BREAK_MS} ms: the relay clicks, and a call of your own is interrupted for a moment. No sense is fitted, so listen.`,
      button('Open the line', () => this.step(this.lineSays, () => this.tryLine(hasSense))), this.lineSays),
      h('p', { class: 'buttons' }, h('button', { type: 'button', class: 'primary', id: 'self-test-end', click: () => this.dialog.close() }, 'End the test')),
    );
    tell(this.buttonSays, null, 'Not pressed yet.');
    tell(this.soundSays, null, '');
    tell(this.lineSays, null, '');
    this.dialog.showModal();
    void this.look();
  }

  close(): void {
    if (this.dialog.open) this.dialog.close();
  }

  private async end(): Promise<void> {
    const { client } = this;
    this.client = null;
    this.onPicture(null);
    try {
      await client?.testEnd();
    } catch {
      // it ends with the link, too
    }
  }

  private show(change: Partial<TestPicture>): void {
    this.picture = { ...this.picture, ...change };
    this.onPicture(this.picture);
  }

  /** Watch the button for as long as the dialog is open. */
  private async look(): Promise<void> {
    try {
      while (this.client) {
        const { presses, down } = await this.client.test('look', 0);
        if (!this.client) return;
        this.show({ is_down: down });
        if (presses) tell(this.buttonSays, true, `${presses === 1 ? '1 press' : `${presses} presses`}${down ? ', down now' : ''}.`);
        await later(LOOK_MS);
      }
    } catch (error) {
      this.close();
      tellTrouble('test', error);
    }
  }

  private async step(line: HTMLElement | null, what: () => Promise<void>): Promise<void> {
    try {
      await what();
    } catch (error) {
      if (line) tell(line, false, (error as Error).message);
      else {
        this.close();
        tellTrouble('test', error);
      }
    }
  }

  private async tryLine(hasSense: boolean): Promise<void> {
    const client = this.client!;
    const before = await client.test('look', 0);
    await client.test('relay', BREAK_MS);
    await later(SETTLE_MS);
    const after: Seen = await client.test('look', 0);
    if (after.open) tell(this.lineSays, false, 'The line is still open.');
    else if (!hasSense) tell(this.lineSays, null, 'It was opened and is closed again.');
    else if (!before.loop) tell(this.lineSays, null, 'It was opened and is closed again; with the handset down there is no current to see.');
    else tell(this.lineSays, after.dropped && after.loop, after.dropped
      ? `The current stopped${after.loop ? ' and is back' : ', and has not come back'}.`
      : 'The current did not stop: look at the relay and its wiring.');
  }
}

const says = (): HTMLElement => h('p', { class: 'step-says', role: 'status' });

/** good: true, false, or null for what is neither. */
function tell(line: HTMLElement, good: boolean | null, text: string): void {
  line.className = `step-says ${good === null ? '' : good ? 'fine' : 'problem'}`;
  if (line.textContent !== text) line.textContent = text;
}

const part = (name: string, question: string, ...what: HTMLElement[]): HTMLElement =>
  h('section', { class: 'step' }, h('h3', {}, name), h('p', { class: 'hint' }, question), ...what);

const button = (name: string, click: () => void): HTMLElement =>
  h('button', { type: 'button', class: 'quiet small', click }, name);
