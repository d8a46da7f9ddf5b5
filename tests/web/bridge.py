"""A serial port behind a WebSocket, for the browser's side of the tests: `shim.js` opens it as navigator.serial."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

from aiohttp import WSMsgType, web

from endcall_core import wire

READ_BYTES = 4096
SHIM = Path(__file__).with_name("shim.js")

#: Takes a piece of bytes and gives the pieces that arrive instead.
Fault = Callable[[bytes], list[bytes]]


class Bridge:
    """Serves the port at `path` on a WebSocket, in a thread of its own. Use it as a context manager.

    from_device, to_device: do something to every piece that passes, as long as they are set. is_taken: another
    program has the port. requests: what the page asked for, in order.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.from_device: Fault | None = None
        self.to_device: Fault | None = None
        self.is_taken = False
        self.requests: list[dict] = []
        self._reader = wire.Reader()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._sockets: set[web.WebSocketResponse] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self.url = self._do(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()
        self._do(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @property
    def script(self) -> str:
        """For the page, before it runs."""
        return SHIM.read_text().replace("'URL'", f"'{self.url}'")

    def unplug(self) -> None:
        """The device goes away under the page."""

        async def close() -> None:
            for socket in list(self._sockets):
                await socket.close()

        self._do(close())

    def _do(self, what):
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _start(self) -> str:
        app = web.Application()
        app.router.add_get("/", self._serve)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        return f"ws://127.0.0.1:{self._runner.addresses[0][1]}/"

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if self.is_taken:
            await socket.close()
            return socket
        port = os.open(self.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self._loop.add_reader(port, self._read, port, arrived)
        self._sockets.add(socket)
        pump = asyncio.ensure_future(self._pump(arrived, socket))
        try:
            await socket.send_str("open")
            async for message in socket:
                if message.type == WSMsgType.BINARY:
                    await self._write(port, message.data)
        finally:
            pump.cancel()
            self._sockets.discard(socket)
            self._loop.remove_reader(port)
            os.close(port)
        return socket

    def _read(self, port: int, arrived: asyncio.Queue[bytes]) -> None:
        try:
            data = os.read(port, READ_BYTES)
        except OSError:  # the other end is gone
            data = b""
        if not data:
            self._loop.remove_reader(port)
        arrived.put_nowait(data)

    async def _pump(self, arrived: asyncio.Queue[bytes], socket: web.WebSocketResponse) -> None:
        while data := await arrived.get():
            for piece in self.from_device(data) if self.from_device else [data]:
                await socket.send_bytes(piece)
        await socket.close()

    async def _write(self, port: int, data: bytes) -> None:
        at = 0
        while at < len(data):
            at = self._reader.take(data, at, len(data))
            if self._reader.frame:
                self.requests.append(self._reader.frame)
        for piece in self.to_device(data) if self.to_device else [data]:
            while piece:
                try:
                    piece = piece[os.write(port, piece) :]
                except BlockingIOError:
                    await asyncio.sleep(0.002)
