"""A commit is encoded over several turns of the loop; what happens in between."""

from endcall_core import settings


def test_a_call_that_begins_while_a_commit_is_encoded_goes_first(desk, host):
    """The press is a step of the call at once, the commit is refused, and nothing is stored or in force."""
    host.ok("stage", values={"call.warn_s": 45})
    before = desk.app.store.sequence
    host.send(host.request("commit"))
    desk.run(2)
    desk.button.press()
    assert host.answer()["error"] == "busy"
    assert desk.state == "WARN"
    assert desk.app.store.sequence == before
    assert desk.app.call.rules == settings.defaults()
    assert host.received() == []
