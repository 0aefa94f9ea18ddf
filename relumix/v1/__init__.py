"""The wire contract as Python: generated from proto/relumix/v1/relight.proto by `make proto`; not for editing."""
