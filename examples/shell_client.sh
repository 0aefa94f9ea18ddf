#!/bin/sh
# Relight a shot on servers from a shell or a farm, and do something with each frame as it comes.
#
#   sh shell_client.sh SERVERS SOURCE REFERENCE OUTPUT [OPTION...]
#   sh shell_client.sh render7:50051,render8:50051 plate.####.exr 1001=relit.1001.exr relit.####.exr --token-file token
#
# Exit codes are those of the command: 0 done, 2 it cannot be done as asked, 3 some frames failed. It may be run again at
# any time: frames that are up to date are not made twice.
set -eu
[ $# -ge 4 ] || { echo "usage: $0 SERVERS SOURCE REFERENCE OUTPUT [OPTION...]" >&2; exit 2; }
servers=$1 source=$2 reference=$3 output=$4
shift 4

status=$(mktemp)
trap 'rm -f "$status"' EXIT
{
    code=0
    relumix relight "$source" -r "$reference" -o "$output" --server "$servers" --progress json "$@" || code=$?
    echo "$code" > "$status"
} | while IFS= read -r event; do
    # One JSON object a line: docs/events.md. A pipeline would publish the frame here.
    case $event in
    '{"event": "frame", '*) echo "have $event" ;;
    '{"event": "error", '* | '{"event": "warning", '*) echo "$event" >&2 ;;
    esac
done
exit "$(cat "$status")"
