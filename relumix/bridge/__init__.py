"""The process beside a host of OpenFX plugins: it relights what the thin plugin sends (docs/bridge.md).

serve.py         the socket, the folder it lies in, when the bridge ends; places.py: where things lie, by system.
conversation.py  one connection; wire.py: its messages as bytes.
order.py         what is asked for, checked.
tasks.py         how it is done, as a dialogue of wishes and answers (wishes.py); run.py: relighting beside it.
light.py         the only module that knows how relumix relights; pictures.py: what it is given.
store.py         pixels and relit frames on disk, bounded; frame_file.py: a relit frame as a file.
glance.py        by what a smaller version of a picture is known.
"""
