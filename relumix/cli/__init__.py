"""The `relumix` command."""
