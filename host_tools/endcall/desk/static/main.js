// The page: hands to the desk, and the desk's events to the eyes and ears. The device itself runs in Python.

import { Chart, clock } from './chart.js';
import { Practice } from './practice.js';
import { Ring } from './ring.js';
import { Sound, drawLevel } from './sound.js';
import { PHASES, STATES, guide, incident, logLine } from './words.js';

const $ = id => document.getElementById(id);
const LOG_LINES = 120;
const LAG_MS = 60; // the chart runs this far behind, so that its right edge is always known
const CLICK_MS = 150; // a click without a pointer or a key (a screen reader's) is a press of this length

const desk = {
  call: { state: 'READY', since: 0, warnings: 0, fault: 0, fault_name: '', fault_say: '' },
  settings: null,
  line: { flows: true, handset: 'up', relay: 'closed', phase: 'talking', phaseSince: 0 },
  sound: { playing: false, ms: 0, name: '' },
  button: false,
  powered: true,
};

// --- colours: the style sheet's, read once per theme ---------------------------------------------------------

let colours = {};
const style = name => colours[name] ??= getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const forgetColours = () => { colours = {}; };
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', forgetColours);

const ring = new Ring($('ring'), $('puck'));
const chart = new Chart($('chart'), style);
const sound = new Sound();

// --- time: the desk's clock, between two messages --------------------------------------------------------------

const time = {
  atT: 0, atReal: performance.now(), speed: 1, runs: false,
  now() { return this.runs ? this.atT + (performance.now() - this.atReal) * this.speed : this.atT; },
  heard(t) {
    const guess = this.now();
    const off = t - guess;
    // Small differences are the socket's jitter: lean towards them. Large ones are the truth.
    this.atT = !this.runs || Math.abs(off) > 250 * Math.max(1, this.speed) ? t : guess + off * 0.05;
    this.atReal = performance.now();
    this.runs = true;
  },
};

// --- what happens ------------------------------------------------------------------------------------------------

const TAKE = {
  about(event) {
    time.speed = sound.speed = event.speed || 1;
    for (const kept of [chart.lines, chart.states, chart.breaks, sound.envelope, sound.pieces]) kept.length = 0;
    $('log').replaceChildren();
    $('incidents').querySelectorAll('[data-outcome]').forEach(entry => entry.remove());
    desk.settings = null;
    desk.about = event.settings ?? {};
    desk.call = { ...desk.call, state: '', since: -1 };
    event.events.forEach(take);
    $('command').textContent = event.command ? `${event.command} status` : 'There is no port on this system.';
    $('copy').hidden = !event.command;
    $('link').textContent = event.speed === 1 ? 'running' : `running at ${event.speed} ×`;
    $('link').dataset.is = 'on';
  },
  time() {},
  settings(event) {
    const before = desk.settings;
    desk.settings = event.values;
    put('line-is', event.line);
    if (before) {
      event.changed = Object.keys(event.values).filter(key => before[key] !== event.values[key])
        .map(key => `${key} = ${JSON.stringify(event.values[key])}`).join(', ');
    }
    showSettings();
    if (event.changed) {
      $('change-said').textContent = `In force: ${event.changed}`;
      $('change').dataset.is = 'good';
    }
  },
  call(event) {
    event.isOld = event.state === desk.call.state && event.since === desk.call.since && event.fault === desk.call.fault;
    const before = desk.call;
    desk.call = event;
    chart.state(event.since, event.state);
    if (!event.isOld) {
      announce();
      if (event.state !== before.state) practice.happened(event.state);
      if (event.state === 'RELEASE' && before.state !== 'RELEASE' && $('crash-in-break').checked) {
        $('crash-in-break').checked = false;
        send('crash');
      }
    }
  },
  refused() {
    practice.happened('refused');
    $('guide').animate?.([{ translate: '0' }, { translate: '-5px' }, { translate: '4px' }, { translate: '0' }], 220);
  },
  button(event) { desk.button = event.down; showButton(); },
  line(event) {
    chart.line(event);
    if (desk.line.handset === 'up' && event.handset === 'down') practice.happened('handset');
    const phaseSince = event.phase === desk.line.phase ? desk.line.phaseSince : event.t;
    desk.line = { ...event, phaseSince };
    showPhone();
  },
  break(event) {
    chart.gap(event);
    $('last-break').textContent = logLine(event);
    $('chart').setAttribute('aria-label', `Loop current against time. ${logLine(event)}.`);
  },
  exchange(event) { $('exchange').textContent = event.say; },
  sound(event) { desk.sound = event; },
  incident(event) { showIncident(event.record); },
  power(event) { event.isOld = desk.powered === event.on; desk.powered = event.on; showPower(); },
  mend(event) {
    const box = $(`${event.part}-broken`);
    event.isOld = box.checked === !event.works;
    box.checked = !event.works;
  },
  note() {},
  crash() {},
  kept(event) { $('change-said').textContent = `${event.key} ${event.say}`; $('change').dataset.is = 'bad'; },
};

function take(event) {
  TAKE[event.event]?.(event);
  if (!event.isOld) log(event);
}

// --- what is seen --------------------------------------------------------------------------------------------------

function log(event) {
  const words = logLine(event);
  if (words === null) return;
  const entry = document.createElement('li');
  entry.dataset.kind = event.event;
  if (event.cause) entry.dataset.cause = event.cause;
  const when = document.createElement('time');
  when.textContent = clock(event.t / 1000);
  const text = document.createElement('span');
  text.textContent = words;
  if (event.event === 'call') {
    const state = document.createElement('b');
    state.textContent = state.dataset.state = event.state;
    text.prepend(state, ' ');
  }
  entry.append(when, text);
  $('log').prepend(entry);
  if ($('log').children.length > LOG_LINES) $('log').lastChild.remove();
}

function announce() {
  if (!desk.settings) return;
  const words = guide(desk, 0);
  $('announcer').textContent = `${desk.call.state}. ${words.title}. Press: ${words.press}. Hold: ${words.hold}.`;
}

function put(id, words) { // writing the same again would make screen readers repeat it
  if ($(id).textContent !== words) $(id).textContent = words;
}

function showGuide(now) {
  if (!desk.settings) return;
  const sinceMs = Math.max(0, now - desk.call.since);
  const words = guide(desk, sinceMs);
  const state = desk.powered ? desk.call.state : 'OFF';
  document.documentElement.dataset.state = state;
  put('state', desk.powered ? state : 'NO POWER');
  put('since', desk.powered ? clock(sinceMs / 1000) : '');
  put('guide-title', words.title);
  put('guide-text', words.text);
  put('say', words.say ?? '');
  $('say').hidden = !words.say;
  put('press-does', words.press);
  put('hold-does', words.hold);
  put('wait-does', words.wait);
  $('lasts').style.visibility = words.lastsMs ? 'visible' : 'hidden';
  $('lasts').firstElementChild.style.scale = `${Math.max(0, 1 - sinceMs / (words.lastsMs || 1))} 1`;
  for (const step of $('track').children) {
    if (step.textContent === desk.call.state && desk.powered) step.setAttribute('aria-current', 'step');
    else step.removeAttribute('aria-current');
  }
}

function showButton() {
  const isDown = desk.button || holders.size > 0;
  $('button').classList.toggle('is-down', isDown);
  $('button').setAttribute('aria-pressed', String(isDown));
}

function showPhone() {
  const { handset, phase, bell } = desk.line;
  const isUp = handset === 'up';
  $('handset').setAttribute('aria-pressed', String(isUp));
  $('handset').setAttribute('aria-label', isUp ? 'The handset is lifted. Put it down' : 'The handset is down. Lift it');
  $('handset').classList.toggle('is-up', isUp);
  $('handset').classList.toggle('is-ringing', Boolean(bell));
  $('handset').dataset.phase = phase;
  put('screen-1', phase === 'idle' && isUp ? 'Line is open' : PHASES[phase]);
  put('handset-word', isUp ? 'Put the handset down' : phase === 'ringing' ? 'Answer' : 'Lift the handset');
  put('caller', phase === 'talking' ? 'The caller hangs up' : phase === 'ringing' ? 'The caller gives up' : 'A caller calls');
  $('caller').disabled = phase === 'dial_tone' || phase === 'clearing';
  sound.line(bell ? 'bell' : phase === 'dial_tone' && isUp && desk.line.flows ? 'dial_tone' : null);
}

function showPower() {
  $('puck').classList.toggle('is-off', !desk.powered);
  $('unplugged').checked = !desk.powered;
}

function showSettings() {
  const rules = desk.settings;
  if (!$('change-key').options.length) {
    for (const key of Object.keys(desk.about)) $('change-key').add(new Option(key));
    $('change-key').value = 'call.min_warn_s';
  }
  showChange();
  const mode = rules['release.mode'] === 'flash' ? `flash of ${rules['release.flash_ms']} ms`
    : `hang-up, ${rules['release.hold_s']} s at most`;
  $('settings').textContent = `In force: ${rules['release.preset']}, ${mode}; line sense: ${rules['line.sense']}; `
    + `${rules['call.warnings_required'] === 1 ? 'one warning' : `${rules['call.warnings_required']} warnings`}, ${rules['call.min_warn_s']} s at least; ring at ${rules['ring.brightness_pct']} %.`
    + (rules['line.sense'] === 'none' ? ' Without line sense the device can’t see that a caller left.' : '');
}

function showChange() {
  const key = $('change-key').value;
  if (document.activeElement !== $('change-value')) $('change-value').value = desk.settings[key];
  $('change-about').textContent = desk.about[key] ?? '';
}

function showIncident(record) {
  const { title, about } = incident(record);
  const entry = document.createElement('li');
  entry.dataset.outcome = record.outcome;
  const head = document.createElement('b');
  head.textContent = title;
  const number = document.createElement('span');
  number.className = 'number';
  number.textContent = `№ ${record.sequence}`;
  const text = document.createElement('p');
  text.textContent = about;
  entry.append(head, number, text);
  $('incidents').prepend(entry);
}

function showSound(now) {
  const level = sound.level_db(now);
  drawLevel($('level'), level, style);
  $('level-meter').value = Math.round(level);
  const { playing, name, ms } = desk.sound;
  const at = Math.min(ms, Math.max(0, now - desk.sound.t));
  put('heard', !playing ? 'Nothing is played into the line.'
    : `${name}  ${(at / 1000).toFixed(1)} of ${(ms / 1000).toFixed(1)} s${sound.isBlocked ? ' – click to hear it' : ''}`);
}

function frame() {
  const now = time.now() - LAG_MS * time.speed;
  chart.draw(now, sound.envelope);
  showGuide(now);
  showSound(now);
  practice.turn();
  const { phase, phaseSince, handset } = desk.line;
  put('screen-2', phase === 'talking' ? clock(Math.max(0, now - phaseSince) / 1000)
    : phase === 'dial_tone' ? 'call is over' : handset === 'up' && phase === 'idle' ? 'loop is held open' : '');
  requestAnimationFrame(frame);
}

// --- the socket ----------------------------------------------------------------------------------------------------

let socket = null;

function connect() {
  socket = new WebSocket(`ws://${location.host}/ws`);
  socket.binaryType = 'arraybuffer';
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') {
      const event = JSON.parse(data);
      time.heard(event.t);
      take(event);
    } else if (new Uint8Array(data, 0, 1)[0] === 0x52) {
      ring.show(new Uint8Array(data, 1));
    } else {
      const head = new DataView(data);
      sound.take(head.getUint32(4, true), head.getUint32(8, true), new Int16Array(data, 12));
    }
  };
  socket.onclose = () => {
    time.atT = time.now();
    time.runs = false;
    $('link').textContent = 'the demo has ended; start it again';
    $('link').dataset.is = 'off';
    setTimeout(connect, 1000);
  };
}

function send(deed, more = {}) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ do: deed, ...more }));
}

const practice = new Practice(desk, () => time.now(), send);

// --- hands -----------------------------------------------------------------------------------------------------------

const holders = new Set(); // fingers and keys that hold the button down

function hold(who) {
  sound.unlock();
  if (!holders.size) send('press');
  holders.add(who);
  showButton();
}

function letGo(who) {
  if (!holders.delete(who)) return;
  if (!holders.size) send('release');
  showButton();
}

const cap = $('button');
cap.addEventListener('pointerdown', event => {
  if (event.button !== 0) return;
  cap.setPointerCapture(event.pointerId);
  hold(`pointer ${event.pointerId}`);
});
for (const end of ['pointerup', 'pointercancel', 'lostpointercapture']) {
  cap.addEventListener(end, event => letGo(`pointer ${event.pointerId}`));
}
cap.addEventListener('contextmenu', event => event.preventDefault());
cap.addEventListener('click', event => {
  if (event.detail !== 0) return; // a pointer made it, and was taken above
  hold('click');
  setTimeout(() => letGo('click'), CLICK_MS);
});

const isButtonKey = event => (event.key === ' ' || event.key === 'Enter')
  && (event.target === cap || !event.target.closest('button, a, input, select, summary, label'));
addEventListener('keydown', event => {
  if (!isButtonKey(event) || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  if (!event.repeat) hold(`key ${event.key}`);
});
addEventListener('keyup', event => {
  if (isButtonKey(event)) event.preventDefault();
  letGo(`key ${event.key}`);
});
addEventListener('blur', () => [...holders].forEach(letGo)); // no hand stays on a button that nobody sees

const toggleHandset = () => send(desk.line.handset === 'up' ? 'put_down' : 'lift');
$('handset').addEventListener('click', toggleHandset);
$('handset-word').addEventListener('click', toggleHandset);
$('caller').addEventListener('click', () => {
  send(['talking', 'ringing'].includes(desk.line.phase) ? 'caller_hangs_up' : 'caller_calls');
});
$('crash').addEventListener('click', () => send('crash'));
$('power-cut').addEventListener('click', () => send('unplug'));
$('change-key').addEventListener('change', () => { $('change-said').textContent = ''; showChange(); });
$('change').addEventListener('submit', event => {
  event.preventDefault();
  const key = $('change-key').value;
  const text = $('change-value').value;
  const kind = typeof desk.settings[key];
  const value = kind === 'number' && text.trim() !== '' && !Number.isNaN(Number(text)) ? Number(text)
    : kind === 'boolean' && ['true', 'false'].includes(text) ? text === 'true' : text;
  send('set', { key, value });
  $('change-value').blur();
});
$('unplugged').addEventListener('change', event => send(event.target.checked ? 'unplug' : 'plug_in'));
for (const part of ['relay', 'speaker']) {
  $(`${part}-broken`).addEventListener('change', event => send(`${event.target.checked ? 'break' : 'mend'}_${part}`));
}

addEventListener('pointerdown', () => sound.unlock());
$('mute').addEventListener('click', () => {
  sound.mute(!sound.muted);
  $('mute').setAttribute('aria-pressed', String(sound.muted));
  $('mute').setAttribute('aria-label', sound.muted ? 'Sound is muted' : 'Sound is on');
  $('mute-word').textContent = sound.muted ? 'Muted' : 'Sound on';
});

$('copy').addEventListener('click', async () => {
  await navigator.clipboard.writeText($('command').textContent);
  $('copy').textContent = 'Copied';
  setTimeout(() => { $('copy').textContent = 'Copy'; }, 1500);
});

const THEMES = ['auto', 'light', 'dark'];
function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  $('theme-word').textContent = theme[0].toUpperCase() + theme.slice(1);
  $('theme').setAttribute('aria-label', `Theme: ${theme}`);
  localStorage.setItem('theme', theme);
  forgetColours();
}
$('theme').addEventListener('click', () => {
  setTheme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]);
});
setTheme(THEMES.includes(localStorage.getItem('theme')) ? localStorage.getItem('theme') : 'auto');

// --- begin -----------------------------------------------------------------------------------------------------------

STATES.forEach(state => {
  const step = document.createElement('li');
  step.textContent = step.dataset.state = state;
  $('track').append(step);
});
for (let key = 0; key < 12; key++) {
  const rect = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  const at = { x: 126 + key % 3 * 46, y: 122 + Math.floor(key / 3) * 22, width: 38, height: 15, rx: 6 };
  Object.entries(at).forEach(([name, value]) => rect.setAttribute(name, value));
  $('keypad').append(rect);
}
showPhone();
connect();
requestAnimationFrame(frame);

// The page's own model, to look into from the console and from tests.
window.endcall = { desk, ring, chart, sound, time, practice };
