// The sound as it plays: heard, shown as a level, and kept for a minute.

const LEAD_S = 0.15;     // how far ahead of the ears a piece is scheduled; covers the jitter of the socket
const BEHIND_S = 5;      // a page that woke up this late leaves sound out
const KEPT_MS = 60000;
const USUAL_RATE = 16000; // of a prompt
const BIN_MS = 10;       // resolution of the envelope
const DIAL_TONE_S = 6;   // then it fades: the point is made

export class Sound {
  constructor() {
    this.pieces = [];    // {t, rate, samples}: what came, for whoever wants to look at it
    this.envelope = [];  // {t, peak}, peak 0..1
    this.speed = 1;
    this.muted = false;
    this.context = null;
    this.tone = null;
    this.next_s = 0;
  }

  // Browsers make no sound before the person did something.
  unlock() {
    (this.context ?? this.open(USUAL_RATE)).resume();
  }

  get isBlocked() {
    return this.context?.state === 'suspended';
  }

  mute(muted) {
    this.muted = muted;
    if (this.context) this.out.gain.value = muted ? 0 : 1;
  }

  // The context runs at the sound's own rate, so pieces join without a seam and the browser resamples once, at the end.
  open(rate) {
    const wanted = rate * this.speed;
    if (this.context?.sampleRate === wanted) return this.context;
    this.context?.close();
    this.tone = null;
    this.context = new AudioContext({ sampleRate: wanted });
    this.out = this.context.createGain();
    this.out.gain.value = this.muted ? 0 : 1;
    this.out.connect(this.context.destination);
    this.next_s = 0;
    return this.context;
  }

  take(t, rate, samples) {
    this.pieces.push({ t, rate, samples });
    while (this.pieces[0].t < t - KEPT_MS) this.pieces.shift();
    this.measure(t, rate, samples);
    try {
      this.play(rate, samples);
    } catch (error) {
      if (error.name !== 'NotSupportedError') throw error; // no sound card, or a rate it can't do: the level still moves
    }
  }

  measure(t, rate, samples) {
    const step = Math.max(1, Math.round(rate * BIN_MS / 1000));
    for (let from = 0; from < samples.length; from += step) {
      let peak = 0;
      for (let at = from; at < Math.min(samples.length, from + step); at++) peak = Math.max(peak, Math.abs(samples[at]));
      this.envelope.push({ t: t + from / rate * 1000, peak: peak / 32768 });
    }
    while (this.envelope.length && this.envelope[0].t < t - KEPT_MS) this.envelope.shift();
  }

  play(rate, samples) {
    const context = this.open(rate);
    const buffer = context.createBuffer(1, samples.length, context.sampleRate);
    const channel = buffer.getChannelData(0);
    for (let at = 0; at < samples.length; at++) channel[at] = samples[at] / 32768;
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.out);
    const now_s = context.currentTime;
    if (this.next_s < now_s) this.next_s = now_s + LEAD_S;
    if (this.next_s > now_s + BEHIND_S) return;
    source.start(this.next_s);
    this.next_s += buffer.duration;
  }

  // Peak within the last 40 ms before `t`, in dB below full scale, -60 at the least.
  level_db(t) {
    let peak = 0;
    for (let at = this.envelope.length - 1; at >= 0 && this.envelope[at].t > t - 40; at--) {
      if (this.envelope[at].t <= t) peak = Math.max(peak, this.envelope[at].peak);
    }
    return Math.max(-60, 20 * Math.log10(peak || 1e-3));
  }

  // What the line itself sounds like in the room: "dial_tone", "bell", or null.
  line(kind) {
    if (this.tone?.kind === kind) return;
    this.tone?.stop();
    this.tone = kind && this.context?.state === 'running' ? this.sing(kind) : kind ? { kind, stop() {} } : null;
  }

  sing(kind) {
    const { context } = this;
    const gain = context.createGain();
    const hz = kind === 'bell' ? [440, 480] : [350, 440]; // the North American ringing and dial tones
    const now_s = context.currentTime;
    gain.gain.setValueAtTime(0.04, now_s);
    if (kind === 'dial_tone') gain.gain.setTargetAtTime(0, now_s + DIAL_TONE_S, 0.5);
    gain.connect(this.out);
    const oscillators = hz.map(frequency => {
      const oscillator = new OscillatorNode(context, { frequency });
      oscillator.connect(gain);
      oscillator.start();
      return oscillator;
    });
    const stop = () => {
      gain.gain.cancelScheduledValues(0);
      gain.gain.setTargetAtTime(0, context.currentTime, 0.01);
      oscillators.forEach(oscillator => oscillator.stop(context.currentTime + 0.1));
    };
    return { kind, stop };
  }
}

const SEGMENTS = 24;

// A row of segments from -48 to 0 dB.
export function drawLevel(canvas, level_db, style) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.width = Math.round(canvas.clientWidth * ratio);
  const height = canvas.height = Math.round(canvas.clientHeight * ratio);
  const ctx = canvas.getContext('2d');
  const lit = Math.round((level_db + 48) / 48 * SEGMENTS);
  const step = width / SEGMENTS;
  for (let index = 0; index < SEGMENTS; index++) {
    ctx.fillStyle = index >= lit ? style('--hairline') : index < SEGMENTS - 4 ? style('--sound') : style('--amber');
    ctx.fillRect(index * step, 0, step - 2 * ratio, height);
  }
}
