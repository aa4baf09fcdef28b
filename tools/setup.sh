#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Installs the Debian packages that the project needs, and nothing that is there already.

set -eu

usage="usage: tools/setup.sh [build|run|all|check]

  build  what it takes to compile the modules for the six kernels
  run    that, and the VMs with the tests in them (default)
  all    that, and the kernels of the cloud and rt flavours for the VMs
  check  only say what 'run' would install; status 1 when that is not nothing"

kernel_headers=(
	linux-headers-amd64 linux-headers-cloud-amd64 linux-headers-rt-amd64
	linux-headers-6.12-amd64 linux-headers-6.12-cloud-amd64 linux-headers-6.12-rt-amd64
)
build_packages=(
	gcc libc6-dev make bc bison flex libelf-dev kmod dwarves sparse perl cpio xz-utils
)
run_packages=(
	busybox-static iproute2 iptables nftables ipset ipvsadm conntrack nfct curl ncat socat
	libnetfilter-queue1 libnetfilter-cthelper0
	libmnl-dev libnetfilter-conntrack-dev libnetfilter-queue-dev libncurses-dev pkg-config
	iputils-ping traceroute tcpdump ethtool procps python3 python3-scapy python3-pyftpdlib
)
# The VMs run the kernels of these headers.
vm_headers=(linux-headers-amd64 linux-headers-6.12-amd64)
cache=$(dirname "$0")/../build/vm

die() {
	echo "setup.sh: $*" >&2
	exit 2
}

# Prints those of the packages in the arguments that are not installed.
missing_of() {
	comm -23 <(printf '%s\n' "$@" | sort) \
		<(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
			sed -n 's/^installed //p' | sort)
}

# Prints the packages of the kernels that the installed headers belong to and that are not
# there. The metapackages of image and headers may be out of step, the versions may not.
missing_images() {
	local kver

	for kver in $(dpkg-query -W -f '${Depends}\n' "${vm_headers[@]}" 2>/dev/null |
			sed -n 's/^linux-headers-\([^ ,]*\).*/\1/p'); do
		[ -e "/boot/vmlinuz-$kver" ] || echo "linux-image-$kver"
	done
}

apt() {
	${sudo:+"$sudo"} env DEBIAN_FRONTEND=noninteractive apt-get -q "$@"
}

# The administrator's list of sources stays as it is: a copy gets the backports added.
install_qemu() {
	local dir options

	dir=$(mktemp -d)
	chmod 755 "$dir"
	mkdir -m 755 "$dir/lists"
	{
		cat /etc/apt/sources.list 2>/dev/null || true
		echo 'deb http://deb.debian.org/debian bookworm-backports main'
	} >"$dir/sources.list"
	options=(-o "Dir::Etc::sourcelist=$dir/sources.list"
		-o Dir::Etc::sourceparts=/etc/apt/sources.list.d -o "Dir::State::lists=$dir/lists")
	if ! apt "${options[@]}" update || ! apt "${options[@]}" install -y \
			--no-install-recommends -t bookworm-backports qemu-system-x86; then
		echo "QEMU is not to be had from bookworm-backports: installing Debian 12's own," \
			"with which the VMs have a single CPU unless KVM works."
		apt install -y --no-install-recommends qemu-system-x86
	fi
	${sudo:+"$sudo"} rm -rf "$dir"
}

# The cloud kernels have no 9p. The virtiofsd of Debian 12 is a part of its QEMU 7.2: take
# the program alone when QEMU is newer.
install_virtiofsd() {
	local dir

	[ ! -e /usr/lib/qemu/virtiofsd ] && [ ! -e "$cache/virtiofsd" ] || return 0
	echo "Taking virtiofsd from Debian 12's own qemu-system-common."
	dir=$(mktemp -d)
	(cd "$dir" && apt-get -q download qemu-system-common/bookworm && dpkg -x ./*.deb .) ||
		die "no qemu-system-common with virtiofsd to be had."
	mkdir -p "$cache"
	cp "$dir/usr/lib/qemu/virtiofsd" "$cache/"
	rm -rf "$dir"
}

# Its package would start the daemon on this machine: take the program alone.
install_conntrackd() {
	local dir

	! command -v conntrackd >/dev/null && [ ! -e "$cache/conntrackd" ] || return 0
	echo "Taking the program conntrackd from its package."
	dir=$(mktemp -d)
	(cd "$dir" && apt-get -q download conntrackd && dpkg -x ./*.deb .) ||
		die "no package conntrackd to be had."
	mkdir -p "$cache"
	cp "$dir/usr/sbin/conntrackd" "$cache/"
	rm -rf "$dir"
}

what=${1:-run}
case $what in
build) wanted=("${build_packages[@]}" "${kernel_headers[@]}") ;;
run | all | check)
	wanted=("${build_packages[@]}" "${kernel_headers[@]}" "${run_packages[@]}"
		qemu-system-x86) ;;
*) echo "$usage" >&2; exit 2 ;;
esac

[ "$what" != all ] || vm_headers=("${kernel_headers[@]}")

. /etc/os-release
[ "${ID:-} ${VERSION_ID:-}" = "debian 12" ] && [ "$(dpkg --print-architecture)" = amd64 ] ||
	die "this is ${PRETTY_NAME:-no Debian}, the project needs Debian 12 on amd64."

mapfile -t missing < <(missing_of "${wanted[@]}"; [ "$what" = build ] || missing_images)
if [ ${#missing[@]} -eq 0 ]; then
	case $what in run | all) install_conntrackd ;; esac
	[ "$what" != all ] || install_virtiofsd
	echo "setup.sh: all packages are installed."
	exit 0
fi
printf 'Missing Debian packages:\n'
printf '  %s\n' "${missing[@]}"
case " ${missing[*]}" in *" linux-headers-6.12-"*)
	echo "Debian's 6.12 headers bring the 6.12 kernels with them." ;;
esac
[ "$what" != check ] || exit 1

sudo=
if [ "$(id -u)" -ne 0 ]; then
	sudo=$(command -v sudo) || die "to install packages this has to run as root, or with sudo."
fi
echo "They will be installed now."
apt update || echo "apt-get update failed; going on with the lists that are there."
mapfile -t plain < <(missing_of "${wanted[@]}" | grep -vx qemu-system-x86)
if [ "$what" = build ]; then
	vm_headers=()
fi
# The metapackages are named again, so as to get the newest with the kernels to match.
apt install -y --no-install-recommends "${plain[@]}" "${vm_headers[@]}" ||
	die "apt-get could not install the packages above. The 6.12 kernels are in" \
		"bookworm-security, which has to be among the sources of apt."
[ "$what" != build ] || exit 0
mapfile -t images < <(missing_images)
if [ ${#images[@]} -gt 0 ]; then
	apt install -y --no-install-recommends "${images[@]}"
fi
[ -z "$(missing_of qemu-system-x86)" ] || install_qemu
install_conntrackd
[ "$what" != all ] || install_virtiofsd
