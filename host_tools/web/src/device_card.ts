// The device itself: its ring, what it is doing, who it is, and trying it out.

import type { Check, Client, Identity, Status } from './client.ts';
import type { Values } from './contract.ts';
import { announce, at, duration, h } from './dom.ts';
import { RingView } from './ring_view.ts';

const STATES: Record<string, [title: string, says: string]> = {
  READY: ['Ready', 'No limit is set.'],
  WARN: ['Warned', 'The caller is being told the limit.'],
  WATCH: ['Watching', 'The limit stands; the caller has the choice.'],
  ENFORCE: ['Ending', 'The closing sentence plays into the line.'],
  RELEASE: ['Line open', 'The relay is open.'],
  CONFIRM: ['Checking', 'Did the line drop?'],
  RECOVER: ['Recover', 'The call is over. A moment to breathe.'],
  FAULT: ['Fault', ''],
};

const LINES = { unknown: 'no sense fitted', off_hook: 'off-hook: in a call', on_hook: 'on-hook' };

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

export class DeviceCard {
  readonly ring = new RingView(at<HTMLCanvasElement>('ring'));
  private state = '';
  private readonly facts = new Map<string, HTMLElement>();

  identify(identity: Identity | null, fallback: string): void {
    at('device-title').textContent = identity ? identity.name || 'Unnamed device' : fallback;
    at('facts').replaceChildren();
    this.facts.clear();
    this.state = '';
    if (!identity) {
      this.ring.goDark();
      at('state').textContent = '';
      at('state-for').textContent = '';
      at('ring').setAttribute('aria-label', 'The ring is not shown: no device is connected.');
      return;
    }
    for (const [name, value] of [
      ['Line', '…'], ['Relay', '…'], ['Button', '…'],
      ['Serial', identity.serial], ['Firmware', identity.firmware], ['Runtime', identity.runtime],
      ['Access', identity.access], ['Running for', '…'], ['Starts', String(identity.boot)],
      ['Memory', identity.free_bytes ? `${Math.round(identity.free_bytes / 1024)} KB free` : 'not told'],
    ] as const)
      this.fact(name, value ?? 'not told');
  }

  private fact(name: string, value: string): void {
    let dd = this.facts.get(name);
    if (!dd) {
      dd = h('dd', {});
      this.facts.set(name, dd);
      at('facts').append(h('div', {}, h('dt', {}, name), dd));
    }
    if (dd.textContent !== value) dd.textContent = value;
  }

  report(status: Status, rules: Values, closingMs: number): void {
    this.ring.report(status, rules, closingMs);
    const [title, says] = STATES[status.state] ?? [status.state, ''];
    const isFault = status.state === 'FAULT';
    const name = isFault ? `Fault ${status.fault}` : title;
    const isPractice = status.practice ?? false;
    const button = at('practice');
    button.setAttribute('aria-pressed', String(isPractice));
    button.textContent = isPractice ? 'End practice' : 'Practice';
    at('practice-says').hidden = !isPractice;
    const sentence = isFault ? `${capital(status.fault_say)}. The phone works.` : says;
    at('state-for').textContent = duration(Math.floor(status.state_ms / 1000));
    if (this.state !== name) {
      this.state = name;
      at('state').textContent = name;
      at('state-says').textContent = sentence;
      at('ring').setAttribute('aria-label', `The ring shows: ${name}. ${sentence}`);
      announce(`${name}. ${sentence}`);
    }
    this.fact('Line', LINES[status.line] ?? status.line);
    this.fact('Relay', status.relay === 'open' ? 'open: the line is cut' : 'closed: the phone works');
    this.fact('Button', status.button ? 'down' : 'up');
    this.fact('Running for', duration(status.uptime_s));
    if (status.repairs) this.fact('Repairs', `${status.repairs} settings were damaged and are back at their defaults`);
  }

  /** Run the self-check and say what came of it. */
  async selfCheck(client: Client): Promise<Check> {
    const check = await client.check();
    const said = check.fault
      ? `Fault ${check.fault}: ${check.say}.`
      : 'Self-check passed: a limit that is set now can be enforced.';
    at('check-says').textContent = said;
    at('check-says').className = check.fault ? 'problem' : 'fine';
    return check;
  }
}
