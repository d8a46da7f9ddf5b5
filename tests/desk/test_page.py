"""The page's server: what it serves, to whom, and what goes through its socket."""

import asyncio
import json
import re
import struct

import pytest

pytest.importorskip("aiohttp", reason='the page needs aiohttp: python -m pip install "endcall[demo]"')
from aiohttp import WSServerHandshakeError
from aiohttp.test_utils import TestClient, TestServer

from endcall.desk.page import DEEDS, STATIC, WAITING_MESSAGES, Page


def visit(rehearsal, what):
    """Run the coroutine function `what(page, client)` with a page that is served."""

    async def run():
        page = Page(rehearsal, {"port": "/dev/pts/7", "command": "endcall --port /dev/pts/7", "speed": 1.0})
        async with TestClient(TestServer(page.app, host="127.0.0.1")) as client:
            return await what(page, client)

    return asyncio.run(run())


async def until(socket, kind):
    """The next event of a kind."""
    while True:
        message = await asyncio.wait_for(socket.receive(), 5)
        if isinstance(message.data, str):
            event = json.loads(message.data)
            if event["event"] == kind:
                return event


async def do(socket, rehearsal, *deeds):
    for deed in deeds:
        await socket.send_str(json.dumps({"do": deed}))
    await asyncio.sleep(0.05)
    rehearsal.run(ms=2)


def test_every_file_that_the_page_names_is_served_from_here(rehearsal):
    async def look(page, client):
        index = await (await client.get("/")).text()
        found = set(re.findall(r'"(/static/[^"]+)"', index))
        assert {"/static/main.js", "/static/style.css"} <= found
        for path in STATIC.glob("*.js"):
            found |= {"/static/" + name for name in re.findall(r"from '\./([^']+)'", path.read_text())}
        for path in found:
            answer = await client.get(path)
            assert answer.status == 200, path
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]

    visit(rehearsal, look)


def test_nothing_on_the_page_comes_from_elsewhere():
    for path in STATIC.iterdir():
        links = set(re.findall(r"(?:https?|wss?)://[^\s\"'`$)]+", path.read_text()))
        assert links <= {"http://www.w3.org/2000/svg"}, path.name


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "desk.example.com"},
        {"Origin": "https://example.com"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
    ],
)
def test_other_sites_are_refused(rehearsal, headers):
    async def look(page, client):
        assert (await client.get("/", headers=headers)).status == 403
        with pytest.raises(WSServerHandshakeError):
            await client.ws_connect("/ws", headers=headers)

    visit(rehearsal, look)


def test_a_page_gets_everything_that_it_must_know_first(rehearsal):
    rehearsal.run(ms=500)
    rehearsal.press()
    rehearsal.run(ms=100)

    async def look(page, client):
        async with client.ws_connect("/ws") as socket:
            first = await until(socket, "about")
            assert first["command"] == "endcall --port /dev/pts/7"
            last = {event["event"]: event for event in first["events"]}
            assert last["call"]["state"] == "WARN"
            assert last["button"]["down"] is True
            picture = (await socket.receive()).data
            assert picture == b"R" + rehearsal.picture
            assert len(picture) == 73

    visit(rehearsal, look)


def test_hands_reach_the_desk_and_events_come_back(rehearsal):
    rehearsal.run(ms=500)

    async def look(page, client):
        async with client.ws_connect("/ws") as socket:
            await until(socket, "about")
            await do(socket, rehearsal, "press")
            assert (await until(socket, "call"))["state"] == "WARN"
            await do(socket, rehearsal, "release", "put_down")
            assert (await until(socket, "line"))["cause"] == "handset"
            await do(socket, rehearsal, "unplug")
            assert (await until(socket, "power"))["on"] is False
            await do(socket, rehearsal, "break_relay")
            assert (await until(socket, "mend")) == {"t": 506, "event": "mend", "part": "relay", "works": False}

    visit(rehearsal, look)


def test_every_deed_works(rehearsal):
    async def look(page, client):
        async with client.ws_connect("/ws") as socket:
            for deed in DEEDS:
                await do(socket, rehearsal, deed)
            await do(socket, rehearsal, "lift", "plug_in", "press")
            assert rehearsal.desk.button.is_down

    visit(rehearsal, look)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"do": 7}', '{"do": "run"}', '{"do": ["press"]}'])
def test_what_is_no_deed_is_passed_over(rehearsal, text):
    async def look(page, client):
        async with client.ws_connect("/ws") as socket:
            await socket.send_str(text)
            await do(socket, rehearsal, "press")
            assert rehearsal.desk.button.is_down

    visit(rehearsal, look)


def test_a_page_that_goes_takes_its_finger_off_the_button(rehearsal):
    async def look(page, client):
        async with client.ws_connect("/ws") as socket:
            await do(socket, rehearsal, "press")
            assert rehearsal.desk.button.is_down
        await asyncio.sleep(0.05)
        assert not rehearsal.desk.button.is_down

    visit(rehearsal, look)


def test_a_page_that_goes_leaves_the_finger_of_another_one(rehearsal):
    async def look(page, client):
        async with client.ws_connect("/ws") as socket:
            await do(socket, rehearsal, "press")
            async with client.ws_connect("/ws"):
                pass
            await asyncio.sleep(0.05)
            assert rehearsal.desk.button.is_down

    visit(rehearsal, look)


def test_sound_says_when_and_how_fast(rehearsal):
    async def look(page, client):
        async with client.ws_connect("/ws") as socket:
            await until(socket, "about")
            await socket.receive()
            page.show(b"\x01" * 72, [(1234, 16000, bytearray(b"\x01\x02\x03\x04"))])
            assert (await socket.receive()).data == b"R" + b"\x01" * 72
            sound = (await socket.receive()).data
            assert struct.unpack("<4sII", sound[:12]) == (b"S\0\0\0", 1234, 16000)
            assert sound[12:] == b"\x01\x02\x03\x04"

    visit(rehearsal, look)


def test_a_page_that_reads_nothing_is_let_go_and_costs_no_more(rehearsal):
    async def look(page, client):
        async with client.ws_connect("/ws") as socket:
            await until(socket, "about")
            for _ in range(WAITING_MESSAGES + 10):
                page.tick()
            await asyncio.sleep(0.05)
            async for _ in socket:
                pass
            assert socket.closed
            async with client.ws_connect("/ws") as again:
                await until(again, "about")

    visit(rehearsal, look)
