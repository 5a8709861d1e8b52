#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# consume.sh shared|static|subproject SOURCE VERSION: builds and runs consumer.c against the library.
set -euo pipefail

way=$1 source=$2 version=$3
here=$source/tests/package
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Into a prefix of its own, with nothing but the library built.
install_library() {
	meson setup "$dir/build" "$source" --prefix "$dir/prefix" --libdir lib --buildtype release \
		-Dtests=false -Dexamples=false -Dbench=false
	meson install -C "$dir/build"
	export PKG_CONFIG_PATH=$dir/prefix/lib/pkgconfig
	[[ $(pkg-config --modversion libmmuvirt) == "$version" ]]
	compare_headers
}

compare_headers() {
	diff -r --exclude meson.build "$source/include/mmuvirt" "$dir/prefix/include/mmuvirt"
}

# The libraries that the program asks the loader for.
needed() {
	readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}

consume_shared() {
	install_library
	# shellcheck disable=SC2046 # flags are words
	cc -std=c11 -Wall -Wextra -Werror "$here/consumer.c" $(pkg-config --cflags --libs libmmuvirt) -o "$dir/consumer"
	needed "$dir/consumer" | grep -qx libmmuvirt.so.0
	LD_LIBRARY_PATH=$dir/prefix/lib "$dir/consumer"
}

consume_static() {
	install_library
	# shellcheck disable=SC2046
	cc -static -std=c11 -Wall -Wextra -Werror "$here/consumer.c" \
		$(pkg-config --static --cflags --libs libmmuvirt) -o "$dir/consumer"
	[[ -z $(needed "$dir/consumer") ]]
	"$dir/consumer"
}

# Only what the library's own build needs is copied, so that it may need no more.
consume_subproject() {
	mkdir -p "$dir/project/subprojects/libmmuvirt"
	cp "$here/consumer.c" "$dir/project"
	cp "$here/consumer.meson" "$dir/project/meson.build"
	cp -r "$source"/{meson.build,meson_options.txt,include,lib} "$dir/project/subprojects/libmmuvirt"
	meson setup "$dir/build" "$dir/project" --wrap-mode forcefallback
	ninja -C "$dir/build"
	"$dir/build/consumer"
	[[ ! -e $dir/build/subprojects/libmmuvirt/tests ]]
}

"consume_$way"
