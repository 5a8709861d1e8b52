#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# check.sh RECORD REPLAY: records, replays, and replays what was damaged; the answers are written here.
set -euo pipefail

record=$1 replay=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# says CODE PATTERN: what replay ends with and prints about the file.
says() {
	local code=0 text
	text=$("$replay" "$dir/log") || code=$?
	[[ $code == "$1" && $text =~ ^"$dir/log: "$2$ ]] || { echo "$code: $text; expected $1: $2" && exit 1; }
}

"$record" "$dir/log" >"$dir/dump"
diff - "$dir/dump" <<'END'
0000000000000000-00000000001fffff  2M  rwxu-  WB -> 0000000040000000 host-writable mmu-writable
0000000000200000-0000000000344fff  4K  rwxu-  WB -> 0000000040200000 host-writable mmu-writable
0000000000345000-0000000000345fff  note 1 generation 7 ----- gpa 0000000000345000
0000000000346000-00000000003fffff  4K  rwxu-  WB -> 0000000040346000 host-writable mmu-writable
0000000000400000-0000000000ffffff  2M  rwxu-  WB -> 0000000040400000 host-writable mmu-writable
END

says 0 '6 operations, the same state: [0-9a-f]{16}'
cp "$dir/log" "$dir/good"
printf '\377' | dd of="$dir/log" bs=1 seek=264 conv=notrunc status=none
says 2 'damaged: the checksum does not fit'
head -c 500 "$dir/good" >"$dir/log"
says 2 'cut off: 500 bytes, no end; its head says 10 blocks'
head -c 100 "$dir/good" >"$dir/log"
says 2 'cut off: 100 bytes'
echo hello >"$dir/log"
says 2 'no log of operations'
: >"$dir/log"
says 2 'no log of operations'
rm "$dir/log"
code=0
"$replay" "$dir/log" 2>"$dir/error" || code=$?
[[ $code == 2 ]] && grep -q 'No such file' "$dir/error"
