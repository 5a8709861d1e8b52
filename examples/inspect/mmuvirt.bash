# SPDX-License-Identifier: BSD-2-Clause
# Completion for bash. The options are what --help prints, so that no second list has to be kept.

_mmuvirt_options() {
	mmuvirt "$1" --help 2>/dev/null | sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p'
	echo --help
}

# The words of an option, if they are a list: "auto|always|never".
_mmuvirt_words() {
	mmuvirt "$1" --help 2>/dev/null | sed -n "s/^  $2 \([a-z0-9]*|[a-z0-9|]*\).*/\1/p" | tr '|' ' '
}

_mmuvirt() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words=
	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		words='explain walk tree lint diff decode --help --version'
	elif [[ $word == -* ]]; then
		words=$(_mmuvirt_options "$command")
	elif [[ $before == --* ]]; then
		words=$(_mmuvirt_words "$command" "$before")
	elif [[ $command == decode ]]; then
		words='entry ept npt eptp cr0 cr3 cr4 efer pf npf ept-violation'
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -o default -F _mmuvirt mmuvirt
