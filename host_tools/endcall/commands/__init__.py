"""The commands of `endcall`, a module per subject. `endcall.cli.COMMANDS` lists them."""
