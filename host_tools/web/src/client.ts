// The page's side of the protocol, as endcall.client: one request at a time, each answered, however bad the line.
//
// A lost or damaged answer is asked for again with the same id. What must not happen twice (commit, prompt_end) is
// never repeated blindly: the device is asked what it has, and the whole change is made again where it is not there.

import { INCIDENT_BYTES, VERSIONS, WIRE, type Values } from './contract.ts';
import { decodeIncident, type Incident } from './records.ts';
import type { Problem } from './settings.ts';
import { Trouble, unplugged } from './trouble.ts';
import { Reader, crc, frame, type Found, type Message } from './wire.ts';

/** Bytes to and from a device. */
export interface Link {
  /** Begin to hear: every piece of bytes, and once, that the device is gone. */
  listen(heard: (data: Uint8Array) => void, lost: () => void): void;
  /** Send. What the device does not take in time is dropped. Throws Trouble `unplugged`. */
  write(data: Uint8Array): Promise<void>;
  /** Let go. Never throws. */
  close(): Promise<void>;
}

export interface Identity {
  firmware: string;
  name: string;
  serial: string;
  runtime: string;
  access: string;
  boot: number;
  free_bytes: number;
  crash?: string | null;
}

export interface Status {
  state: string;
  state_ms: number;
  warnings: number;
  fault: number;
  fault_name: string;
  fault_say: string;
  button: boolean;
  line: 'unknown' | 'off_hook' | 'on_hook';
  relay: 'open' | 'closed';
  playing: boolean;
  practice?: boolean;
  uptime_s: number;
  time_s: number;
  incidents: number;
  repairs: number;
  bad_frames: number;
}

export interface Prompt {
  name: string;
  bytes: number | null;
  crc: string | null;
  ms: number | null;
  rate_hz: number | null;
  problem: string | null;
}

export interface Check {
  fault: number;
  name: string;
  say: string;
}

/** What a step of the self-test saw. */
export interface Seen {
  presses: number;
  down: boolean;
  loop: boolean;
  open: boolean;
  dropped: boolean;
  playing: boolean;
}

export const ANSWER_MS = 2000; // longer than the device waits for the rest of a payload
const VERIFY_FACTOR = 5; // prompt_end reads up to 192 KB back before it answers
const TRIES = 3;
const PAYLOAD_MAX = 65536; // of an answer; the largest, a list of problems with every setting, is under 10 KB
const STATEFUL = ['stage', 'commit', 'prompt_data', 'prompt_end'];

interface Options {
  payload?: Uint8Array;
  tries?: number;
  /** Stretches the time allowed for the answer. */
  factor?: number;
  /** The greeting that what was staged hangs on; after another one it is forgotten. */
  greeting?: number;
}

type Answer = { ok: Message; payload: Uint8Array };

/** A device behind an open link. `firstId` should be random, so that an answer to an earlier program does not fit. */
export class Client {
  identity: Identity | null = null;
  onLost: () => void = () => {};
  private readonly link: Link;
  private readonly answerMs: number;
  private readonly reader = new Reader(PAYLOAD_MAX);
  private id: number;
  private greeting = 0;
  private isLost = false;
  private waiting: { id: number; tell: (found: Found | null) => void } | null = null;
  private last: Promise<unknown> = Promise.resolve();

  constructor(link: Link, { answerMs = ANSWER_MS, firstId = Math.floor(Math.random() * (1 << 20)) } = {}) {
    this.link = link;
    this.answerMs = answerMs;
    this.id = firstId;
    link.listen(data => this.hear(data), () => this.lose());
  }

  get bad(): number {
    return this.reader.bad;
  }

  async close(): Promise<void> {
    this.isLost = true;
    this.waiting?.tell(null);
    await this.link.close();
  }

  // --- one request --------------------------------------------------------------------------------------------

  /** Send request `name` and return its answer. Throws Trouble. */
  ask(name: string, fields: Message = {}, options: Options = {}): Promise<Answer> {
    const turn = this.last.then(() => this.askNow(name, fields, options));
    this.last = turn.catch(() => {});
    return turn;
  }

  private async askNow(name: string, fields: Message, options: Options): Promise<Answer> {
    const { payload, tries = TRIES, factor = 1, greeting } = options;
    if (greeting !== undefined && greeting !== this.greeting) throw forgotten('The device forgot the connection.');
    const id = (this.id += 1);
    const data = frame({ id, do: name, ...fields }, payload);
    for (let left = tries; left > 0; left--) {
      if (this.isLost) throw unplugged();
      this.reader.reset();
      const answer = this.wait(id, this.answerMs * factor);
      await this.link.write(data);
      const found = await answer;
      if (this.isLost) throw unplugged();
      if (!found?.payload) continue;
      const { message } = found;
      if (payload && message['error'] === 'damaged') continue;
      if (message['error'] === 'hello_first' && name !== 'hello') {
        await this.greet();
        if (STATEFUL.includes(name)) throw forgotten('The device forgot the connection.');
        continue;
      }
      if ('error' in message) throw refusal(message, found.payload);
      const ok = message['ok'];
      if (typeof ok !== 'object' || ok === null) throw stranger(`an answer without a result to ${name}`);
      return { ok: ok as Message, payload: found.payload };
    }
    throw new Trouble(
      'no_answer',
      `No answer to ${name}.`,
      'The device is hung or restarting, or something else is behind this port (a console, another product).',
      'Wait ten seconds and connect again. If the browser lists two ports for it, take the other one; if it stays ' +
        'silent, unplug it and plug it in again. The phone works meanwhile.',
    );
  }

  private wait(id: number, ms: number): Promise<Found | null> {
    return new Promise(resolve => {
      const tell = (found: Found | null): void => {
        clearTimeout(timer);
        this.waiting = null;
        resolve(found);
      };
      const timer = setTimeout(() => tell(null), ms);
      this.waiting = { id, tell };
    });
  }

  private hear(data: Uint8Array): void {
    for (const found of this.reader.take(data)) if (found.message['id'] === this.waiting?.id) this.waiting?.tell(found);
  }

  private lose(): void {
    if (this.isLost) return;
    this.isLost = true;
    this.waiting?.tell(null);
    this.onLost();
  }

  // --- requests -----------------------------------------------------------------------------------------------

  /** Begin the connection. Throws Trouble where it is no endcall, or one of another version. */
  hello(tries = TRIES): Promise<Identity> {
    const turn = this.last.then(() => this.greet(tries));
    this.last = turn.catch(() => {});
    return turn;
  }

  private async greet(tries = TRIES): Promise<Identity> {
    const { ok } = await this.askNow('hello', { protocol: VERSIONS.protocol }, { tries });
    if (ok['product'] !== 'endcall') throw stranger('an answer that is not an endcall’s');
    const theirs = ok['settings'];
    if (theirs !== VERSIONS.settings) throw otherVersion(theirs);
    this.greeting += 1;
    this.identity = ok as unknown as Identity;
    return this.identity;
  }

  /** Tell the device the time: incident records carry it from now on. */
  async tellTime(epochS: number): Promise<void> {
    await this.ask('time', { epoch_s: epochS });
  }

  async status(): Promise<Status> {
    return (await this.ask('status')).ok as unknown as Status;
  }

  /** Run the self-check that a press in READY runs. */
  async check(): Promise<Check> {
    return (await this.ask('check')).ok as unknown as Check;
  }

  /** A cyan arc goes round the ring for so long; 0 ends it. */
  async identify(seconds: number): Promise<void> {
    await this.ask('identify', { seconds });
  }

  /** Practice: nothing reaches the line, nothing is recorded. */
  async practise(isOn: boolean): Promise<void> {
    await this.ask('practice', { on: isOn ? 1 : 0 });
  }

  /** A step of the self-test, which the first one begins. A break of the line is never asked for twice. */
  async test(part: string, value: number): Promise<Seen> {
    return (await this.ask('test', { part, value }, { tries: part === 'relay' ? 1 : TRIES })).ok as unknown as Seen;
  }

  async testEnd(): Promise<void> {
    await this.ask('test_end');
  }

  /** Whether the device wants changes to be signed with its key. */
  async isLocked(): Promise<boolean> {
    try {
      return 'nonce' in (await this.ask('lock')).ok;
    } catch (error) {
      if (error instanceof Trouble && error.kind === 'stranger') return false; // a firmware from before there were keys
      throw error;
    }
  }

  async get(): Promise<Values> {
    return (await this.json('get')) as Values;
  }

  async prompts(): Promise<Prompt[]> {
    return (await this.json('prompts')) as Prompt[];
  }

  /** A stored prompt, as it was sent. `progress` is told how many bytes of how many came. */
  async readPrompt(name: string, progress: (got: number, total: number) => void = () => {}): Promise<Uint8Array<ArrayBuffer>> {
    const parts: Uint8Array[] = [];
    let got = 0;
    for (;;) {
      const { ok, payload } = await this.ask('prompt_read', { name, at: got });
      const total = Number(ok['bytes']);
      parts.push(payload);
      got += payload.length;
      progress(got, total);
      if (got >= total) break;
      if (!payload.length) throw stranger(`nothing for the rest of ${name}`);
    }
    const data = new Uint8Array(got);
    let at = 0;
    for (const part of parts) {
      data.set(part, at);
      at += part.length;
    }
    const about = (await this.prompts()).find(prompt => prompt.name === name);
    if (about?.crc && about.crc !== crc(data))
      throw new Trouble(
        'not_verified', `${name} was not read as it was stored.`, 'It is damaged on the device.', 'Send it again.',
      );
    return data;
  }

  private async json(name: string): Promise<unknown> {
    const { payload } = await this.ask(name);
    try {
      return JSON.parse(new TextDecoder().decode(payload));
    } catch {
      throw stranger(`no JSON to ${name}`);
    }
  }

  /** Incident records with a sequence number over `after`, oldest first, and how many found no room. */
  async log(after = 0): Promise<{ records: Incident[]; lost: number }> {
    const records: Incident[] = [];
    for (;;) {
      const { ok, payload } = await this.ask('log', { after });
      for (let at = 0; at < payload.length; at += INCIDENT_BYTES) {
        const record = decodeIncident(payload.subarray(at, at + INCIDENT_BYTES));
        if (record && record.sequence > after) records.push(record);
      }
      const newest = records.at(-1)?.sequence ?? after;
      if (!ok['more'] || newest <= after) return { records, lost: Number(ok['lost'] ?? 0) };
      after = newest;
    }
  }

  // --- changes ------------------------------------------------------------------------------------------------

  /** Put `values` in force together, or none of them; returns every setting as read back afterwards. */
  async change(values: Values): Promise<Values> {
    let inForce: Values = {};
    const wrong = (): string[] => Object.keys(values).filter(key => inForce[key] !== values[key]);
    const isSo = await this.makeSure(
      () => this.stageAndCommit(values),
      async () => {
        inForce = await this.get();
        return !wrong().length;
      },
    );
    if (isSo) return inForce;
    throw new Trouble(
      'not_verified',
      'The settings that were read back are not those that were sent.',
      `They differ in ${wrong().sort().join(', ')}.`,
      'Write them again; if it stays so, run the self-check.',
    );
  }

  /** `attempt`, again where it got lost and it is not so; whether it is so in the end. */
  private async makeSure(attempt: () => Promise<void>, isSo: () => Promise<boolean>): Promise<boolean> {
    for (let left = TRIES; ; ) {
      left -= 1;
      try {
        await attempt();
      } catch (error) {
        if (!(error instanceof Trouble) || !['no_answer', 'forgotten'].includes(error.kind)) throw error;
        if (await isSo()) return true; // it was done all the same
        if (!left) throw error;
        continue;
      }
      return isSo();
    }
  }

  private async stageAndCommit(values: Values): Promise<void> {
    await this.ask('discard');
    const { greeting } = this;
    for (const piece of pieces(values)) await this.ask('stage', { values: piece }, { greeting });
    await this.ask('commit', {}, { tries: 1, greeting });
  }

  /** Send a prompt and put it in force under `name`. `progress` is told how many bytes have arrived. */
  async putPrompt(
    name: string,
    data: Uint8Array,
    progress: (sent: number) => void = () => {},
    signal?: AbortSignal,
  ): Promise<void> {
    const isStored = async (): Promise<boolean> => {
      const about = (await this.prompts()).find(prompt => prompt.name === name);
      return Boolean(about && about.crc === crc(data) && !about.problem);
    };
    if (await this.makeSure(() => this.sendPrompt(name, data, progress, signal), isStored)) return;
    throw new Trouble(
      'not_verified', `${name} did not arrive as sent.`, 'The prompt that was there before is still in force.',
      'Send it again with another cable or USB port.',
    );
  }

  private async sendPrompt(
    name: string, data: Uint8Array, progress: (sent: number) => void, signal?: AbortSignal,
  ): Promise<void> {
    const { ok } = await this.ask('prompt_begin', { name, bytes: data.length, sum: crc(data) });
    const chunk = Math.min(Number(ok['chunk'] ?? WIRE.payload_max), WIRE.payload_max);
    for (let at = 0; at < data.length; at += chunk) {
      if (signal?.aborted) {
        await this.ask('discard');
        throw new Trouble('usage', 'The upload was stopped.', 'What the device had before is still in force.');
      }
      const piece = data.subarray(at, at + chunk);
      await this.sendPiece(at, piece);
      progress(at + piece.length);
    }
    try {
      await this.ask('prompt_end', {}, { tries: 1, factor: VERIFY_FACTOR });
    } catch (error) {
      throw forgottenUpload(error); // a call came in between, or the answer to an earlier prompt_end was lost
    }
  }

  private async sendPiece(at: number, piece: Uint8Array): Promise<void> {
    try {
      const { ok } = await this.ask('prompt_data', { at }, { payload: piece });
      if (ok['at'] !== at + piece.length) throw forgotten('The device lost its place in the upload.');
    } catch (error) {
      throw at ? forgottenUpload(error) : error; // at 0 the device judges the header
    }
  }

  /** Free the slot of a prompt that no setting names. */
  async removePrompt(name: string): Promise<void> {
    const isGone = async (): Promise<boolean> => !(await this.prompts()).some(prompt => prompt.name === name);
    const remove = async (): Promise<void> => void (await this.ask('prompt_remove', { name }, { tries: 1 }));
    if (!(await this.makeSure(remove, isGone)))
      throw new Trouble('not_verified', `${name} is still there.`, '', 'Remove it again.');
  }
}

/** `values` in parts that each fit a frame. */
export function pieces(values: Values): Values[] {
  const found: Values[] = [{}];
  for (const [key, value] of Object.entries(values)) {
    const piece = { ...found.at(-1)!, [key]: value };
    try {
      frame({ id: 1 << 30, do: 'stage', values: piece });
      found[found.length - 1] = piece;
    } catch {
      found.push({ [key]: value });
    }
  }
  return found;
}

const forgotten = (happened: string): Trouble =>
  new Trouble(
    'forgotten', happened,
    'It restarted, or this computer was asleep. What was not confirmed is not in force.', 'Do it again.',
  );

const forgottenUpload = (error: unknown): unknown =>
  error instanceof Trouble && error.kind === 'invalid' ? forgotten('The device forgot the upload.') : error;

const stranger = (what: string): Trouble =>
  new Trouble(
    'stranger',
    `What is behind this port gave ${what}.`,
    'It is something else than an endcall device, or its firmware is of another version.',
    'Connect again and choose the other port.',
  );

function otherVersion(theirs: unknown): Trouble {
  const isNewer = typeof theirs === 'number' && theirs > VERSIONS.settings;
  return new Trouble(
    'mismatch',
    `The device has version ${theirs} of the settings, this page ${VERSIONS.settings}.`,
    `${isNewer ? 'This page' : 'The device'} is too old.`,
    isNewer
      ? 'Take the page of a newer endcall: pip install --upgrade endcall, then endcall web'
      : 'Update the device: endcall firmware update',
  );
}

/** What a device with a key means for this page, which has none. */
export const KEYED = 'This device has a key, and this page can not sign with it.';
export const USE_ENDCALL = 'Change it with the endcall command, on a computer that keeps its key: endcall lock status';

/** The Trouble for an error answer. */
function refusal(message: Message, payload: Uint8Array): Trouble {
  const code = String(message['error']);
  const text = String(message['say'] ?? '');
  const said = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
  switch (code) {
    case 'busy':
      return new Trouble(
        'call_in_progress', said, 'Nothing was changed.', 'Do it again when the ring is back to its dot.',
      );
    case 'read_only':
      return new Trouble(
        'locked', said, 'Nothing was changed.',
        'After a rescue, plug it in again without holding the button. To leave develop mode, write the device anew: ' +
          'endcall image --settings FILE.toml',
      );
    case 'locked':
    case 'wrong_key':
      return new Trouble('locked', KEYED, 'It can be looked at here, not changed.', USE_ENDCALL);
    case 'invalid':
    case 'full':
      return new Trouble('invalid', said, 'Nothing was changed.', '', problemsIn(payload));
    case 'damaged':
    case 'storage':
      return new Trouble(
        'damaged', said, 'What was in force before still is.', 'Do it again; if it stays so, run the self-check.',
      );
    case 'mismatch':
      return new Trouble(
        'mismatch', said, 'They would misread each other; the host is this page.',
        'Take the page of a newer endcall (pip install --upgrade endcall, then endcall web), or update the ' +
          'device: endcall firmware update',
      );
    default:
      return new Trouble(
        'stranger', `The device refused a request (${code}): ${said}`,
        'Page and firmware are of different versions.', 'Compare them: the versions are shown below the ring.',
      );
  }
}

function problemsIn(payload: Uint8Array): Problem[] {
  try {
    const told: unknown = JSON.parse(new TextDecoder().decode(payload));
    return Array.isArray(told) ? told.filter(each => Array.isArray(each) && each.length === 3) : [];
  } catch {
    return [];
  }
}
