"""What other packages offer under evalkit's entry point groups, found by name and loaded one at a time.

A package that cannot be used costs whoever asks for its part one line that names it, and nobody else anything: no group
is loaded before a name is asked for that evalkit itself does not have.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from evalkit.errors import PluginError, one_line

__all__ = ["load_plugin", "load_point", "package_of", "plugin_names", "plugin_versions", "plugins"]


def plugins(group: str) -> list[EntryPoint]:
    """The entry points of a group, by name and then package."""
    return sorted(entry_points(group=group), key=lambda point: (point.name, package_of(point)))


def plugin_names(group: str) -> list[str]:
    """The names that packages offer in a group, sorted."""
    return sorted({point.name for point in plugins(group)})


def package_of(point: EntryPoint) -> str:
    """The package that an entry point belongs to, with its version, as messages call it."""
    return f"package {point.dist.name} {point.dist.version}" if point.dist is not None else "a package"


def plugin_versions(*used: tuple[str, str]) -> dict[str, str]:
    """Package → version, for each group and name that a package outside evalkit offers."""
    return {
        point.dist.name: point.dist.version
        for group, name in used
        for point in plugins(group)
        if point.name == name and point.dist is not None
    }


def load_plugin(group: str, name: str) -> Any:
    """What the entry point of that name stands for; None where no package has the name.

    Raises `PluginError` where it cannot be imported, or two packages offer the name.
    """
    found = [point for point in plugins(group) if point.name == name]
    if len(found) > 1:
        packages = " and ".join(package_of(point) for point in found)
        raise PluginError(f"{group} {name!r} is offered by {packages}: uninstall one of them")
    return load_point(found[0]) if found else None


def load_point(point: EntryPoint) -> Any:
    """What an entry point stands for; `PluginError` where it cannot be imported."""
    try:
        return point.load()
    except Exception as error:  # the code of another package may raise anything while it is imported
        reason = one_line(f"{type(error).__name__}: {error}", 200)
        raise PluginError(
            f"{package_of(point)}: {point.group} {point.name!r} ({point.value}) cannot be loaded ({reason}); "
            "correct or uninstall it"
        ) from error
