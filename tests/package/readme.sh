#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# readme.sh SOURCE: the first block of C in README.md compiles as it stands, with no warning.
set -euo pipefail

source=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

awk 'index($0, fence) == 1 { if (inside) exit; inside = $0 == fence "c"; next } inside' \
	fence="\`\`\`" "$source/README.md" >"$dir/block"
[[ -s $dir/block ]] || { echo "README.md has no block of C" && exit 1; }

# What the block takes for granted: the reader's own memory, registers and fault.
{
	grep '^#include' "$dir/block" || true
	cat <<-'END'
		extern uint64_t ram_size;
		extern void *ram_base;
		extern struct mmv_x86_cpu cpu;
		extern struct mmv_x86_regs regs;
		extern uint64_t cr3;
		extern mmv_gva_t gva;
		extern uint32_t pkru;
		void inject_page_fault(uint32_t code, mmv_gva_t cr2);
		void readme(void);
		void readme(void)
		{
		#line 1 "README.md's block"
	END
	sed 's/^#include.*//' "$dir/block"
	echo "}"
} >"$dir/readme.c"
gcc -std=c11 -Wall -Wextra -Werror -O2 -I"$source/include" -c "$dir/readme.c" -o "$dir/readme.o"
