# SPDX-License-Identifier: GPL-2.0-only
# For tests of programs as people install them. Beside the KTAP of ../lib.sh there are lines
# that begin with '= ', what was observed: selftests/software/run compares both between the
# in-tree module and ours.
# shellcheck shell=bash

here=$(dirname "$0")
. "$here/../lib.sh"

# Lays the programs of tools/setup.sh software over the VM's own files.
software() { # PROGRAM...: that have to be there then
	local layer
	layer=$(realpath "$here/../../build/vm/software")
	[ -d "$layer" ] || skip_all "no programs: tools/setup.sh software"
	if mkdir /run/layer 2>/dev/null; then
		mkdir /run/layer/{upper,work}
		mount -t overlay overlay /usr -o \
			"lowerdir=$layer/usr:/usr,upperdir=/run/layer/upper,workdir=/run/layer/work"
		cp -rT "$layer/etc" /etc
		cp -rT "$layer/var" /var
	fi
	needs_program "$@"
}

inside() { # NETNS COMMAND...: with the mounts of here, which ip netns exec has not
	nsenter --net=/run/netns/"$1" "${@:2}"
}

# Lines of what is the same with either module; there have to be some.
shows() { # NAME COMMAND...
	local out status=0
	out=$("${@:2}" 2>/dev/null) || status=$?
	check "there is something to show: $1" test $status = 0 -a -n "$out"
	[ -z "$out" ] || sed "s/^/= $1: /" <<<"$out"
}

# No failure but these is one of who is kept out: who listens there does not hear, or it is refused.
kept_out() { # ARGUMENT... of hosts connect
	fails_with 'timed out|ConnectionRefused|No route to host|Network is unreachable' hosts connect "$@"
}

# The router's connections without what differs from run to run
connections() { # [PATTERN]
	router conntrack -L -o extended 2>/dev/null | grep -E -- "${1-}" | sed -E '
		s/^(\S+ +[0-9]+ \S+ +[0-9]+) [0-9]+/\1/
		s/ use=[0-9]+//; s/ +$//; s/port=(3[2-9]|[4-6][0-9])[0-9]{3}/port=any/g' | sort
}
