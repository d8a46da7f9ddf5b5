"""The documentation site: its pages are gathered from the repository, every link leads somewhere, search finds them."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_spec = importlib.util.spec_from_file_location("documentation", ROOT / "tools" / "documentation.py")
documentation = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(documentation)


@pytest.fixture
def house(tmp_path):
    """A small repository: write files by name, then gather them."""

    class House:
        root = tmp_path / "root"
        source = tmp_path / "source"

        def write(self, **files):
            for name, text in files.items():
                path = self.root / name.replace("__", "/").replace("_md", ".md").replace("_png", ".png")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)

        def gather(self):
            return documentation.gather(self.root, self.source)

        def files(self):
            return sorted(str(path.relative_to(self.source)) for path in self.source.rglob("*") if path.is_file())

    return House()


def test_what_is_linked_is_gathered_in_its_place(house):
    house.write(
        README_md="[guide](docs/guide.md#first) ![](docs/a.png) <https://example.org> [x](https://example.org)",
        docs__guide_md="[back](../README.md) [picture](a.png)",
        docs__a_png="",
        docs__unlinked_md="nobody comes here",
    )
    assert house.gather() == ["README.md", "docs/guide.md"]
    assert house.files() == ["README.md", "docs/a.png", "docs/guide.md"]


def test_a_link_to_nowhere_is_named(house):
    house.write(README_md="[guide](docs/guide.md)", docs__guide_md="see [this](missing.md)")
    with pytest.raises(documentation.BrokenLinkError, match=r"docs/guide\.md links to missing\.md"):
        house.gather()


def test_a_link_out_of_the_repository_is_one_to_nowhere(house):
    house.write(README_md="[out](../outside.md)")
    (house.root.parent / "outside.md").write_text("")
    with pytest.raises(documentation.BrokenLinkError):
        house.gather()


def test_a_folder_becomes_a_list_of_its_files(house):
    house.write(README_md="[pictures](pictures)", pictures__a_png="", pictures__b_png="")
    house.gather()
    assert (house.source / "pictures/README.md").read_text() == "# pictures\n\n- [a.png](a.png)\n- [b.png](b.png)\n"


def test_code_is_not_full_of_links():
    page = "`[a](b.md)` and\n```python\n[c](d.md)\n```\n[e](f.md)"
    assert documentation.links(page) == ["f.md"]


def test_the_site_is_built_strictly_and_can_be_searched():
    done = subprocess.run(
        [sys.executable, "tools/documentation.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    site = ROOT / "build" / "site"
    index = json.loads((site / "search" / "search_index.json").read_text())
    titles = {page["title"] for page in index["docs"]}
    assert {"endcall", "Presets", "Safety", "prompt_begin"} <= titles
    loaded = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(https?:[^"]+)"', (site / "index.html").read_text())
    assert loaded == [], "the site loads something from elsewhere"
