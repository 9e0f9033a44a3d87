"""`evalkit rope`: context extensions compared, and what theories say of a base; one module per verb."""

from __future__ import annotations

import typer

from . import _base, _curve

app = typer.Typer(help="RoPE: compare context extensions, and what each engine makes of them.", no_args_is_help=True)
app.command("curve")(_curve.curve)
app.command("base")(_base.base)
