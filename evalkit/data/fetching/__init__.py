"""Downloads of pinned files into the cache: from git hosts, the hub, the package index, or out of an archive."""

from ._fetch import Progress, Report, count_records, fetch_file

__all__ = ["Progress", "Report", "count_records", "fetch_file"]
