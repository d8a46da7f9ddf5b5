// Web Serial for tests, over a WebSocket to bridge.py: the page itself knows only navigator.serial.
(url => {
  const gone = () => new DOMException('The device has been lost.', 'NetworkError');

  class Port extends EventTarget {
    readable = null;
    writable = null;

    getInfo() {
      return { usbVendorId: 0x239a, usbProductId: 0x80f4 };
    }

    async open(options) {
      shim.calls.push(['open', options]);
      const socket = new WebSocket(url);
      socket.binaryType = 'arraybuffer';
      await new Promise((resolve, reject) => {
        socket.onmessage = ({ data }) => (data === 'open' ? resolve() : 0);
        socket.onclose = () => reject(new DOMException('Failed to open serial port.', 'NetworkError'));
      });
      let control;
      this.readable = new ReadableStream({
        start: controller => (control = controller),
      });
      socket.onmessage = ({ data }) => control.enqueue(new Uint8Array(data));
      socket.onclose = () => {
        if (this.socket !== socket) return;
        control.error(gone());
        this.readable = this.writable = null;
      };
      this.writable = new WritableStream({
        write: data => {
          if (socket.readyState !== WebSocket.OPEN) throw gone();
          socket.send(data);
        },
      });
      this.socket = socket;
    }

    async setSignals(signals) {
      shim.calls.push(['setSignals', signals]);
    }

    async close() {
      shim.calls.push(['close']);
      if (this.readable?.locked || this.writable?.locked) throw new TypeError('Cannot cancel a locked stream');
      const { socket } = this;
      this.socket = this.readable = this.writable = null;
      socket?.close();
    }
  }

  const port = new Port();
  const serial = new EventTarget();
  serial.requestPort = async options => {
    shim.calls.push(['requestPort', options]);
    if (!shim.choice) throw new DOMException('No port selected by the user.', 'NotFoundError');
    return port;
  };
  serial.getPorts = async () => [port];
  const shim = {
    calls: [],
    choice: true,
    plug() {
      const event = new Event('connect');
      Object.defineProperty(event, 'target', { value: port });
      serial.dispatchEvent(event);
    },
  };
  Object.defineProperty(navigator, 'serial', { value: serial });
  window.serialShim = shim;
})('URL');
