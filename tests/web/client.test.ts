// The page's client against a small device in memory, over a line that loses, damages and doubles.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Client, pieces, type Link } from '../../host_tools/web/src/client.ts';
import { VERSIONS, defaults, type Values } from '../../host_tools/web/src/contract.ts';
import { checkChanges } from '../../host_tools/web/src/settings.ts';
import { Trouble, unplugged } from '../../host_tools/web/src/trouble.ts';
import { Reader, crc, frame, type Found, type Message } from '../../host_tools/web/src/wire.ts';

type Fault = (answer: Uint8Array) => Uint8Array[];
const lose: Fault = () => [];
const cut: Fault = answer => [answer.subarray(0, answer.length / 2)];
const corrupt: Fault = answer => [answer.map((byte, at) => (at === 9 ? byte ^ 16 : byte))];
const double: Fault = answer => [answer, answer];
const noise: Fault = answer => [Uint8Array.from({ length: 3000 }, (_, at) => (at * 7) % 251), answer];

const REQUESTS: Record<string, Record<string, string>> = JSON.parse(
  readFileSync(new URL('golden.json', import.meta.url), 'utf8'),
).requests;

/** Throws where `message` is no request of the device's own list, or lacks a field, or has one of another kind. */
function mustFit(message: Message, payload: Uint8Array | null): void {
  const { id, do: name, n: _n, crc: _crc, ...fields } = message;
  const kinds = REQUESTS[name as string];
  assert.ok(kinds, `${name} is a request`);
  assert.ok(Number.isInteger(id));
  const got = Object.entries(fields).map(([field, value]) => [field, Number.isInteger(value) ? 'int' : typeof value === 'string' ? 'text' : 'object']);
  if (payload?.length) got.push(['n', 'payload']);
  assert.deepEqual(Object.fromEntries(got), kinds);
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

class Device implements Link {
  values: Values = defaults();
  prompts = new Map<string, Uint8Array>();
  identity: Message = { product: 'endcall', protocol: VERSIONS.protocol, settings: VERSIONS.settings };
  asked: string[] = [];
  faults: Record<string, Fault> = {}; // by request, for its next answer
  refuse: Record<string, Message> = {}; // by request, an error for its next answer
  lock: Message = { set: false };
  greeted = false;
  restartBefore = '';
  isGone = false;
  private staged: Values = {};
  private upload: { name: string; data: number[] } | null = null;
  private heard: (data: Uint8Array) => void = () => {};
  lost: () => void = () => {};
  private readonly reader = new Reader(1024);

  listen(heard: (data: Uint8Array) => void, lost: () => void): void {
    this.heard = heard;
    this.lost = lost;
  }

  async close(): Promise<void> {}

  async write(data: Uint8Array): Promise<void> {
    if (this.isGone) throw unplugged();
    for (const found of this.reader.take(data)) this.answer(found);
  }

  private answer({ message, payload }: Found): void {
    const id = message['id'] as number;
    const name = message['do'] as string;
    mustFit(message, payload);
    this.asked.push(name);
    if (this.restartBefore === name) {
      this.greeted = false;
      this.staged = {};
      this.upload = null;
      this.restartBefore = '';
    }
    const { error, body } = this.refuse[name]
      ? { error: this.refuse[name], body: undefined }
      : { error: null, body: this.carryOut(name, message, payload) };
    delete this.refuse[name];
    const { answer, raw } = error ? { answer: error, raw: undefined } : body!;
    const data = frame({ id, ...answer }, raw);
    const fault = this.faults[name] ?? (whole => [whole]);
    delete this.faults[name];
    setTimeout(() => fault(data).forEach(piece => this.heard(piece)), 1);
  }

  private carryOut(name: string, message: Message, payload: Uint8Array | null): { answer: Message; raw?: Uint8Array } {
    const ok = (answer: Message = {}, raw?: Uint8Array) => ({ answer: { ok: answer }, raw });
    if (name === 'hello') {
      this.greeted = true;
      return ok(this.identity);
    }
    if (!this.greeted) return { answer: { error: 'hello_first', say: 'begin the connection with hello' } };
    switch (name) {
      case 'lock':
        return ok(this.lock);
      case 'discard':
        this.staged = {};
        return ok();
      case 'stage':
        Object.assign(this.staged, message['values']);
        return ok({ staged: 1 });
      case 'commit': {
        const { values, problems } = checkChanges(this.values, this.staged);
        this.staged = {};
        if (!values) return { answer: { error: 'invalid', say: 'refused' }, raw: utf8(JSON.stringify(problems)) };
        this.values = values;
        return ok({ changed: 1 });
      }
      case 'get':
        return ok({}, utf8(JSON.stringify(this.values)));
      case 'prompts':
        return ok({}, utf8(JSON.stringify([...this.prompts].map(([key, data]) => ({ name: key, crc: crc(data), problem: null })))));
      case 'prompt_begin':
        this.upload = { name: message['name'] as string, data: [] };
        return ok({ chunk: 512 });
      case 'prompt_data': {
        if (!payload) return { answer: { error: 'damaged', say: 'again' } };
        if (!this.upload) return { answer: { error: 'invalid', say: 'there is no upload' } };
        const at = message['at'] as number;
        if (at === this.upload.data.length) this.upload.data.push(...payload);
        return ok({ at: at + payload.length });
      }
      case 'prompt_end': {
        if (!this.upload) return { answer: { error: 'invalid', say: 'there is no upload' } };
        this.prompts.set(this.upload.name, Uint8Array.from(this.upload.data));
        this.upload = null;
        return ok();
      }
      case 'prompt_read': {
        const data = this.prompts.get(message['name'] as string);
        if (!data) return { answer: { error: 'invalid', say: 'none' } };
        const from = message['at'] as number;
        return ok({ bytes: data.length }, data.slice(from, from + 1024));
      }
      case 'prompt_remove':
        if (!this.prompts.delete(message['name'] as string)) return { answer: { error: 'invalid', say: 'none' } };
        return ok();
      default:
        return ok();
    }
  }
}

async function connected(): Promise<{ device: Device; client: Client }> {
  const device = new Device();
  const client = new Client(device, { answerMs: 30 });
  await client.hello();
  device.asked = [];
  return { device, client };
}

const kind = (expected: string) => (error: unknown) => {
  assert.ok(error instanceof Trouble, String(error));
  assert.equal(error.kind, expected);
  assert.ok(error.happened);
  return true;
};

for (const [name, fault] of Object.entries({ lose, cut, corrupt, double, noise }))
  test(`an answer that is hit by “${name}” is asked for again, or read all the same`, async () => {
    const { device, client } = await connected();
    device.faults['get'] = fault;
    assert.deepEqual(await client.get(), defaults());
    device.faults['commit'] = fault;
    assert.equal((await client.change({ 'call.warn_s': 45 }))['call.warn_s'], 45);
    assert.equal(device.asked.filter(asked => asked === 'commit').length, 1); // never twice blindly
    const data = Uint8Array.from({ length: 3000 }, (_, at) => at % 256);
    for (const request of ['prompt_begin', 'prompt_data', 'prompt_end']) device.faults[request] = fault;
    const told: number[] = [];
    await client.putPrompt('a.wav', data, sent => told.push(sent));
    assert.deepEqual(device.prompts.get('a.wav'), data);
    assert.equal(told.at(-1), 3000);
    device.faults['prompt_remove'] = fault;
    await client.removePrompt('a.wav');
    assert.equal(device.prompts.size, 0);
  });

test('a commit whose settings were forgotten is made again, whole', async () => {
  const { device, client } = await connected();
  device.restartBefore = 'commit';
  assert.equal((await client.change({ 'call.warn_s': 45 }))['call.warn_s'], 45);
  assert.deepEqual(device.asked, ['discard', 'stage', 'commit', 'hello', 'get', 'discard', 'stage', 'commit', 'get']);
});

test('what was staged before another greeting is not committed', async () => {
  const { device, client } = await connected();
  device.restartBefore = 'status'; // while the page looks at the state between two requests of the change
  const [values] = await Promise.all([client.change({ 'call.warn_s': 45 }), client.status(), client.status()]);
  assert.equal(values['call.warn_s'], 45);
});

test('an upload that the device forgot is begun again', async () => {
  const { device, client } = await connected();
  let pieceCount = 0;
  await client.putPrompt('a.wav', new Uint8Array(3000), () => {
    if (++pieceCount === 3) device.restartBefore = 'prompt_data';
  });
  assert.equal(device.prompts.get('a.wav')?.length, 3000);
});

test('a chunk that arrives damaged is sent again', async () => {
  const { device, client } = await connected();
  device.refuse['prompt_data'] = { error: 'damaged', say: 'send it again' };
  await client.putPrompt('a.wav', new Uint8Array(3000));
  assert.equal(device.prompts.get('a.wav')?.length, 3000);
  assert.equal(device.asked.filter(asked => asked === 'prompt_begin').length, 1);
});

test('a stored prompt is read back whole, and a damaged one is not taken for it', async () => {
  const { device, client } = await connected();
  const data = Uint8Array.from({ length: 3000 }, (_, at) => at % 256);
  device.prompts.set('a.wav', data);
  device.faults['prompt_read'] = lose;
  const told: number[] = [];
  assert.deepEqual(await client.readPrompt('a.wav', got => told.push(got)), data);
  assert.deepEqual(told, [1024, 2048, 3000]);
  const reading = client.readPrompt('a.wav', got => {
    if (got === 1024) device.prompts.set('a.wav', data.map((byte, at) => (at === 2000 ? byte ^ 1 : byte)));
    if (got === 3000) device.prompts.set('a.wav', data);
  });
  await assert.rejects(reading, kind('not_verified'));
  await assert.rejects(client.readPrompt('b.wav'), kind('invalid'));
});

test('a break of the line is never asked for twice', async () => {
  const { device, client } = await connected();
  device.faults['test'] = lose;
  await assert.rejects(client.test('relay', 100), kind('no_answer'));
  assert.deepEqual(device.asked, ['test']);
  device.faults['test'] = lose;
  await client.test('look', 0);
  assert.deepEqual(device.asked, ['test', 'test', 'test']);
});

test('an upload can be stopped', async () => {
  const { device, client } = await connected();
  const stop = new AbortController();
  const sending = client.putPrompt('a.wav', new Uint8Array(3000), () => stop.abort(), stop.signal);
  await assert.rejects(sending, kind('usage'));
  assert.equal(device.prompts.size, 0);
  assert.equal(device.asked.at(-1), 'discard');
});

test('settings that are read back wrong are not called written', async () => {
  const { device, client } = await connected();
  device.refuse['commit'] = { ok: { changed: 1 } };
  await assert.rejects(client.change({ 'call.warn_s': 45 }), kind('not_verified'));
});

test('a refused change tells every problem', async () => {
  const { client } = await connected();
  await assert.rejects(client.change({ 'call.warn_s': 4, 'ring.pixels': 99 }), (error: unknown) => {
    assert.ok(error instanceof Trouble);
    assert.deepEqual(error.problems.map(([key]) => key), ['call.warn_s', 'ring.pixels']);
    return true;
  });
});

test('what the device refuses is told for what it is', async () => {
  const { device, client } = await connected();
  for (const [code, expected] of [
    ['busy', 'call_in_progress'], ['read_only', 'locked'], ['locked', 'locked'], ['wrong_key', 'locked'],
    ['full', 'invalid'], ['storage', 'damaged'],
    ['mismatch', 'mismatch'], ['unknown', 'stranger'],
  ]) {
    device.refuse['discard'] = { error: code!, say: 'so it is' };
    await assert.rejects(client.change({ 'call.warn_s': 45 }), kind(expected!));
  }
});

test('a device with a key says so, an older one has none', async () => {
  const { device, client } = await connected();
  assert.equal(await client.isLocked(), false);
  device.lock = { set: true };
  assert.equal(await client.isLocked(), false); // not before its next start
  device.lock = { set: true, nonce: '00'.repeat(16), left: 5 };
  assert.equal(await client.isLocked(), true);
  device.refuse['lock'] = { error: 'unknown', say: 'there is no request lock' };
  assert.equal(await client.isLocked(), false);
});

test('silence, strangers and other versions are told apart', async () => {
  const silent = new Device();
  silent.write = async () => {};
  await assert.rejects(new Client(silent, { answerMs: 5 }).hello(), kind('no_answer'));
  for (const [odd, expected] of [
    [{ product: 'doorbell' }, 'stranger'],
    [{ settings: VERSIONS.settings + 1 }, 'mismatch'],
    [{ settings: 0 }, 'mismatch'],
  ] as [Message, string][]) {
    const device = new Device();
    Object.assign(device.identity, odd);
    await assert.rejects(new Client(device, { answerMs: 30 }).hello(), kind(expected));
  }
  const other = new Device();
  other.refuse['hello'] = { error: 'mismatch', say: 'the device speaks protocol 9, the host 1; update the host' };
  await assert.rejects(new Client(other, { answerMs: 30 }).hello(), kind('mismatch'));
});

test('a device that goes away ends what waits, and is told once', async () => {
  const { device, client } = await connected();
  let told = 0;
  client.onLost = () => (told += 1);
  device.faults['get'] = lose;
  const waiting = client.get();
  const next = client.status();
  setTimeout(() => device.lost(), 2);
  await assert.rejects(waiting, kind('unplugged'));
  await assert.rejects(next, kind('unplugged'));
  device.lost();
  assert.equal(told, 1);
});

test('every piece of a large change fits a frame', () => {
  const parts = pieces({ ...defaults(), 'device.name': '🙂'.repeat(8) });
  assert.ok(parts.length > 1);
  for (const values of parts) frame({ id: 2 ** 31 - 1, do: 'stage', values });
  assert.deepEqual(Object.assign({}, ...parts), { ...defaults(), 'device.name': '🙂'.repeat(8) });
});
