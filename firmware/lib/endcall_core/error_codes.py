"""What an answer with an error may say. No device loads this: it only tells people."""

#: Error codes and what they mean.
ERRORS = (
    ("hello_first", "the connection has not begun with hello"),
    ("mismatch", "host and device speak different protocol versions"),
    ("unknown", "there is no such request"),
    ("malformed", "a field is missing or of the wrong kind"),
    ("damaged", "the payload's CRC does not fit, or it is too large; send it again"),
    ("busy", "a call is being limited or ended; try again when it is over"),
    ("read_only", "this device does not take changes in its present mode"),
    ("locked", "the device has a key: ask `lock` for a nonce and sign the request"),
    ("wrong_key", "it is signed with another key, or was changed on its way; five of them are too many"),
    ("invalid", "the value is refused; the sentence says why"),
    ("full", "every prompt slot is in use"),
    ("storage", "the store could not be read or written"),
)
