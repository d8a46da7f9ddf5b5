"""The contact of the model is looked at as the device's button is."""

import ast
from pathlib import Path

from torture import model_hands


def test_the_model_looks_as_often_as_the_button():
    source = (Path(__file__).parents[2] / "firmware/lib/endcall_device/button.py").read_text()
    found = {
        node.targets[0].id: node.value.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }
    assert (found["SCAN_S"] * 1000, found["LOOKS"]) == (model_hands.SCAN_MS, model_hands.LOOKS)
