"""The engines: each is a folder with an Engine (base.py) and a line in registry.py."""
