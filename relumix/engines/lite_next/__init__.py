"""The next `lite`: it predicts the light that arrives, and chooses among ways in which light may have moved.

Not an engine that can be asked for: it becomes `lite` when it beats it.
"""
