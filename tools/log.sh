# SPDX-License-Identifier: GPL-2.0-only
# For scripts that say what they do, and leave what other programs say about it to a file.
# shellcheck shell=bash
#
#   . "$(dirname "$0")/log.sh"
#   log_to build/setup.log
#   quietly apt-get update || log_end
#
# On a terminal the last line of the file is shown as long as the program runs.

log=

log_to() { # FILE
	log=$1
	mkdir -p "$(dirname "$log")"
	: >"$log"
}

log_ticker() {
	while sleep 1 && kill -0 $$ 2>/dev/null; do
		printf '\r\e[K  %.70s' "$(tail -n 1 "$log" | tr -cd '[:print:]')"
	done
}

quietly() { # COMMAND...
	local status=0 ticker=
	if [ -t 1 ]; then
		log_ticker &
		ticker=$!
	fi
	"$@" >>"$log" 2>&1 || status=$?
	if [ "$ticker" ]; then
		kill "$ticker"
		wait "$ticker" 2>/dev/null || true
		printf '\r\e[K'
	fi
	return $status
}

log_end() { # what led to a failure
	[ ! -s "$log" ] || {
		echo "The end of $log:"
		tail -n 25 "$log" | sed 's/^/  | /'
	} >&2
}
