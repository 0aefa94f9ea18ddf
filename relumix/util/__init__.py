"""Shared utilities: ordered thread pool, stopwatch, atomic files, optional packages."""
