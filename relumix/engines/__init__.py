"""The engines: each is a folder of its own behind the interface in base.py, and a line in registry.py."""
