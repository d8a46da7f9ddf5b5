// The coach: plays a lesson's caller beside the real (simulated) device, and comments each press.

import { LESSONS } from './lessons.js';

const $ = id => document.getElementById(id);
const PREPARE_MS = 350; // between two hands' moves while the desk is made ready for a lesson

export class Practice {
  // `desk`: the page's model; `now()`: ms at the desk; `send(deed)`: hands.
  constructor(desk, now, send) {
    Object.assign(this, { desk, now, send, lesson: null, at: 0, since: 0, nudged: false, preparing: false, seen: '' });
    LESSONS.forEach((lesson, index) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = lesson.title;
      button.title = lesson.about;
      button.addEventListener('click', () => this.begin(index));
      $('lessons').append(button);
    });
    $('practise').addEventListener('click', () => (this.isOn ? this.end() : this.begin(0)));
    $('practice-end').addEventListener('click', () => this.end());
  }

  get isOn() { return !$('practice').hidden; }
  get beat() { return this.lesson?.beats[this.at]; }

  begin(index) {
    this.lesson = LESSONS[index];
    $('practice').hidden = false;
    $('practise').setAttribute('aria-pressed', 'true');
    [...$('lessons').children].forEach((button, place) => button.setAttribute('aria-pressed', String(place === index)));
    $('talk').replaceChildren();
    this.add('info', this.lesson.about);
    this.preparing = true;
    this.coach('A moment: the desk is being made ready for a call.');
    this.prepare(this.lesson);
  }

  end() {
    this.lesson = null;
    $('practice').hidden = true;
    $('practise').setAttribute('aria-pressed', 'false');
  }

  // Bring the device to READY and the phone into a call, with the hands that a person has.
  prepare(lesson) {
    if (this.lesson !== lesson) return;
    const { call, line, button } = this.desk;
    const holdMs = this.desk.settings?.['button.hold_ms'] ?? 1000;
    let againMs = PREPARE_MS;
    if (button) this.send('release');
    else if (call.state === 'WARN' || call.state === 'WATCH') {
      this.send('press');
      setTimeout(() => this.send('release'), holdMs + 200);
      againMs += holdMs + 200;
    } else if (call.state === 'RECOVER' || call.state === 'FAULT') {
      this.send('press');
      setTimeout(() => this.send('release'), 100);
    } else if (call.state === 'READY') {
      if (line.phase === 'talking' && line.handset === 'up') {
        this.preparing = false;
        this.play(0);
        return;
      }
      if (line.phase === 'ringing') this.send('lift');
      else if (line.handset === 'up') this.send('put_down');
      else this.send('caller_calls');
    }
    setTimeout(() => this.prepare(lesson), againMs);
  }

  play(at) {
    if (at < 0 || at >= this.lesson.beats.length) {
      this.at = -1;
      this.coach('That was it. Choose another caller, or the same one again.');
      return;
    }
    this.at = at;
    this.since = this.now();
    this.nudged = false;
    if (this.beat.caller) this.add('caller', this.beat.caller);
    this.coach(this.beat.coach);
  }

  // Something happened at the desk: a state that was entered, `refused`, or `handset` (put down).
  happened(what) {
    if (!this.lesson || this.preparing || !this.beat) return;
    if (what === 'FAULT') {
      this.add('bad', 'A fault: no limit can be enforced. End the call by hand, with the closing words, and tell IT.');
      this.play(-1);
      return;
    }
    const worth = this.beat.on?.[what];
    if (!worth) return;
    const tone = ['good', 'bad', 'info'].find(name => worth[name]);
    this.add(tone, worth[tone]);
    if (worth.to !== undefined) this.play(worth.to);
  }

  turn() {
    const beat = this.beat;
    if (!this.lesson || this.preparing || !beat) return;
    const waited_s = (this.now() - this.since) / 1000;
    const isAtPeace = (beat.at_peace ?? ['READY']).includes(this.desk.call.state);
    if (beat.after_s && waited_s > beat.after_s && isAtPeace && !this.desk.button) {
      this.add('good', beat.good);
      this.play(beat.to ?? this.at + 1);
    } else if (beat.nudge_s && waited_s > beat.nudge_s && !this.nudged) {
      this.nudged = true;
      this.add('info', beat.nudge);
    }
  }

  coach(words) { $('coach').textContent = words; }

  add(tone, words) {
    const entry = document.createElement('li');
    entry.dataset.tone = tone;
    const who = document.createElement('span');
    who.className = 'who';
    who.textContent = { caller: 'Caller', good: '✓ Coach', bad: '✗ Coach', info: 'Coach' }[tone];
    entry.append(who, words);
    $('talk').append(entry);
    $('talk').scrollTop = $('talk').scrollHeight;
  }
}
