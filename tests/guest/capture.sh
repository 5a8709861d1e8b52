#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# capture.sh [GUEST...]: boots real kernels of Debian 12 under QEMU and makes tests/guest/data anew.
# Needs apt-get, gcc, cpio, xz and qemu-system-x86_64; 12 GiB of disk and 6 GiB of memory; about four minutes.
set -euo pipefail
cd "$(dirname "$0")"
here=$PWD
work=${MMUVIRT_GUEST_WORK:-$(mktemp -d)}
[[ -n ${MMUVIRT_GUEST_WORK-} ]] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"

# package ARCHITECTURE NAME: unpacks the newest kernel that NAME depends on; prints where. Knows other architectures
# than the machine's from lists of its own, so that the machine's stay as they are.
package() {
	local state=$work/apt-$1 tree=$work/$1 name apt
	apt=(-q -o APT::Architecture="$1" -o APT::Architectures="$1" -o APT::Sandbox::User=root
		-o Dir::State="$state" -o Dir::State::status="$state/status" -o Dir::Cache="$state")
	mkdir -p "$state/lists/partial" "$state/archives/partial" "$tree"
	: >"$state/status"
	# A list that fails is said; the others have a kernel, too.
	apt-get "${apt[@]}" update >&2 || echo "some package lists are missing" >&2
	name=$(apt-cache "${apt[@]}" depends --important "$2" | sed -n 's/.*Depends: //p' | head -n 1)
	(cd "$tree" && apt-get "${apt[@]}" download "${name%:*}" >&2 && dpkg-deb -x ./*.deb . && rm ./*.deb)
	echo "$tree"
}

# initramfs TREE BITS: one process, and the modules that it loads, in their order.
initramfs() {
	local root=$work/root$2 number=0 module
	rm -rf "$root" && mkdir -p "$root/modules"
	gcc "-m$2" -std=gnu11 -O1 -ffreestanding -fno-pic -no-pie -fno-stack-protector -fno-asynchronous-unwind-tables \
		-fcf-protection=none -mgeneral-regs-only -static -nostdlib -Wl,-z,noexecstack -Wl,--build-id=none \
		-o "$root/init" guest.c
	# Some kernels have the first built in.
	for module in "$1"/lib/modules/*/kernel/{crypto/crc32c_generic,lib/libcrc32c,fs/xfs/xfs}.ko; do
		[[ -e $module ]] || continue
		cp "$module" "$root/modules/$number.ko"
		number=$((number + 1))
	done
	(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc --quiet --reproducible -R 0:0) >"$work/initrd$2"
}

# capture GUEST ARCHITECTURE PACKAGE BITS APPEND ABSENT... -- QEMU...
capture() {
	local name=$1 architecture=$2 bits=$4 append=$5 tree=$work/$2 absent=() out=$work/$1
	if [[ ! -d $tree ]]; then
		tree=$(package "$architecture" "$3")
	fi
	shift 5
	while [[ $1 != -- ]]; do
		absent+=("--absent=$1")
		shift
	done
	initramfs "$tree" "$bits"
	rm -rf "$out"
	python3 capture.py --name "$name" --kernel "$(echo "$tree"/boot/vmlinuz-*)" --initrd "$work/initrd$bits" \
		--append="$append" "${absent[@]}" --out "$out" "$@"
	python3 shrink.py "$out/$name.dump" "$out/$name.core"
	rm "$out/$name.dump"
	mkdir -p data
	tar -C "$work" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=a=rX,u+w -c "$name" |
		xz -9e >"$here/data/$name.tar.xz"
	ls -l "$here/data/$name.tar.xz"
}

for guest in "${@:-linux64 linux57 linux32}"; do
	for name in $guest; do
		case $name in
		linux64)
			capture linux64 amd64 linux-image-cloud-amd64 64 "hugepagesz=1G hugepages=1" \
				-- qemu-system-x86_64 -accel tcg -cpu max,la57=off -m 5G
			;;
		linux57)
			capture linux57 amd64 linux-image-cloud-amd64 64 "hugepagesz=1G hugepages=1" \
				-- qemu-system-x86_64 -accel tcg -cpu max,la57=on -m 5G
			;;
		linux32)
			capture linux32 i386 linux-image-686-pae 32 "" \
				"1G=PAE paging has no pages of 1G" "non-canonical=32-bit addresses are all canonical" \
				-- qemu-system-x86_64 -accel tcg -cpu max -m 2G
			;;
		*) echo "guests: linux64 linux57 linux32" >&2 && exit 2 ;;
		esac
	done
done
