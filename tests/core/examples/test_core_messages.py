"""The list of requests, and what is wrong with an instance of one."""

from endcall_core import error_codes, messages

GOOD = {
    "hello": {"protocol": 1},
    "status": {},
    "check": {},
    "time": {"epoch_s": 1700000000},
    "identify": {"seconds": 5},
    "practice": {"on": 1},
    "test": {"part": "look", "value": 0},
    "test_end": {},
    "get": {},
    "stage": {"values": {"call.warn_s": 45}},
    "commit": {},
    "discard": {},
    "log": {"after": 0},
    "prompts": {},
    "prompt_begin": {"name": "a.wav", "bytes": 5000, "sum": "00000000"},
    "prompt_data": {"at": 0},
    "prompt_end": {},
    "prompt_read": {"name": "a.wav", "at": 0},
    "prompt_remove": {"name": "a.wav"},
    "app": {},
    "app_begin": {"bytes": 5000, "sum": "0" * 64},
    "app_data": {"at": 0},
    "app_end": {},
    "app_confirm": {},
    "app_rollback": {},
    "lock": {},
    "lock_set": {"key": "0f" * 32},
    "restart": {},
    "bootloader": {},
}


def test_every_request_has_an_example_here():
    assert sorted(GOOD) == sorted([row[messages.NAME] for row in messages.REQUESTS])
    for row in messages.REQUESTS:
        assert row[messages.HELP]
        assert messages.find(row[messages.NAME]) is row
        assert messages.problem(row, GOOD[row[messages.NAME]], 5) is None


def test_what_changes_something_says_so():
    writes = [row[messages.NAME] for row in messages.REQUESTS if row[messages.EFFECT] == messages.WRITES]
    assert sorted(writes) == sorted(
        ["stage", "commit", "discard", "prompt_begin", "prompt_data", "prompt_end", "prompt_remove"]
        + ["identify", "practice"]
        + ["app_begin", "app_data", "app_end", "app_confirm", "app_rollback"]
        + ["lock_set"]
    )
    acts = [row[messages.NAME] for row in messages.REQUESTS if row[messages.EFFECT] == messages.ACTS]
    assert acts == ["test", "restart", "bootloader"]


def test_a_missing_field():
    for row in messages.REQUESTS:
        for name, kind, _ in row[messages.FIELDS]:
            if kind == messages.PAYLOAD:
                assert "raw bytes" in messages.problem(row, GOOD[row[messages.NAME]], 0)
            else:
                request = dict(GOOD[row[messages.NAME]])
                del request[name]
                said = messages.problem(row, request, 5)
                assert name in said
                assert row[messages.NAME] in said


def test_a_field_of_the_wrong_kind():
    wrong = {
        messages.INT: (True, False, None, "1", 1.5, [], {}),
        messages.TEXT: (True, None, 1, [], {}),
        messages.OBJECT: (True, None, 1, "x", []),
    }
    for row in messages.REQUESTS:
        for name, kind, _ in row[messages.FIELDS]:
            for value in wrong.get(kind, ()):
                request = dict(GOOD[row[messages.NAME]])
                request[name] = value
                assert kind in messages.problem(row, request, 5), (row[0], name, value)


def test_no_such_request():
    for name in (None, 5, "", "helo", [], {}):
        assert messages.find(name) is None


def test_error_codes_are_known_once():
    codes = [code for code, _ in error_codes.ERRORS]
    assert len(set(codes)) == len(codes) == 12
