// The page: connects to a device, keeps what it says, and gives it to the parts that show it.

import './style.css';
import { unpack, usable } from './backup.ts';
import { BackupPanel } from './backup_panel.ts';
import { Client, KEYED, USE_ENDCALL, type Prompt } from './client.ts';
import { VERSIONS, defaults, type Values } from './contract.ts';
import { DeviceCard } from './device_card.ts';
import { announce, at, count, h, notice, settle, tellTrouble } from './dom.ts';
import { IncidentsPanel } from './incidents_panel.ts';
import { PromptsPanel } from './prompts_panel.ts';
import { RingView } from './ring_view.ts';
import { choose, missing, onPlugged, open } from './serial.ts';
import { SelfTestDialog } from './self_test.ts';
import { SettingsForm } from './settings_form.ts';
import { readToml } from './settings_file.ts';
import { Trouble } from './trouble.ts';

const POLL_MS = 250;
const POLL_HIDDEN_MS = 2000;
const LOG_AGAIN_MS = 3000;
const LINK = 'link';
const HERE_S = 10;

type Mode = 'start' | 'device' | 'lost' | 'file';

let client: Client | null = null;
let values: Values = defaults();
let prompts: Prompt[] = [];
/** How many incidents the device spoke of when the log was read, how many came, and when. */
let log = { spoken: -1, read: 0, at_ms: 0 };

const card = new DeviceCard();
const form = new SettingsForm(values);
const promptsPanel = new PromptsPanel();
const incidents = new IncidentsPanel();
const backups = new BackupPanel();

const playable = (): string[] => prompts.filter(prompt => !prompt.problem).map(prompt => prompt.name);
const nameNow = (): string => String(values['device.name'] || client?.identity?.serial || '');

function setMode(mode: Mode): void {
  document.body.dataset['mode'] = mode;
  const isLive = mode === 'device';
  at('start').hidden = mode !== 'start';
  at('desk').hidden = mode === 'start';
  at('disconnect').hidden = !isLive;
  at('unconnected').hidden = isLive;
  at('tests').hidden = !isLive;
  if (!isLive) selfTest.close();
  at('link').dataset['is'] = isLive ? 'on' : 'off';
  at('link').textContent = isLive ? 'Connected' : mode === 'lost' ? 'Connection lost' : 'Not connected';
  if (!isLive) {
    card.identify(null, mode === 'lost' ? nameNow() || 'The device is away' : 'No device');
    at('state-says').textContent =
      mode === 'lost' ? 'Plug it in again: this page connects by itself. Your changes are kept.' : 'You are editing a file.';
  }
  showAll();
}

function showAll(): void {
  const isLive = client !== null;
  const mode = document.body.dataset['mode'];
  const source = isLive ? 'As they are on the device; nothing is written before you say so.'
    : mode === 'lost' ? 'As they were on the device.' : 'Without a device: from a file, else the defaults.';
  form.setDevice(isLive, nameNow(), source);
  form.setPrompts(isLive ? playable() : null);
  promptsPanel.show(prompts, values, client);
  backups.show(client, values, nameNow());
}

// --- connecting -----------------------------------------------------------------------------------------------------

let isConnecting = false;

async function connect(port: SerialPort | null): Promise<void> {
  if (!port || isConnecting || client) return;
  isConnecting = true;
  at('link').textContent = 'Connecting…';
  settle(LINK);
  let fresh: Client | null = null;
  try {
    fresh = new Client(await open(port));
    const lost = fresh;
    fresh.onLost = () => lose(lost);
    const identity = await fresh.hello();
    await tellTime(fresh);
    values = await fresh.get();
    prompts = await fresh.prompts();
    client = fresh;
    card.identify(identity, '');
    form.rebase(values);
    setMode('device');
    log.spoken = -1;
    if (await fresh.isLocked()) notice(LINK, 'note', KEYED, ['It can be looked at here, not changed.', USE_ENDCALL]);
    if (identity.crash) notice(LINK, 'note', 'The firmware crashed before.', [String(identity.crash)]);
    at('device-title').focus();
    announce(`Connected to ${identity.name || 'an unnamed device'}.`);
    await poll();
  } catch (error) {
    await fresh?.close();
    if (client === fresh) client = null;
    tellTrouble(LINK, error);
    setMode(document.body.dataset['mode'] === 'device' ? 'lost' : (document.body.dataset['mode'] as Mode));
  } finally {
    isConnecting = false;
  }
}

async function tellTime(to: Client): Promise<void> {
  try {
    await to.tellTime(Math.floor(Date.now() / 1000));
  } catch (error) {
    if (!(error instanceof Trouble) || error.kind !== 'invalid') throw error;
    notice('time', 'note', error.happened, ['Incidents will carry no time.']);
  }
}

/** The device of `from` went away by itself. */
function lose(from: Client): void {
  if (client !== from) return;
  client = null;
  notice(LINK, 'bad', 'The device went away.', [
    'It was unplugged, or it restarted. What it had not confirmed is not in force.',
    'Plug it in again and wait for the ring’s dot: this page connects by itself.',
  ]);
  setMode('lost');
}

async function disconnect(): Promise<void> {
  const old = client;
  client = null;
  setMode('start');
  await old?.close();
  announce('Disconnected.');
}

// --- what the device says -------------------------------------------------------------------------------------------

async function poll(): Promise<void> {
  const now = client;
  if (!now) return;
  try {
    const status = await now.status();
    if (client !== now) return;
    const closing = prompts.find(prompt => prompt.name === values['prompt.closing']);
    card.report(status, values, closing?.ms ?? 0);
    // A record that waits to be written is counted before it can be read.
    const isBehind = log.read !== status.incidents && performance.now() - log.at_ms > LOG_AGAIN_MS;
    if (status.incidents !== log.spoken || isBehind) await readLog(status.incidents);
  } catch (error) {
    if (client !== now) return; // told already
    client = null;
    tellTrouble(LINK, error);
    setMode('lost');
    await now.close();
  }
  setTimeout(poll, document.hidden ? POLL_HIDDEN_MS : POLL_MS);
}

async function readLog(spoken: number): Promise<void> {
  if (!client) return;
  const { records, lost } = await client.log();
  log = { spoken, read: records.length, at_ms: performance.now() };
  incidents.show(records, lost, nameNow(), true);
}

async function readAll(): Promise<void> {
  if (!client) return;
  values = await client.get();
  prompts = await client.prompts();
  form.rebase(values);
  showAll();
}

// --- what the person does -------------------------------------------------------------------------------------------

form.onWrite = async changes => {
  if (!client) return;
  settle('write');
  try {
    const number = Object.keys(changes).filter(key => changes[key] !== values[key]).length;
    values = await client.change(changes);
    form.settle();
    form.rebase(values);
    showAll();
    at('device-title').textContent = String(values['device.name'] || 'Unnamed device');
    notice('write', 'good', `${count(number, 'setting')} written, read back and compared.`);
  } catch (error) {
    tellTrouble('write', error);
  }
};

form.onLoad = async file => {
  settle('load');
  try {
    const isBackup = /\.zip$/i.test(file.name);
    const found = isBackup
      ? usable(await unpack(new Uint8Array(await file.arrayBuffer()), file.name)).wanted
      : readToml(await file.text(), file.name);
    form.load(found);
    notice('load', 'good', `${count(Object.keys(found).length, 'setting')} from ${file.name}.`, [
      'What differs is marked below; nothing was written yet.',
      isBackup ? 'Its prompts can be restored under Backup.' : '',
    ]);
  } catch (error) {
    tellTrouble('load', error);
  }
};

promptsPanel.onChanged = readAll;
backups.onChanged = readAll;
promptsPanel.onUse = (key, name) => {
  form.load({ [key]: name });
  tabs.choose('settings');
  document.getElementById(`set-${key}`)?.focus();
};

incidents.onRefresh = () => void readLog(log.spoken).catch(error => tellTrouble(LINK, error));

class Tabs {
  private readonly names = ['settings', 'prompts', 'incidents', 'backup'];
  private readonly buttons = this.names.map(name =>
    h('button', {
      type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': `panel-${name}`, click: () => this.choose(name),
    }, name.slice(0, 1).toUpperCase() + name.slice(1)));

  constructor() {
    const list = at('tabs');
    list.append(...this.buttons);
    list.addEventListener('keydown', event => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const now = this.buttons.indexOf(document.activeElement as HTMLButtonElement);
      const next = event.key === 'Home' ? 0 : event.key === 'End' ? this.names.length - 1
        : step && (now + step + this.names.length) % this.names.length;
      if (next === undefined) return;
      event.preventDefault();
      this.choose(this.names[next]!);
      this.buttons[next]!.focus();
    });
    this.choose('settings');
  }

  choose(wanted: string): void {
    for (const topic of ['write', 'load', 'prompt', 'backup']) settle(topic); // said and done
    this.names.forEach((name, index) => {
      const isIt = name === wanted;
      at(`panel-${name}`).hidden = !isIt;
      this.buttons[index]!.setAttribute('aria-selected', String(isIt));
      this.buttons[index]!.tabIndex = isIt ? 0 : -1;
    });
  }
}

const tabs = new Tabs();

const selfTest = new SelfTestDialog();
selfTest.onPicture = picture => {
  card.ring.test = picture;
};

/** A button that asks something of the device. */
const asking = (id: string, label: string, what: (client: Client) => unknown): HTMLElement =>
  h('button', {
    type: 'button', class: 'quiet', id,
    click: async () => {
      settle('test');
      try {
        if (client) await what(client);
      } catch (error) {
        tellTrouble('test', error);
      }
    },
  }, label);

at('tests').append(
  asking('identify', 'Identify', async device => {
    await device.identify(HERE_S);
    card.ring.sayHere(HERE_S);
    announce(`An arc goes round the device’s ring for ${HERE_S} seconds.`);
  }),
  asking('check', 'Self-check', device => card.selfCheck(device)),
  asking('test', 'Self-test…', device => selfTest.open(device, values['line.sense'] === 'loop')),
  asking('practice', 'Practice', device => device.practise(at('practice').getAttribute('aria-pressed') !== 'true')),
  h('p', { id: 'practice-says', class: 'hint', hidden: true },
    'Practice: all goes its way, but nothing reaches the line and nothing is recorded. For an hour, or until a restart.'),
  h('p', { id: 'check-says', role: 'status' }),
);

const unable = missing();
for (const button of document.querySelectorAll<HTMLButtonElement>('[data-do="connect"]')) {
  button.disabled = unable !== null;
  button.addEventListener('click', async () => {
    try {
      await connect(await choose());
    } catch (error) {
      tellTrouble(LINK, error);
    }
  });
}
if (unable) notice(LINK, 'note', unable.happened, [unable.means, unable.todo]);
at('disconnect').addEventListener('click', disconnect);
at('offline').addEventListener('click', () => {
  values = defaults();
  prompts = [];
  form.rebase(values);
  incidents.show([], 0, '', false);
  setMode('file');
  at('device-title').focus();
});
onPlugged(port => {
  if (document.body.dataset['mode'] === 'lost') void connect(port);
});
addEventListener('beforeunload', event => {
  if (client && Object.keys(form.changes).length) event.preventDefault();
});

at('about').textContent =
  `endcall configurator ${VERSIONS.firmware}, protocol ${VERSIONS.protocol}, settings version ${VERSIONS.settings}. ` +
  'It works offline, from a file or any web space.';

// The picture of the first page: the dot that means ready.
new RingView(at<HTMLCanvasElement>('start-ring')).report(
  {
    state: 'READY', state_ms: 0, warnings: 0, fault: 0, fault_name: '', fault_say: '', button: false, line: 'unknown',
    relay: 'closed', playing: false, uptime_s: 0, time_s: 0, incidents: 0, repairs: 0, bad_frames: 0,
  },
  defaults(), 0,
);

setMode('start');

// For tests: what the page knows.
Object.assign(window, { endcall: { get picture() { return [...card.ring.picture]; }, get values() { return values; } } });
