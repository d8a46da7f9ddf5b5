// Frames of the serial protocol, as endcall_core.wire: one line of JSON, a space, its CRC-32, a line feed.

import { WIRE } from './contract.ts';

export type Message = Record<string, unknown>;

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

export function crc32(data: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of data) value = TABLE[(value ^ byte) & 0xff]! ^ (value >>> 8);
  return ~value >>> 0;
}

/** CRC-32 (IEEE 802.3) as 8 hex digits. */
export const crc = (data: Uint8Array): string => crc32(data).toString(16).padStart(8, '0');

/** JSON as Python writes it with separators (',', ':'): nothing but ASCII. */
const ascii = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[\x7f-\uffff]/g,
    char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** `message` as bytes to send, followed by `payload` if there is one. Throws RangeError over 512 bytes. */
export function frame(message: Message, payload?: Uint8Array): Uint8Array {
  const object = payload ? { ...message, n: payload.length, crc: crc(payload) } : message;
  const text = ascii(object);
  const head = new TextEncoder().encode(`\n${text} ${crc(new TextEncoder().encode(text))}\n`);
  if (head.length > WIRE.frame_max) throw new RangeError(`a frame of ${head.length} bytes; ${WIRE.frame_max} is the most`);
  if (!payload) return head;
  const all = new Uint8Array(head.length + payload.length);
  all.set(head);
  all.set(payload, head.length);
  return all;
}

function readLine(line: Uint8Array): unknown {
  let end = line.length;
  while (end && [9, 10, 11, 12, 13, 32].includes(line[end - 1]!)) end--;
  const text = line.subarray(0, Math.max(0, end - 9));
  if (line[end - 9] !== 32 || new TextDecoder().decode(line.subarray(end - 8, end)) !== crc(text)) return undefined;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text));
  } catch {
    return undefined;
  }
}

/** A frame that was read. `payload` is null where it was damaged or larger than allowed, and empty without one. */
export interface Found {
  message: Message;
  payload: Uint8Array | null;
}

/** Takes bytes as they come and finds the frames in them; it never holds more than a line and one payload. */
export class Reader {
  bad = 0;
  private line = new Uint8Array(WIRE.frame_max);
  private filled = 0;
  private skipping = false;
  private head: Message | null = null;
  private payload = new Uint8Array(0);
  private got = 0;
  private readonly payloadMax: number;

  constructor(payloadMax: number) {
    this.payloadMax = payloadMax;
  }

  reset(): void {
    this.filled = this.got = 0;
    this.skipping = false;
    this.head = null;
  }

  take(data: Uint8Array): Found[] {
    const found: Found[] = [];
    let at = 0;
    while (at < data.length) at = this.head ? this.takePayload(data, at, found) : this.takeLine(data, at, found);
    return found;
  }

  private takeLine(data: Uint8Array, start: number, found: Found[]): number {
    const feed = data.indexOf(10, start);
    const stop = feed < 0 ? data.length : feed;
    if (this.skipping || stop - start > WIRE.frame_max - this.filled) this.skipping = true;
    else {
      this.line.set(data.subarray(start, stop), this.filled);
      this.filled += stop - start;
    }
    if (feed < 0) return stop;
    const line = this.line.subarray(0, this.filled);
    this.filled = 0;
    if (this.skipping) {
      this.skipping = false;
      this.bad++;
    } else if (line.length) {
      const message = readLine(line);
      if (typeof message === 'object' && message !== null && !Array.isArray(message)) this.begin(message as Message, found);
      else this.bad++;
    }
    return feed + 1;
  }

  private begin(message: Message, found: Found[]): void {
    const count = message['n'] ?? 0;
    if (!Number.isInteger(count) || (count as number) < 0 || (count as number) > this.payloadMax)
      found.push({ message, payload: null });
    else if (count) {
      this.head = message;
      this.payload = new Uint8Array(count as number);
      this.got = 0;
    } else found.push({ message, payload: new Uint8Array(0) });
  }

  private takePayload(data: Uint8Array, start: number, found: Found[]): number {
    const stop = Math.min(data.length, start + this.payload.length - this.got);
    this.payload.set(data.subarray(start, stop), this.got);
    this.got += stop - start;
    if (this.got === this.payload.length) {
      const message = this.head!;
      this.head = null;
      const isWhole = crc(this.payload) === message['crc'];
      if (!isWhole) this.bad++;
      found.push({ message, payload: isWhole ? this.payload : null });
    }
    return stop;
  }
}
