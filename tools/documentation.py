"""Gathers the pages of the documentation site, and what they link to, into build/site-source; then MkDocs builds it.

The pages are the Markdown files that people read in the repository. Beginning with README.md, each file that a page
links to is copied to the same relative place, so every link means the same here and there; one that leads nowhere
fails. A linked folder becomes a list of its files. Run: make docs
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "build" / "site-source"
FIRST = "README.md"
LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|<(?:img|source|a)\s[^>]*(?:src|href)=\"([^\"]+)\"")
FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)


class BrokenLinkError(Exception):
    """A page links to something that is not there."""


def links(page: str) -> list[str]:
    """The targets of the links and pictures in Markdown `page` that lead to files, in order, without anchors."""
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page))
    found = [first or second for first, second in LINK.findall(text)]
    return [target.split("#")[0] for target in found if not re.match(r"[a-z]+:|#", target)]


def gather(root: Path, source: Path, first: str = FIRST) -> list[str]:
    """Copy `first` and all that it leads to from `root` into `source`; returns the pages' names.

    Raises BrokenLinkError, which names the page and the link.
    """
    shutil.rmtree(source, ignore_errors=True)
    waiting, pages = [first], []
    while waiting:
        name = waiting.pop()
        target = source / name
        if target.exists() or (target / "README.md").exists():
            continue
        path = root / name
        if path.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            files = sorted(one.name for one in path.iterdir() if one.is_file() and not one.name.startswith("."))
            waiting += [f"{name}/{one}" for one in files]
            listing = "".join(f"- [{one}]({one})\n" for one in files)
            (target / "README.md").write_text(f"# {path.name}\n\n{listing}")
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        if path.suffix != ".md":
            continue
        pages.append(name)
        for link in links(path.read_text()):
            leads = (path.parent / link).resolve()
            if not leads.exists() or not leads.is_relative_to(root):
                raise BrokenLinkError(f"{name} links to {link}, which is not there")
            waiting.append(str(leads.relative_to(root)))
    return sorted(pages)


def main() -> None:
    """Build the site into build/site; anything that MkDocs warns about fails."""
    try:
        pages = gather(ROOT, SOURCE)
    except BrokenLinkError as error:
        raise SystemExit(f"documentation: {error}") from None
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--config-file",
        str(ROOT / "mkdocs.yml"),
    ]
    if subprocess.run(command, cwd=ROOT).returncode:
        raise SystemExit("documentation: MkDocs found something wrong; the lines above say what")
    print(f"{len(pages)} pages; open build/site/index.html")


if __name__ == "__main__":
    main()
