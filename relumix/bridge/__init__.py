"""The process beside a host of OpenFX plugins: it relights what the thin plugin sends (docs/bridge.md).

serve.py      the socket, the lock on its folder, when the bridge ends.
session.py    one connection of a plugin.
request.py    what the plugin asks for, checked.
dialogue.py   what the bridge asks back, and the outcome; tasks.py: each purpose of a request as a dialogue.
relighter.py  the only module that knows how relumix relights.
store.py      pixels and relit frames on disk, bounded.
wire.py       messages as bytes.
folders.py    where socket and store lie, by system.
"""
