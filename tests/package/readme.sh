#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# readme.sh SOURCE: each block of C in README.md compiles as it stands, with no warning.
set -euo pipefail

source=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

awk 'index($0, fence) == 1 { inside = $0 == fence "c"; blocks += inside; next }
	inside { print > (dir "/block" blocks) }' fence="\`\`\`" dir="$dir" "$source/README.md"
[[ -s $dir/block2 ]] || { echo "README.md has fewer than two blocks of C" && exit 1; }

# What a block takes for granted: the reader's own memory, registers, fault and processors.
wrap() {
	grep '^#include' "$1" || true
	cat <<-'END'
		struct mmv_tlb_op;
		extern uint64_t ram_size, ram_hpa, tables_hpa;
		extern void *ram_base, *tables;
		extern struct mmv_x86_cpu cpu;
		extern struct mmv_x86_regs regs;
		extern uint64_t cr3, cap;
		extern mmv_gva_t gva;
		extern uint32_t pkru;
		void inject_page_fault(uint32_t code, mmv_gva_t cr2);
		void vmcs_write_eptp(uint64_t eptp);
		void do_on_all_processors(const struct mmv_tlb_op *op);
		void readme(void);
		void readme(void)
		{
		#line 1 "README.md's block"
	END
	sed 's/^#include.*//' "$1"
	echo "}"
}

for block in "$dir"/block*; do
	wrap "$block" >"$dir/readme.c"
	gcc -std=c11 -Wall -Wextra -Werror -O2 -I"$source/include" -c "$dir/readme.c" -o "$dir/readme.o"
done
