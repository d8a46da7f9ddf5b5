"""The demo's web page: static files and one WebSocket, on loopback only.

To the page go events as JSON text, and as binary messages the newest picture of the ring (b"R" and 3 bytes per
pixel) and sound (b"S", then t in ms and rate in Hz as little-endian 32-bit numbers at offsets 4 and 8, then 16-bit
samples). From the page come JSON texts `{"do": DEED}`, with DEED one of DEEDS, and
`{"do": "set", "key": KEY, "value": VALUE}` to change a setting.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import WSMsgType, web

from .rehearsal import BREAKABLE, Event, Rehearsal

STATIC = Path(__file__).with_name("static")

#: A page that reads nothing for this many messages is let go; it comes back and gets a snapshot.
WAITING_MESSAGES = 2000

#: The page needs nothing from anywhere else, and nothing else may put it into a frame.
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

LOOPBACK_NAMES = ("127.0.0.1", "localhost")

DEEDS: dict[str, Callable[[Rehearsal], None]] = {
    "press": Rehearsal.press,
    "release": Rehearsal.release,
    "lift": Rehearsal.lift,
    "put_down": Rehearsal.put_down,
    "caller_calls": Rehearsal.caller_calls,
    "caller_hangs_up": Rehearsal.caller_hangs_up,
    "unplug": Rehearsal.unplug,
    "plug_in": Rehearsal.plug_in,
    "crash": Rehearsal.crash,
}
for _part in BREAKABLE:
    DEEDS["break_" + _part] = lambda desk, part=_part: desk.mend(part, False)  # type: ignore[misc]
    DEEDS["mend_" + _part] = lambda desk, part=_part: desk.mend(part, True)  # type: ignore[misc]

Message = str | bytes


class Page:
    """Serves the page of `rehearsal` and tells every open one what happens.

    `about` is told to a page first: what it can't know from events (port, command, speed, …).
    """

    def __init__(self, rehearsal: Rehearsal, about: dict[str, object]) -> None:
        self._rehearsal = rehearsal
        self._about = about
        self._queues: dict[asyncio.Queue[Message], web.WebSocketResponse] = {}
        self.was_opened = False  # by anybody yet
        self._pressing: set[web.WebSocketResponse] = set()
        rehearsal.listeners.append(self._listen)
        self.app = web.Application(middlewares=[_only_this_machine])
        self.app.add_routes(
            [
                web.get("/", _index),
                web.get("/ws", self._talk),
                web.static("/static", STATIC),
            ]
        )
        self.app.on_shutdown.append(self._let_go)

    def _listen(self, event: Event) -> None:
        self._send(json.dumps(event))

    def show(self, picture: bytes | None, sound: list[tuple[int, int, bytearray]]) -> None:
        """Send what `Rehearsal.drain` gave."""
        if picture is not None:
            self._send(b"R" + picture)
        for t, rate_hz, samples in sound:
            self._send(struct.pack("<4sII", b"S", t & 0xFFFFFFFF, rate_hz) + samples)

    def tick(self) -> None:
        """Send the time, so that a quiet chart moves on."""
        self._send(json.dumps({"t": self._rehearsal.now_ms, "event": "time"}))

    def _send(self, message: Message) -> None:
        for queue, socket in list(self._queues.items()):
            try:
                queue.put_nowait(message)
            except asyncio.QueueFull:
                del self._queues[queue]
                asyncio.get_running_loop().create_task(socket.close())

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        # No compression: over loopback it costs more than it saves.
        socket = web.WebSocketResponse(heartbeat=20, compress=False, max_msg_size=4096)
        await socket.prepare(request)
        queue: asyncio.Queue[Message] = asyncio.Queue(WAITING_MESSAGES)
        first = {"t": self._rehearsal.now_ms, "event": "about", **self._about}
        await socket.send_str(json.dumps({**first, "events": self._rehearsal.snapshot()}))
        await socket.send_bytes(b"R" + self._rehearsal.picture)
        self._queues[queue] = socket
        self.was_opened = True
        sender = asyncio.create_task(_send_on(queue, socket))
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    self._do(socket, message.data)
        finally:
            self._queues.pop(queue, None)
            sender.cancel()
            if socket in self._pressing:  # its finger went with it
                self._pressing.discard(socket)
                self._rehearsal.release()
        return socket

    def _do(self, socket: web.WebSocketResponse, text: str) -> None:
        try:
            told = json.loads(text)
            name = told["do"]
            if name == "set":
                self._rehearsal.change({str(told["key"]): told["value"]})
                return
            deed = DEEDS[name]
        except (ValueError, KeyError, TypeError):
            return
        if name == "press":
            self._pressing.add(socket)
        elif name == "release":
            self._pressing.discard(socket)
        deed(self._rehearsal)

    async def _let_go(self, app: web.Application) -> None:
        for socket in list(self._queues.values()):
            await socket.close(code=1001, message=b"the demo ends")


async def _send_on(queue: asyncio.Queue[Message], socket: web.WebSocketResponse) -> None:
    with contextlib.suppress(ConnectionError):
        while not socket.closed:
            message = await queue.get()
            if isinstance(message, str):
                await socket.send_str(message)
            else:
                await socket.send_bytes(message)


async def _index(request: web.Request) -> web.FileResponse:
    return web.FileResponse(STATIC / "index.html")


@web.middleware
async def _only_this_machine(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse what another web site sends through the person's browser: a foreign name, or a foreign page."""
    host = request.host
    origin = request.headers.get("Origin")
    if host.rsplit(":", 1)[0] not in LOOPBACK_NAMES or (origin is not None and origin != f"http://{host}"):
        raise web.HTTPForbidden(text="The demo talks to its own page on this computer only.")
    response = await handler(request)
    if not response.prepared:
        response.headers.update(HEADERS)
    return response
