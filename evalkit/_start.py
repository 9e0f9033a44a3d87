"""Takes the working folder off the import path under `python -m evalkit`, which put it first.

A `json.py` in a downloaded model's folder would run otherwise. Imported before everything else, and imports only `sys`,
which is always loaded: any other module could already be the folder's. What Python itself imports before (`contextlib`,
`warnings`) nobody can keep out here; the command `evalkit` and `python -P -m evalkit` never look into the folder.
"""

from __future__ import annotations

import sys

# runpy writes the module's file over "-m" once it has found the module, so other programs never see this.
if sys.argv[:1] == ["-m"] and not sys.flags.safe_path and not sys.flags.isolated:
    del sys.path[0]
