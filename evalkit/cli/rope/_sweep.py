"""`evalkit rope sweep`: one run per RoPE spec on the same samples, and what the differences are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import _options as o

if TYPE_CHECKING:
    from evalkit.settings import RunSettings
    from evalkit.sweeps import Sweep

Specs = Annotated[
    list[str] | None,
    typer.Option("--spec", metavar="SPEC", help="RoPE spec, or a list: dynamic:2,4,8; the first is the reference."),
]
Share = Annotated[float, typer.Option(help="Share of the reference score that an effective length keeps.")]


HELPS = {
    "rope_mode": "effective-base, or engine: what the engine itself makes of --spec.",
    "rope_replaces_native": "Let --spec replace the scaling a model was released with.",
    "rope_stacks_on_native": "Put --spec on top of the scaling a model was released with.",
    "out": "Folder of the sweep; default results/CARD-BENCHMARK-rope-sweep.",
}


@o.takes(*(name for name in o.ALL if name != "rope"), helps=HELPS)
def sweep(
    *,
    given: o.Given,
    spec: Specs = None,
    share: Share = 0.85,
    config: o.Config = None,
    json: o.Json = None,
) -> int:
    """Run a model under several RoPE specs on the same samples, and compare them by prompt length.

    CARD and BENCHMARK are as for `evalkit run`. Grids that are asked for no --lengths get multiples of the model's own
    length; one inside it shows what an extension costs short prompts. The same command again continues.
    """
    from evalkit._sweep import carry_out_sweep, check_share, plan_sweep, read_specs

    from ..terminal import ProgressMonitor, check_target, libraries_say, print_json

    check_target(json)
    specs = read_specs(spec or [])
    check_share(share)
    settings = _settings(o.in_force(given, config))
    with ProgressMonitor() as monitor:
        planned = plan_sweep(settings, specs, share, monitor)
    unit = next(iter(planned.sessions.values())).tokenizer.unit
    with ProgressMonitor(unit) as monitor, libraries_say(monitor.note):
        made, failed = carry_out_sweep(planned, monitor)
    _show(made, is_shown=json != "-")
    if json is not None:
        print_json(made.to_json(), json)
    return 1 if failed else 0


def _settings(values: o.Given) -> RunSettings:
    from evalkit.errors import UserError

    if "rope" in values:
        raise UserError(f"rope: {values['rope']} in the configuration file: a sweep takes --spec; leave it out there")
    settings = o.complete(values)
    if len(settings) > 1:
        raise UserError(f"{', '.join(each.model for each in settings)}: one model at a time")
    return settings[0]


def _show(sweep: Sweep, *, is_shown: bool) -> None:
    from evalkit.reports import sweep_footer, sweep_table

    from ..terminal import note, print_table, say, say_wrapped

    for benchmark in sweep.benchmarks.values() if is_shown else ():
        print_table(sweep_table(sweep, benchmark))
        for line in sweep_footer(sweep, benchmark):
            say_wrapped(line)
        say()
    note(f"sweep in {sweep.folder}")
