# SPDX-License-Identifier: GPL-2.0-only
# conntrack-ng: `make help` lists what there is to do.

# Kernels to build for: the running one if its headers are there, else all reference kernels
# whose headers are. Several are allowed: make KVER="6.1.0-40-amd64 6.12.9+deb12-amd64"
reference := $(patsubst /usr/src/linux-headers-%/Module.symvers,%, \
	$(wildcard /usr/src/linux-headers-6.1.0-*/Module.symvers \
		   /usr/src/linux-headers-6.12.*+deb12-*/Module.symvers))
running := $(shell uname -r)
KVER ?= $(if $(wildcard /lib/modules/$(running)/build/Makefile),$(running),$(reference))

headers = $(firstword $(wildcard /lib/modules/$(1)/build /usr/src/linux-headers-$(1)))
jobs = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
kbuild = +$(MAKE) $(jobs) -C $(call headers,$(1)) M=$(CURDIR)/$(2)

.PHONY: all modules
all: modules
modules: $(KVER:%=modules-%)

.PHONY: $(KVER:%=modules-%)
$(KVER:%=modules-%): modules-%:
	@$(if $(call headers,$*),,echo "No headers of kernel $* here: apt-get install linux-headers-$*" >&2; exit 1)
	@tools/mirror build/$*
	$(call kbuild,$*,build/$*) modules

# One object for each of the kernels, for a quick look: make src/table/hash.o W=1 C=1
src/%.o:
	@$(foreach k,$(KVER),tools/mirror build/$(k);)
	$(foreach k,$(KVER),$(MAKE) -C $(call headers,$(k)) M=$(CURDIR)/build/$(k) $@ &&) true

.PHONY: clean
clean:
	rm -rf $(KVER:%=build/%)
