"""Published checkpoints as what an engine builds in: other names, other files, the same network.

`loadable` is the door: it gives the folder that an engine loads, which is the published one wherever that can be
loaded as it is, and a converted copy in the cache otherwise.
"""

from ._folder import Loadable, loadable
from ._kept import KeptCopy, kept_copies, remove_copy

__all__ = ["KeptCopy", "Loadable", "kept_copies", "loadable", "remove_copy"]
