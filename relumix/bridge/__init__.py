"""The process beside a host of OpenFX plugins: it relights what the thin plugin sends (docs/bridge.md).

serve.py         the socket, the folder it lies in, when the bridge ends.
conversation.py  one connection: who may speak, and what is answered.
tasks.py         what a plugin can ask for, as a dialogue of wishes and answers.
order.py         what is asked for, checked.
light.py         the only module that knows how relumix relights.
store.py         pixels and relit frames on disk, bounded.
wire.py          messages as bytes.
places.py        where things lie, by system.
"""
