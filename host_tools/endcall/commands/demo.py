"""`endcall demo`: its options live with what it starts, and are looked up when it is called."""

from __future__ import annotations

from typing import Any

import click


class Elsewhere(click.Command):
    def real(self) -> click.Command:
        """The command itself, with options and examples."""
        from endcall.desk.demo import command

        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        return self.real().make_context(info_name, args, parent=parent, **extra)


demo = Elsewhere("demo", short_help="Rehearse at a simulated desk, with a web page and a port to configure.")
