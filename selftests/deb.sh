#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# vm: alone
# ends with any module
# The packages in a running system: what modprobe loads with them and without. DKMS finds
# its build done, by tools/deb/check or by make; tools/deb/check has it really build.

. "$(dirname "$0")/lib.sh"

top=$(realpath "$(dirname "$0")/..")
version=$(<"$top/VERSION")
kver=$(uname -r)
built=$top/build/deb/dkms-$kver
[ -e "$built" ] || built=$top/build/$kver
packages=("$top"/build/conntrack-ng-{dkms,tools}_"$version"_amd64.deb)
said=/tmp/said
export DEBIAN_FRONTEND=noninteractive

command -v dkms >/dev/null || skip_all "no dkms"
[ -e "${packages[0]}" ] || skip_all "no packages: make deb"
[ -e "$built/nf_conntrack.ko" ] || skip_all "nothing built for $kver"

build_is_done() {
	local tree=/var/lib/dkms/conntrack-ng/$version
	mkdir -p "$tree/$kver/x86_64/module" &&
		ln -s "/usr/src/conntrack-ng-$version" "$tree/source" &&
		cp "$built"/nf_conntrack{,_netlink}.ko "$tree/$kver/x86_64/module"
}

dpkg_does() { # OPTION PACKAGE...
	dpkg "$@" >$said 2>&1 || { cat $said; return 1; }
}

says() { # TEXT: dpkg said it
	grep -F "$1" $said || { cat $said; return 1; }
}

all_loaded() { # by whose version is there
	modprobe nf_conntrack && modprobe nf_conntrack_netlink || return
	! ours || is_equal "$version" "$(cat /sys/module/nf_conntrack/version)"
}

check "a small tree of modules" few_modules_here
ln -s "/usr/src/linux-headers-$kver" "/lib/modules/$kver/build"
[ ! -e "/lib/modules/$kver/updates" ] || rm -r "/lib/modules/$kver/updates"
# A kernel of another name, which nobody can build for
mkdir -p /lib/modules/6.6.99-amd64/build/include
touch /lib/modules/6.6.99-amd64/modules.order
# The others of this machine are not what this is about.
for dir in /lib/modules/*; do
	case $dir in */"$kver" | */6.6.99-amd64) ;; *) rm -f "$dir/modules.order" ;; esac
done
check "DKMS has built" build_is_done
modprobe nf_conntrack

check "both packages install" dpkg_does -i "${packages[@]}"
check "the running kernel has the modules" says "kernel $kver has conntrack-ng's modules now"
check "another one is declined" says "kernel 6.6.99-amd64 is not supported"
check "what is loaded stays, and this is said" says "keeps its place until the next boot"
check "it is still the kernel's own" not ours
check "modprobe prefers the package's" loads_from updates/dkms
check "the kernel's own unloads" modprobe -r nf_conntrack
check "both load" all_loaded
check "they are ours" ours
check "cttop counts" eval "cttop --once -i 0.1 | grep -q ' connections of '"

check "the packages are removed" dpkg_does -r conntrack-ng-dkms conntrack-ng-tools
check "ours stays loaded" ours
check "the kernel's own is what modprobe finds" loads_from kernel/net/netfilter
check "ours unloads" modprobe -r nf_conntrack_netlink nf_conntrack
check "the kernel's own loads" all_loaded
check "it is not ours" not ours
check "the packages are purged" dpkg_does -P conntrack-ng-dkms conntrack-ng-tools
check "nothing is left" eval "! ls -d /var/lib/dkms/conntrack-ng /etc/kernel/*/conntrack-ng* \
	/usr/src/conntrack-ng* /usr/lib/conntrack-ng* /lib/modules/$kver/updates"
finish
