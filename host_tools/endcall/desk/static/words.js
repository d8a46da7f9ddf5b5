// What the person at the desk is told, state by state. The technique: empathy, limit, choice; then enforce, with courtesy.

const seconds = ms => `${Math.max(0, Math.ceil(ms / 1000))} s`;

export const STATES = ['READY', 'WARN', 'WATCH', 'ENFORCE', 'RELEASE', 'CONFIRM', 'RECOVER'];

// `desk` holds the newest event of each kind; `sinceMs` is how long the state lasts already.
export function guide(desk, sinceMs) {
  if (!desk.powered) return UNPLUGGED;
  return (GUIDES[desk.call.state] || GUIDES.READY)(desk.call, desk.settings, sinceMs, desk);
}

const UNPLUGGED = {
  title: 'No power, and the phone works',
  text: 'The ring is dark. The relay fell back to its closed contact, so the line is whole: you can call and be called.',
  press: 'does nothing', hold: 'does nothing', wait: 'nothing changes until the plug is back',
};

const GUIDES = {
  READY: (call, rules) => ({
    title: 'Ready',
    text: 'Listen, let the caller vent for a while, say what you can do. Most calls never need more than that.',
    press: rules['call.warnings_required']
      ? 'sets the limit, if the device finds that it can enforce it' : 'ends the call with courtesy',
    hold: rules['call.threat_hold_ms']
      ? `for ${rules['call.threat_hold_ms'] / 1000} s ends the call without a warning (a serious threat)` : 'does nothing here',
    wait: 'nothing happens by itself',
  }),

  WARN: (call, rules, sinceMs) => {
    const tooSoonMs = rules['call.min_warn_s'] * 1000 - sinceMs;
    const isLast = call.warnings >= rules['call.warnings_required'];
    return {
      title: 'Set the limit',
      text: rules['prompt.warning']
        ? 'The device says the limit for you. Then it is the caller’s choice.'
        : 'Calmly, as a matter of fact, in three parts: you understand; where the limit is; the choice is theirs.',
      say: rules['prompt.warning'] ? '' :
        'I can hear how upset you are, and I want to help. If the shouting and swearing go on, I will have to end this call. It is up to you whether we go on.',
      press: tooSoonMs > 0 ? `is refused for another ${seconds(tooSoonMs)}: let them choose first`
        : isLast ? 'ends the call with courtesy' : 'is a second warning',
      hold: 'takes the limit back',
      wait: `in ${seconds(rules['call.warn_s'] * 1000 - sinceMs)} the limit just stands`,
      lastsMs: rules['call.warn_s'] * 1000,
    };
  },

  WATCH: (call, rules, sinceMs) => ({
    title: 'The limit stands',
    text: 'They have the choice. While they keep to it, help them. If they fall back, say the limit once more, or enforce it.',
    press: call.warnings >= rules['call.warnings_required'] ? 'ends the call with courtesy' : 'is a second warning',
    hold: 'takes the limit back',
    wait: `in ${seconds(rules['call.watch_s'] * 1000 - sinceMs)} the limit is forgotten`,
    lastsMs: rules['call.watch_s'] * 1000,
  }),

  ENFORCE: (call, rules, sinceMs, desk) => ({
    title: desk.sound.playing || sinceMs < 500 ? 'Let it speak' : 'A breath of silence',
    text: 'The caller hears that the call ends now, and that they may call again another time. That is what keeps the door open.',
    press: 'does nothing: the sentence is not cut short',
    hold: 'stops it. Only for a sincere apology',
    wait: 'then the line is released',
    lastsMs: desk.sound.ms + rules['call.grace_ms'],
  }),

  RELEASE: (call, rules) => {
    const isFlash = rules['release.mode'] === 'flash';
    return {
      title: 'The line is open',
      text: isFlash ? `The relay breaks the loop for ${rules['release.flash_ms']} ms: a hook-flash.`
        : `The relay holds the loop open until the handset is down, ${rules['release.hold_s']} s at most.`,
      press: 'does nothing',
      hold: isFlash ? 'does nothing' : 'closes the line',
      wait: isFlash ? 'it closes by itself' : 'put the handset down',
      lastsMs: isFlash ? rules['release.flash_ms'] : rules['release.hold_s'] * 1000,
    };
  },

  CONFIRM: () => ({
    title: 'Did the line drop?',
    text: 'The device looks at the loop current. What it did not see, it does not claim.',
    press: 'does nothing', hold: 'does nothing', wait: 'a moment',
  }),

  RECOVER: (call, rules, sinceMs, desk) => ({
    title: desk.line.handset === 'up' ? 'Put the handset down' : 'Take a breath',
    text: 'It was their choice; nothing to feel sorry for. Breathe with the ring: four seconds in, six seconds out.',
    press: 'and you are ready for the next call',
    hold: 'the same',
    wait: `ready in ${seconds(rules['call.recover_s'] * 1000 - sinceMs)}`,
    lastsMs: rules['call.recover_s'] * 1000,
  }),

  FAULT: call => ({
    title: `Fault ${call.fault}: ${call.fault_name.replaceAll('_', ' ')}`,
    text: `${call.fault_say[0]?.toUpperCase() ?? ''}${call.fault_say.slice(1)}. The phone works; no limit can be set that could not be enforced.`,
    press: 'checks again', hold: 'checks again', wait: 'it checks itself every minute',
  }),
};

export const PHASES = {
  idle: 'On hook', ringing: 'Ringing', talking: 'In a call', clearing: 'Caller is gone', dial_tone: 'Dial tone',
};

export const CAUSES = { relay: 'the relay', handset: 'the handset', exchange: 'the exchange' };

const OUTCOMES = {
  resolved: 'Resolved', cancelled: 'Taken back', apology: 'Apology', caller_left: 'Caller left', enforced: 'Enforced',
  threat: 'Ended on a threat', fault: 'Fault',
};

export function incident(record) {
  const count = record.warnings === 1 ? 'one warning' : `${record.warnings} warnings`;
  const parts = [count, `${record.duration_s} s`];
  if (record.attempts) {
    parts.push(record.prompt_finished ? 'closing played to its end' : 'closing not finished');
    parts.push(record.attempts === 1 ? record.release_mode : `${record.release_mode}, ${record.attempts} attempts`);
    parts.push(record.line_dropped ? 'line seen to drop' : 'drop not seen');
  }
  return { title: OUTCOMES[record.outcome] ?? record.outcome, about: parts.join(' · ') };
}

const LENGTH = ms => ms < 10000 ? `${ms} ms` : `${Math.round(ms / 1000)} s`;

// One line of the log for an event, or null for those that say nothing new to a person.
export function logLine(event) {
  switch (event.event) {
    case 'call': return event.fault ? `${event.fault}: ${event.fault_say}` : '';
    case 'refused': return 'Press refused: too soon after the warning';
    case 'sound': return event.playing ? `${event.name} plays into the line (${(event.ms / 1000).toFixed(1)} s)` : null;
    case 'break': return `Loop open for ${LENGTH(event.ms)} by ${CAUSES[event.cause]}`;
    case 'exchange': return event.say;
    case 'incident': return `Record ${event.record.sequence}: ${incident(event.record).title.toLowerCase()}`;
    case 'power': return event.on ? 'Plugged in: the device starts' : 'Unplugged: the relay falls back to closed';
    case 'mend': return `The ${event.part} ${event.works ? 'works again' : 'is broken'}`;
    case 'note': return event.say;
    case 'crash': return event.say;
    case 'kept': return `Not changed: ${event.key} ${event.say}`;
    case 'settings': return event.changed ? `Settings changed: ${event.changed}` : null;
    default: return null;
  }
}
