"""`endcall completion`: lets the shell complete commands, options, settings and presets."""

from __future__ import annotations

import click

from endcall.commands.shared import examples

_WHERE = {
    "bash": "endcall completion bash > ~/.local/share/bash-completion/completions/endcall",
    "zsh": "endcall completion zsh > ~/.zfunc/_endcall   (with `fpath+=~/.zfunc` before compinit in ~/.zshrc)",
    "fish": "endcall completion fish > ~/.config/fish/completions/endcall.fish",
}


@examples("endcall completion bash", "endcall completion fish > endcall.fish")
@click.command()
@click.argument("shell", type=click.Choice(list(_WHERE)))
def completion(shell: str) -> None:
    """Print the script that makes SHELL complete `endcall`; where to put it is said on stderr."""
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found
    click.echo(found(click.get_current_context().find_root().command, {}, "endcall", "_ENDCALL_COMPLETE").source())
    click.echo(f"To use it in every new shell: {_WHERE[shell]}", err=True)
