"""The `endcall` command: which commands there are. What they do is in `endcall.commands` and the modules below it.

Results go to stdout, everything else to stderr. Exit codes: `endcall.errors.EXIT_CODES`. A command's module is
imported when the command is named, and imports what takes time in its functions, so that every `--help` answers at
once.
"""

from __future__ import annotations

import importlib

import click

from endcall.commands.shared import Root, device_options
from endcall.errors import EXIT_CODES
from endcall_core.version import FIRMWARE

#: Section of the help, and in it: command, the module it lives in, its name there.
COMMANDS = (
    (
        "Look",
        (
            ("list", "endcall.commands.devices", "list_command"),
            ("info", "endcall.commands.devices", "info"),
            ("status", "endcall.commands.devices", "status"),
            ("monitor", "endcall.commands.practice", "monitor"),
            ("log", "endcall.commands.log", "log"),
            ("identify", "endcall.commands.practice", "identify"),
        ),
    ),
    (
        "Configure",
        (
            ("get", "endcall.commands.settings", "get"),
            ("set", "endcall.commands.settings", "set_command"),
            ("init", "endcall.commands.init", "init"),
            ("validate", "endcall.commands.settings", "validate"),
            ("plan", "endcall.commands.settings", "plan"),
            ("apply", "endcall.commands.settings", "apply"),
            ("export", "endcall.commands.settings", "export"),
            ("backup", "endcall.commands.backup", "backup"),
            ("restore", "endcall.commands.backup", "restore"),
            ("prompt", "endcall.commands.prompt", "prompt"),
            ("fleet", "endcall.commands.fleet", "fleet"),
            ("lock", "endcall.commands.lock", "lock"),
            ("web", "endcall.commands.web", "web"),
        ),
    ),
    (
        "Test and mend",
        (
            ("selftest", "endcall.commands.selftest", "selftest"),
            ("doctor", "endcall.commands.doctor", "doctor"),
            ("udev", "endcall.commands.doctor", "udev"),
            ("practice", "endcall.commands.practice", "practice"),
            ("rescue", "endcall.commands.rescue", "rescue"),
        ),
    ),
    (
        "Firmware",
        (
            ("firmware", "endcall.commands.firmware", "firmware"),
            ("flash", "endcall.commands.flash", "flash"),
        ),
    ),
    (
        "Make and rehearse",
        (
            ("image", "endcall.commands.image", "image"),
            ("demo", "endcall.commands.demo", "demo"),
            ("card", "endcall.commands.card", "card"),
            ("schema", "endcall.commands.settings", "schema"),
            ("completion", "endcall.commands.completion", "completion"),
        ),
    ),
)


SENTENCE = 200  # letters: the first sentence of a command's help is never cut


class Endcall(Root):
    """Finds commands by `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for _, rows in COMMANDS for name, _, _ in rows]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        for _, rows in COMMANDS:
            for name, module, attribute in rows:
                if name == cmd_name:
                    command = getattr(importlib.import_module(module), attribute)
                    assert isinstance(command, click.Command)
                    return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section, rows in COMMANDS:
            with formatter.section(section):
                short = [(name, self.get_command(ctx, name)) for name, _, _ in rows]
                formatter.write_dl([(name, one.get_short_help_str(SENTENCE)) for name, one in short if one])


@click.group(
    cls=Endcall,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: " + ", ".join(f"{number} {name}" for number, name, _ in EXIT_CODES),
)
@click.version_option(FIRMWARE, prog_name="endcall")
@device_options
def cli() -> None:
    """Configure and diagnose end-call buttons over USB.

    Results go to stdout, everything else to stderr.
    """


def main() -> None:
    """The console script."""
    cli(prog_name="endcall")
