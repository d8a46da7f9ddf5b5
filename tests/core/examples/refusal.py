"""What `pytest.raises` does, where there is no pytest."""


def refusal(kind, function, *arguments):
    """What `function(*arguments)` says when it raises `kind`; AssertionError where it does not raise."""
    try:
        function(*arguments)
    except kind as error:
        return str(error)
    raise AssertionError(f"accepted: {arguments}")
