# SPDX-License-Identifier: GPL-2.0-only
# conntrack-ng. The objects of each kernel lie in build/KVER/, the modules are
# build/KVER/nf_conntrack.ko and nf_conntrack_netlink.ko; Kbuild says what they are made of.

# The kernels that the project is made for, as far as their headers are installed
reference := $(patsubst /usr/src/linux-headers-%/Module.symvers,%, \
	$(wildcard /usr/src/linux-headers-6.1.0-*/Module.symvers \
		   /usr/src/linux-headers-6.12.*+deb12-*/Module.symvers))
running := $(shell uname -r)
# A tree of one's own, configured and built: make KDIR=/path/to/linux [ARCH=um]
ifdef KDIR
override KVER := $(or $(file <$(KDIR)/include/config/kernel.release),$(error $(KDIR) is not built))
endif
# The kernels of tools/debug/kernel lie here.
cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/conntrack-ng
headers = $(firstword $(wildcard $(if $(KDIR),$(KDIR)/Makefile,$(addsuffix /Makefile,\
		/lib/modules/$(1)/build /usr/src/linux-headers-$(1) \
		$(cache)/debug-*/*-root/lib/modules/$(1)/build \
		$(cache)/arm64/usr/src/linux-headers-$(1)))))

# What to build for: the running kernel if its headers are here, else the reference kernels;
# to choose others: make KVER=6.1.0-42-amd64, or several in quotes, or KVER=all
chosen := $(if $(filter all,$(KVER)),$(reference),$(KVER))
override KVER := $(or $(chosen),$(if $(call headers,$(running)),$(running),$(reference)))
# Checks want all of them, and only the running kernel is installed for unless another is chosen.
every := $(or $(chosen),$(sort $(reference) $(KVER)))
target := $(or $(chosen),$(running))

jobs = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
quiet := $(if $(V),,--no-print-directory)
# This directory, by a path that kbuild takes
tree = $(or $(shell tools/plain-path),$(error kbuild cannot build here))
kbuild = $(MAKE) $(jobs) $(quiet) -C $(dir $(call headers,$(1))) M=$(tree)/$(2) \
	$(if $(filter %-uml,$(1)),ARCH=um) \
	$(if $(filter %-arm64,$(1)),ARCH=arm64 CROSS_COMPILE=$(cross)) $(without_types)
cross := aarch64-linux-gnu-
# STRICT=1: no warning from the compiler with W=1, from sparse or from kernel-doc. All of these
# are errors, so a file with one has no object, and is complained about again the next time.
strict = $(if $(STRICT),W=1 C=1 CHECK=$(tree)/tools/check-source KCFLAGS=-Werror cmd_checkdoc=)
# Some headers would have each module fail for want of pahole; tools/btf says what is lacking then.
without_types := $(if $(shell command -v pahole),,CONFIG_DEBUG_INFO_BTF_MODULES=)
# The debugging information, a hundred times the code, stays in the .o of the same name.
drop_debug = for ko in $(1)/*.ko; do \
		if grep -q '\.debug_info' $$ko; then \
			$(if $(findstring -arm64,$(1)),$(cross))strip --strip-debug $$ko; fi; done

all: modules

help:		## this list
	@echo 'Targets, with KVER= for other kernels than $(or $(KVER),(none)):'
	@sed -n 's/^\([a-z0-9_-]*\):[^#]*##/  \1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup:		## install the Debian packages that building and testing need
	@bash tools/setup.sh run

modules: $(KVER:%=modules-%)	## build nf_conntrack.ko and nf_conntrack_netlink.ko (default)
	@$(if $(KVER),,echo 'There are no kernel headers here to build with: make setup' >&2; exit 1)

modules-%:
	@$(if $(call headers,$*),,echo 'No headers of kernel $* here:' \
		'apt-get install linux-headers-$*' >&2; exit 1)
	@tools/mirror build/$*
	@+$(call kbuild,$*,build/$*) $(strict) modules
	@$(if $(KDIR),,tools/btf $* build/$*)
	@$(call drop_debug,build/$*)

modules_install: $(target:%=modules-%)	## install them into updates/, where modprobe prefers them
	@set -e; for kver in $(target); do tools/install $$kver; done

uninstall:	## remove them again; modprobe then loads the kernel's own
	@set -e; for kver in $(target); do tools/install --remove $$kver; done

contract: $(every:%=contract-%)		## compare the CRCs of the exports with the kernel's own

contract-%: modules-%
	@tools/contract $* $(dir $(call headers,$*))Module.symvers build/$*/Module.symvers

# What make check builds for a kernel that it tests on
strict-%: STRICT := 1
strict-%: testmodules-%
	@tools/contract $* $(dir $(call headers,$*))Module.symvers build/$*/Module.symvers

# The same for a kernel whose modules are not wanted here: the objects with the exports are enough.
exports: $(every:%=exports-%)

exports-%:
	@tools/mirror build/exports/$*
	@+$(call kbuild,$*,build/exports/$*) CTNG_ONLY_EXPORTS=1 modules
	@tail -n 1 build/exports/$*/generated/contract

# The tests that run in the kernel, with the code under test in themselves
testmodules: $(KVER:%=testmodules-%) build/netlink_fuzz	## build the test modules

testmodules-%: modules-%
	@tools/mirror build/$*
	@+$(call kbuild,$*,build/$*/selftests/kmod) modules
	@$(call drop_debug,build/$*/selftests/kmod)

# What the libraries that clients use show as examples
example_docs := $(foreach l,conntrack queue,/usr/share/doc/libnetfilter-$(l)-dev/examples)
examples := $(patsubst %.c,build/examples/%,$(notdir $(wildcard $(addsuffix /*.c,$(example_docs)))))
vpath %.c $(example_docs)

examples: $(examples)	## build the example programs of libnetfilter_conntrack and _queue

build/examples/%: %.c
	@mkdir -p $(@D)
	@$(CC) -O2 -w -o $@ $< $$(pkg-config --cflags --libs libnetfilter_conntrack \
		libnetfilter_queue libmnl)

# A program for the VMs, not for this machine
build/netlink_fuzz: $(wildcard selftests/fuzz/*.[ch])
	@mkdir -p $(@D)
	$(CC) -O2 -Wall -Wextra -Wno-missing-field-initializers \
		-Wno-sign-compare -o $@ $(filter %.c,$^)

# The benchmark's module, for the kernel's own nf_conntrack as well as ours
benchmodule-%:
	@tools/mirror build/$*
	@+$(call kbuild,$*,build/$*/tools/bench/kmod) modules
	@$(call drop_debug,build/$*/tools/bench/kmod)

tools:	## build cttop and conntrack-ng's swap; make -C tools/cttop install, -C tools/swap
	@+$(MAKE) -s -C tools/cttop OUT=../../build/tools/cttop
	@+$(MAKE) -s -C tools/swap OUT=../../build/tools/swap

deb:		## build the Debian packages conntrack-ng-dkms and conntrack-ng-tools in build/
	@tools/deb/build

# The newest of a version, of the plain flavour
newest = $(shell printf '%s\n' $(filter $(1),$(filter-out %-cloud-amd64 %-rt-amd64,$(reference))) | \
	sort -V | tail -n 1)
deb_kernels = $(call newest,6.1.0-%) $(call newest,6.12.%)

deb-check:	## install, upgrade, remove and purge the packages, with real builds by DKMS
	@+$(MAKE) -s deb modules KVER="$(deb_kernels)"
	@tools/deb/check $(deb_kernels)
	@selftests/check $(deb_kernels:%=-k %) deb

check: setup	## what guards each change, in VMs; some tests: make check TESTS="test_tcp nat"
	@selftests/check $(TESTS)

# For a night: each part goes on whatever became of those before it.
check-all:	## each test on each kernel and flavour, whole builds, packages, arm64, debug kernels
	@tools/setup.sh all
	@+failed=; selftests/check --all || failed=' check'; \
	for part in deb-check arm64-check debug-check upstream software; do \
		$(MAKE) -s $$part || failed="$$failed $$part"; done; \
	[ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

bench:		## in-tree against ours: time and instructions; ACCEL=kvm for time in KVM
	@tools/bench/run $(if $(filter kvm,$(ACCEL)),kvm)

floods: setup	## what becomes of clients when a table is full or flooded: CASES="full syn udp other"
	@tools/bench/floods

differential: setup	## compare with the in-tree module at length: N=20000 PROTO="tcp sctp" SEED=1 TURNS=5
	@selftests/differential/fetch || echo 'Going on without the captures of other packages.'
	@selftests/check -v -j 1 -t 86400 $(chosen:%=-k %) -e N=$(or $(N),200000) \
		-e PROTO="$(PROTO)" -e SEED=$(SEED) -e TURNS=$(or $(TURNS),20) \
		test_differential test_captures

debug-check: setup	## in debug kernels, for hours: PART="packets soak" VERSIONS=6.12 SCALE=10
	@tools/debug/check $(PART)

upstream: setup	## the kernel's own selftests, in-tree and on ours: TESTS="ipvs.sh nft_nat.sh"
	@selftests/upstream $(chosen:%=-k %) $(TESTS)

software:	## firewalls, Docker, switches and others, in-tree and on ours: TESTS="docker ufw"
	@tools/setup.sh software
	@selftests/software/run $(chosen:%=-k %) $(TESTS)

# Another architecture: the newest 6.1, which its headers here are common to
arm64 = $(patsubst %-amd64,%-arm64,$(call newest,6.1.0-%))

arm64-check:	## build for arm64, and run some of the tests in an emulated machine of that kind
	@tools/setup.sh arm64
	@+$(MAKE) -s contract KVER="$(arm64)"
	@selftests/check -k $(arm64) -j 1 -t 3600 $(or $(TESTS),table test_tcp test_proto test_sctp \
		test_dccp iptables nat)

demo:		## a router with a stateful policy and NAT, step by step, in a VM
	@bash tools/setup.sh $(if $(DEMO_KVER),run,demo)
	@tools/demo/run $(DEMO_KVER)

shell:		## a prompt in the demo's VM
	@bash tools/setup.sh $(if $(DEMO_KVER),run,demo)
	@tools/demo/run --shell $(DEMO_KVER)

sparse: $(every:%=strict-%)	## no warning from the compiler with W=1, sparse or kernel-doc

style:		## checkpatch --strict, and no version tests
	@tools/style

clean:		## remove what was built
	rm -rf $(every:%=build/%) build/exports

# One object for each of the kernels, for a quick look: make src/table/table.o W=1 C=2
src/%.o:
	@+$(foreach k,$(KVER),tools/mirror build/$(k) && $(call kbuild,$(k),build/$(k)) $@ &&) true

.PHONY: all help setup modules modules_install uninstall contract exports testmodules tools examples deb \
	deb-check check check-all bench floods differential upstream software arm64-check \
	debug-check demo shell sparse style clean
