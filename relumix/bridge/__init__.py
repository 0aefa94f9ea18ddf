"""The process beside a host of OpenFX plugins: it relights what the thin plugin sends (docs/bridge.md).

serve.py      the socket, the lock on its folder, when the bridge ends.
session.py    one connection of a plugin.
request.py    what the plugin asks for, checked.
tasks.py      each purpose of a request, as a dialogue (dialogue.py); run.py: the thread that relights beside it.
relighter.py  the only module that knows how relumix relights; pictures.py: its input.
cuts.py       cuts that were found in clips.
store.py      pixels and relit frames on disk, bounded; frame_file.py: the format of a relit frame.
thumbnail.py  recognises a picture at another scale.
wire.py       messages as bytes.
folders.py    where socket and store lie, by system.
"""
