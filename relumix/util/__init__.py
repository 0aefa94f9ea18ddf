"""What the rooms share: ordered work on threads, a stopwatch, files that are never half-written."""
