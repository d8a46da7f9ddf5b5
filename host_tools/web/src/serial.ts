// The device's data port over Web Serial. All that knows navigator.serial, and every trap of it, is here.

import type { Link } from './client.ts';
import { USB } from './contract.ts';
import { Trouble, asTrouble, unplugged } from './trouble.ts';

const BAUD = 115200; // means nothing over USB, but 1200 does: CircuitPython restarts into the bootloader
const BUFFER_BYTES = 16384;
const WRITE_MS = 2000; // a write that the device does not take for this long is given up
const FILTERS = [{ usbVendorId: USB.vid, usbProductId: USB.pid }];

/** Why this browser can't talk to a device, or null where it can. */
export function missing(): Trouble | null {
  if ('serial' in navigator) return null;
  if (!window.isSecureContext)
    return new Trouble(
      'no_web_serial',
      'This page came over http, and browsers give serial ports to safe pages only.',
      'Nothing is wrong with the device or the browser.',
      'Open the page over https, or save it and open the file.',
    );
  return new Trouble(
    'no_web_serial',
    'This browser can’t talk to serial ports.',
    'It has no Web Serial, or an administrator has switched it off.',
    'Open this page in Chrome, Edge, or Firefox 151 or later, on a computer; or use the endcall command. A settings ' +
      'file can be edited here all the same.',
  );
}

/** Let the person choose a device. Null where they chose none. Needs a click. */
export async function choose(): Promise<SerialPort | null> {
  try {
    return await navigator.serial.requestPort({ filters: FILTERS });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'NotFoundError') return null;
    if (error instanceof DOMException && error.name === 'SecurityError')
      throw new Trouble(
        'no_web_serial', 'The browser forbids this page to use serial ports.',
        'An administrator or the place where the page lies has switched them off.',
        'Save the page and open the file, or use the endcall command.',
      );
    throw asTrouble(error);
  }
}

/** Is told when a device that this page may use is plugged in. */
export function onPlugged(tell: (port: SerialPort) => void): void {
  if ('serial' in navigator) navigator.serial.addEventListener('connect', event => tell(event.target as SerialPort));
}

/** Hold `port` for this page alone. Throws Trouble `port_busy`. */
export async function open(port: SerialPort): Promise<Link> {
  try {
    await port.open({ baudRate: BAUD, bufferSize: BUFFER_BYTES });
  } catch (error) {
    throw new Trouble(
      'port_busy',
      'The port can’t be opened.',
      `Another program or tab has it open, or this user may not use it. (${(error as Error).message})`,
      'Close the other one (a serial monitor, an editor, endcall) and connect again. On Linux the user must be in ' +
        'the group dialout.',
    );
  }
  try {
    await port.setSignals({ dataTerminalReady: true }); // without DTR the device does not listen
  } catch {
    await port.close().catch(() => {});
    throw unplugged();
  }
  return new SerialLink(port);
}

class SerialLink implements Link {
  private readonly port: SerialPort;
  private reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  private isClosing = false;
  private reading: Promise<void> = Promise.resolve();
  private writing: Promise<void> = Promise.resolve();

  constructor(port: SerialPort) {
    this.port = port;
  }

  listen(heard: (data: Uint8Array) => void, lost: () => void): void {
    this.reading = this.read(heard).then(() => {
      if (!this.isClosing) {
        lost();
        void this.port.close().catch(() => {});
      }
    });
  }

  private async read(heard: (data: Uint8Array) => void): Promise<void> {
    // A damaged byte ends a stream and begins another; without a stream the device is gone.
    while (this.port.readable && !this.isClosing) {
      this.reader = this.port.readable.getReader();
      try {
        for (;;) {
          const { value, done } = await this.reader.read();
          if (done) break;
          heard(value);
        }
      } catch {
        // what is lost is asked for again
      } finally {
        this.reader.releaseLock();
        this.reader = null;
      }
    }
  }

  write(data: Uint8Array): Promise<void> {
    this.writing = this.writeNow(data);
    return this.writing;
  }

  private async writeNow(data: Uint8Array): Promise<void> {
    if (!this.port.writable) throw unplugged();
    const writer = this.port.writable.getWriter();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<'late'>(resolve => {
      timer = setTimeout(() => resolve('late'), WRITE_MS);
    });
    try {
      const sent = writer.write(data);
      sent.catch(() => {});
      if ((await Promise.race([sent, late])) === 'late') await writer.abort().catch(() => {});
    } catch {
      throw unplugged();
    } finally {
      clearTimeout(timer);
      writer.releaseLock();
    }
  }

  async close(): Promise<void> {
    this.isClosing = true;
    await this.writing.catch(() => {}); // a port with a writer on it can't be closed
    try {
      await this.reader?.cancel();
      await this.reading;
      await this.port.close();
    } catch {
      // it is gone already
    }
  }
}
