#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Installs the Debian packages that the project needs, and nothing that is there already.

set -eu

usage="usage: tools/setup.sh [build|demo|run|all|software|arm64|check]

  build     what it takes to compile the modules for the six kernels
  demo      what 'make demo' needs: to compile for one kernel, and a VM with that
  run       what it takes to compile for the six, and the VMs with the tests in them (default)
  all       that, and the kernels of the cloud and rt flavours for the VMs
  software  the programs of 'make software', for the VMs, not for this machine
  arm64     what 'make arm64-check' needs: a cross compiler, an emulator, and a system for it
  check     only say what 'run' would install; status 1 when that is not nothing"

top=$(realpath "$(dirname "$0")/..")
. "$top/tools/log.sh"

demo_packages=(
	gcc make kmod perl xz-utils linux-headers-6.12-amd64
	busybox-static iproute2 iptables curl socat iputils-ping traceroute procps
	python3 python3-pyftpdlib
)
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
	sip-tester linux-perf
)
# What 'make software' runs in VMs, with selftests/software/
software=(
	docker.io firewalld ufw openvswitch-switch keepalived prometheus-node-exporter miniupnpd
	wireguard-tools
)
# For arm64: on this machine; and in its VMs, beside a kernel
arm64_packages=(gcc-aarch64-linux-gnu)
arm64_guest=(
	busybox-static bash coreutils findutils diffutils grep sed gawk util-linux procps kmod
	iproute2 iputils-ping ethtool iptables nftables conntrack nfct curl ncat socat python3 python3-scapy
)
# The VMs run the kernels of these headers.
vm_headers=(linux-headers-amd64 linux-headers-6.12-amd64)
cache=$top/build/vm
guests=${XDG_CACHE_HOME:-$HOME/.cache}/conntrack-ng

die() {
	log_end
	echo "setup.sh: $*" >&2
	exit 2
}

# Nothing is installed for a tree in which nothing can be built or run then. What is in a path
# is otherwise of no account: kbuild gets another one, and the VMs are handed the tree.
check_tree() {
	local free

	[ "$top" -ef . ] && [ -r "$top/tools/vm/run" ] ||
		die "this tree cannot be read by its path, $top, so the VMs could not either."
	[ -x "$top/tools/vm/run" ] ||
		die "programs may not be run from $top: the file system is mounted noexec."
	mkdir -p "$top/build" 2>/dev/null && [ -w "$top/build" ] ||
		die "$top/build, where everything is built, cannot be written to."
	"$top/tools/plain-path" >/dev/null || exit 2
	free=$(df --output=avail -BM "$top/build" | tail -n 1 | tr -dc 0-9)
	[ "$free" -ge 200 ] || compgen -G "$top/build/*/nf_conntrack.ko" >/dev/null ||
		die "there are $free MB left for $top/build, and it takes 200 for each kernel."
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

list() { # WORD...
	printf '%s\n' "$*" | fold -s -w 90 | sed 's/^/  /; s/ $//'
}

newest_headers() { # VERSION: of those that are common to all flavours
	printf '%s\n' /usr/src/linux-headers-"$1"*-common | sort -V | tail -n 1 |
		sed 's/.*linux-headers-//; s/-common$//'
}

apt() {
	quietly ${sudo:+"$sudo"} env DEBIAN_FRONTEND=noninteractive apt-get -q \
		-o DPkg::Lock::Timeout=600 -o APT::Update::Error-Mode=any "$@"
}

# A mirror may be out of reach for a moment, or replace a package between two commands.
again() { # COMMAND...
	local pause
	for pause in 10 30 90; do
		! "$@" || return 0
		echo "That failed; once more in $pause seconds." >&2
		sleep $pause
		apt update || true
	done
	"$@"
}

# The administrator's list of sources stays as it is: a copy gets the backports added.
install_qemu() { # PACKAGE
	local dir options

	dir=$(mktemp -d)
	chmod 755 "$dir"
	# What apt has got already need not be got again.
	${sudo:+"$sudo"} cp -a /var/lib/apt/lists "$dir/lists"
	{
		cat /etc/apt/sources.list 2>/dev/null || true
		echo 'deb http://deb.debian.org/debian bookworm-backports main'
	} >"$dir/sources.list"
	options=(-o "Dir::Etc::sourcelist=$dir/sources.list"
		-o Dir::Etc::sourceparts=/etc/apt/sources.list.d -o "Dir::State::lists=$dir/lists")
	if ! apt "${options[@]}" update || ! apt "${options[@]}" install -y \
			--no-install-recommends -t bookworm-backports "$1"; then
		echo "QEMU is not to be had from bookworm-backports: installing Debian 12's own," \
			"with which the VMs have a single CPU unless KVM works."
		apt install -y --no-install-recommends "$1"
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
	(cd "$dir" && again quietly apt-get -q download qemu-system-common/bookworm && dpkg -x ./*.deb .) ||
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
	(cd "$dir" && again quietly apt-get -q download conntrackd && dpkg -x ./*.deb .) ||
		die "no package conntrackd to be had."
	mkdir -p "$cache"
	cp "$dir/usr/sbin/conntrackd" "$cache/"
	rm -rf "$dir"
}

unpack() { # DEB... ROOT
	local root=${*: -1} deb

	mkdir -p "$root"/usr/{bin,sbin,lib}
	ln -s usr/bin usr/sbin usr/lib "$root"
	for deb in "${@:1:$#-1}"; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$root"
	done
}

# Firewalls and daemons that would come up with the next boot: their packages, and those that
# they need and that are not here, are unpacked beside the tree for the VMs alone.
install_software() {
	local dir root=$cache/software

	! grep -qsFx "${software[*]}" "$root/packages" || return 0
	dir=$(mktemp -d)
	chmod 755 "$dir"
	mkdir "$dir/partial" "$dir/root"
	apt -y --no-install-recommends --download-only -o "Dir::Cache::archives=$dir" \
		-o Debug::NoLocking=1 install "${software[@]}" || die "the packages are not to be had."
	unpack "$dir"/*.deb "$dir/root"
	echo "${software[*]}" >"$dir/root/packages"
	mkdir -p "$cache"
	rm -rf "$root"
	mv "$dir/root" "$root"
	rm -rf "$dir"
}

# A system of another architecture, for VMs: nothing of it is installed here, apt sees a
# machine of its own that has nothing. Its kernel is the one whose common headers are here.
install_arm64() {
	local dir root=$guests/arm64 kver options

	kver=$(newest_headers 6.1.0-)-arm64
	arm64_guest+=("linux-image-$kver")
	! grep -qsFx "${arm64_guest[*]}" "$root/packages" || return 0
	echo "Unpacking a system for arm64 in $root."
	dir=$(mktemp -d)
	chmod 755 "$dir"
	mkdir -p "$dir"/{lists,archives}/partial
	: >"$dir/status"
	options=(-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Debug::NoLocking=1
		-o "Dir::State::lists=$dir/lists" -o "Dir::State::status=$dir/status"
		-o "Dir::Cache::archives=$dir/archives" -o Dir::Cache::pkgcache=
		-o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root)
	quietly apt-get -q "${options[@]}" update && quietly apt-get -q "${options[@]}" -y \
		--no-install-recommends --download-only install "${arm64_guest[@]}" &&
		(cd "$dir/archives" && quietly apt-get -q "${options[@]}" download "linux-headers-$kver") ||
		die "the packages for arm64 are not to be had."
	unpack "$dir"/archives/*.deb "$dir/root"
	# What the packages would set up themselves is here already, the same: who is root, which
	# of its implementations a command is.
	cp -a /etc/{passwd,group,alternatives} "$dir/root/etc"
	(cd / && find usr/bin usr/sbin -lname '/etc/alternatives/*' -print0 |
		xargs -0 cp -a --parents -t "$dir/root")
	ln -sf bash "$dir/root/usr/bin/sh"
	# The headers look there for the programs that build modules, which are to run here.
	ln -s /usr/lib/linux-kbuild-6.1 "$dir/root/usr/lib"
	depmod -b "$dir/root" "$kver"
	echo "${arm64_guest[*]}" >"$dir/root/packages"
	mkdir -p "$guests"
	rm -rf "$root"
	mv "$dir/root" "$root"
	rm -rf "$dir"
}

install_programs() {
	case $what in run | all | software) install_conntrackd ;; esac
	case $what in
	all) install_virtiofsd ;;
	software) install_software ;;
	arm64) install_arm64 ;;
	esac
}

what=${1:-run}
case $what in
demo)
	wanted=("${demo_packages[@]}" qemu-system-x86)
	vm_headers=(linux-headers-6.12-amd64)
	;;
build) wanted=("${build_packages[@]}" "${kernel_headers[@]}") ;;
run | all | check | software)
	wanted=("${build_packages[@]}" "${kernel_headers[@]}" "${run_packages[@]}"
		qemu-system-x86) ;;
arm64)
	wanted=("${build_packages[@]}" "${kernel_headers[@]}" "${run_packages[@]}"
		"${arm64_packages[@]}" qemu-system-x86 qemu-system-arm) ;;
*) echo "$usage" >&2; exit 2 ;;
esac

[ "$what" != all ] || vm_headers=("${kernel_headers[@]}")

cd "$top"
check_tree
. /etc/os-release
[ "${ID:-} ${VERSION_ID:-}" = "debian 12" ] && [ "$(dpkg --print-architecture)" = amd64 ] ||
	die "this is ${PRETTY_NAME:-no Debian}, the project needs Debian 12 on amd64."

mapfile -t missing < <(missing_of "${wanted[@]}"; [ "$what" = build ] || missing_images)
if [ "$what" = check ]; then
	[ ${#missing[@]} -gt 0 ] || { echo "All Debian packages are installed."; exit; }
	echo "Missing Debian packages:"
	list "${missing[@]}"
	exit 1
fi
log_to build/setup.log
if [ ${#missing[@]} -eq 0 ]; then
	install_programs
	echo "All Debian packages that this takes are installed."
	exit 0
fi

sudo=
if [ "$(id -u)" -ne 0 ]; then
	sudo=$(command -v sudo) || die "to install packages this has to run as root, or with sudo:" \
		"${missing[*]}"
fi
echo "Installing ${#missing[@]} Debian packages and what they need (log: $log):"
list "${missing[@]}"
# A password is asked for here, where it is seen that it is.
[ -z "$sudo" ] || "$sudo" true || die "sudo does not let this install packages."
again apt update || echo "apt-get update failed; going on with the lists that are there."
mapfile -t plain < <(missing_of "${wanted[@]}" | grep -v '^qemu-system-')
if [ "$what" = build ]; then
	vm_headers=()
fi
# The metapackages are named again, so as to get the newest with the kernels to match.
again apt install -y --no-install-recommends "${plain[@]}" "${vm_headers[@]}" ||
	die "apt-get could not install the packages above. The 6.12 kernels are in" \
		"bookworm-security, which has to be among the sources of apt."
if [ "$what" != build ]; then
	mapfile -t images < <(missing_images)
	if [ ${#images[@]} -gt 0 ]; then
		again apt install -y --no-install-recommends "${images[@]}" ||
			die "apt-get could not install ${images[*]}."
	fi
	for package in $(missing_of "${wanted[@]}" | grep '^qemu-system-'); do
		install_qemu "$package"
	done
	install_programs
fi
echo "Installed."
