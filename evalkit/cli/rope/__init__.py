"""`evalkit rope`: context extensions compared, and what theories say of a base; one module per verb."""

from __future__ import annotations

import typer

from . import _bars, _sweep

app = typer.Typer(help="RoPE: compare context extensions, and what each engine makes of them.", no_args_is_help=True)
app.command("bars")(_bars.bars)
app.command("sweep")(_sweep.sweep)
