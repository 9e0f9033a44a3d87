"""Files of the Hugging Face hub, through its own client: cache, mirrors, tokens and offline mode as users know them."""

from __future__ import annotations

import os
from pathlib import Path

from evalkit.data._sources import HubOrigin, SourceFile
from evalkit.errors import DataError

__all__ = ["hub_file"]


def hub_file(origin: HubOrigin, file: SourceFile, *, again: bool) -> Path:
    """The file in the hub client's cache; `again` downloads it although it is there."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    place = f"{file.upstream} of hub {origin.repo_type} {origin.repo} at {origin.revision[:12]}"
    try:
        return Path(
            hf_hub_download(
                origin.repo,
                file.upstream,
                repo_type=origin.repo_type,
                revision=origin.revision,
                endpoint=os.environ.get("HF_ENDPOINT") or None,  # the client reads it once, at import
                force_download=again,
            )
        )
    except LocalEntryNotFoundError as error:
        raise DataError(
            f"cannot download {place}: the hub cannot be reached (offline, or HF_HUB_OFFLINE is set): "
            "set HF_ENDPOINT to a mirror, or get the files on another machine and set EVALKIT_DATA"
        ) from error
    except EntryNotFoundError as error:
        raise DataError(
            f"cannot download {place}: the file is not there: check HF_ENDPOINT, or set EVALKIT_DATA"
        ) from error
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(
            f"cannot download {place}: {reason}: check HF_ENDPOINT and HF_TOKEN, or set EVALKIT_DATA"
        ) from error
