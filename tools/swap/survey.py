# SPDX-License-Identifier: GPL-2.0-only
"""What there is to swap, and what stands in the way: a sentence for each."""

import os
import re

import host
import rules
import settings

# Rules, and the helpers that they name, explain references to these.
OF_RULES = re.compile(r"(xt|ipt|ip6t|nft|iptable|ip6table|nf_nat|nf_conntrack|nf_flow_table)_|"
                      r"nf_(nat|conntrack|conncount|flow_table|synproxy_core)$|nfnetlink_cttimeout$")
CONNTRACK_GROUPS = 0x3f  # NFNLGRP_CONNTRACK_* and _EXP_*
NETLINK_NETFILTER = "12"
GONE = {
    "xt_recent": "The lists of -m recent start empty.",
    "xt_hashlimit": "The buckets of -m hashlimit start full.",
    "xt_connlimit": "Connections of -m connlimit are counted again as their packets come.",
}


class Place:
    """A namespace with its rules, its settings and the number of its connections."""

    def __init__(self, namespace):
        self.namespace = namespace
        self.name = namespace.name
        with namespace.entered():
            self.rules = rules.Rules()
            self.sysctls = settings.sysctls()
            self.count = int(host.read("/proc/sys/net/netfilter/nf_conntrack_count", "0") or 0)
            self.services = max(len(host.read("/proc/net/ip_vs").splitlines()) - 3, 0)
            self.listeners = listeners()
            self.queues = len(host.read("/proc/net/netfilter/nfnetlink_queue").splitlines())
        self.file = str(host.STATE / f"table-{namespace.inode}")
        self.policies = str(host.STATE / f"policies-{namespace.inode}")

    def involved(self):
        return bool(self.count or self.rules)


def listeners():
    found = set()
    for line in host.read("/proc/net/netlink").splitlines()[1:]:
        words = line.split()
        if words[1] == NETLINK_NETFILTER and int(words[3], 16) & CONNTRACK_GROUPS:
            found.add(host.program_of(f"socket:[{words[9]}]"))
    return sorted(found)


def of_modules(modules, places):
    """Blockers among the modules on top and their users."""
    known_rules = any(place.rules for place in places)
    for name in modules:
        users = host.references(name)
        if name == "nf_conntrack" and users:
            yield (f"Something that is no module holds nf_conntrack ({users} times), a BPF program "
                   "that calls its functions for instance.")
        elif name == "openvswitch" and users:
            yield "Open vSwitch has datapaths in the kernel: stop it and delete them (ovs-dpctl del-dp)."
        elif name.startswith("act_") and users:
            yield f"tc has filters with the action of {name}: delete them."
        elif name == "nf_conntrack_bridge" and users:
            yield "Rules of a bridge track connections (nf_conntrack_bridge): delete them."
        elif name == "nfnetlink_cthelper" and (
                not host.have("nfct") or host.run("nfct", "list", "helper").strip()):
            yield "There are helpers in user space (nfct list helper): stop conntrackd and delete them."
        elif not users or name.startswith("ip_vs"):
            continue
        elif not OF_RULES.match(name):
            yield f"The module {name} is in use by something unknown ({users} references)."
        elif not known_rules:
            yield (f"The module {name} is in use, but there are no rules in any network namespace "
                   "that is to be found.")


def of_places(places):
    for place in places:
        yield from (f"{p} (in {place.name})" for p in place.rules.problems)
        if place.services:
            yield (f"IPVS has {place.services} lines of services in {place.name}, whose connections "
                   "would be lost: ipvsadm --clear.")


def way_back(kind, directory):
    """The files of the kind that is loaded now."""
    problem = None
    for place in None, settings.kept().get("directory"), directory:
        try:
            return host.files(kind, place)
        except host.Failed as e:
            problem = problem or e
    raise problem


def of_host(paths):
    if os.stat("/proc/self/ns/net").st_ino != os.stat("/proc/1/ns/net").st_ino:
        yield "This has to run in the host's own network namespace."
    if not os.path.exists("/sys/module/nf_conntrack/refcnt"):
        yield "nf_conntrack is a part of this kernel, not a module."
    if host.read("/proc/sys/kernel/modules_disabled") == "1":
        yield "The kernel loads no modules any more (kernel.modules_disabled)."
    if not host.table_program():
        yield "The program conntrack-ng-table is missing: make -C tools/swap."
    if host.read("/sys/module/module/parameters/sig_enforce") == "Y":
        for path in [p for found in paths.values() for p in found.values()]:
            if not host.about(path)["signer"]:
                yield f"The kernel loads signed modules alone, and {path} is not signed."


class Survey:
    """All of that, at one time."""

    def __init__(self, target, directory=None):
        self.target = target
        self.modules = host.pile()
        if not host.have("nft"):
            self.places, self.blockers, self.notes = [], ["The program nft is missing."], []
            return
        self.places = [Place(n) for n in host.namespaces()]
        self.paths = {}
        self.blockers = [*self.find(target, host.files, directory),
                         *self.find(host.kind(), way_back, directory), *of_host(self.paths),
                         *of_modules(self.modules, self.places), *of_places(self.places)]
        self.notes = list(self.remarks())

    def find(self, kind, how, directory):
        try:
            self.paths[kind] = how(kind, directory)
        except host.Failed as e:
            yield f"There is nothing to load: {e}."

    def remarks(self):
        for place in self.places:
            for listener in place.listeners:
                yield f"{listener} in {place.name} will be told of all connections as new."
            if place.queues:
                yield f"Packets that wait in a queue of {place.name} (NFQUEUE) are dropped."
            if place.count and place.sysctls.get("acct") == "1":
                yield f"Packets and bytes of connections in {place.name} are counted from 0."
        if any("MASQUERADE" in text or "masquerade" in text for place in self.places
               for text in [*place.rules.legacy.values(), *(t for _, t in place.rules.texts)]):
            yield "Masqueraded connections of before do not end when their device goes down."
        if "nfnetlink_cttimeout" in self.modules:
            yield "Connections of before go on with the timeouts of the sysctls, not of policies."
        for name, sentence in GONE.items():
            if host.loaded(name) and host.references(name):
                yield sentence

    def plan(self):
        unload = [m for m in self.modules if m not in host.BASE]
        yield f"Swap {host.kind()} for {self.target}:"
        for place in self.places:
            if place.involved():
                yield f"  {place.name}: {place.count} connections, {place.rules.summary()}"
        yield f"  unload and load again: {' '.join(unload) or 'no other modules'}"
        yield from (f"  note: {note}" for note in self.notes)
        yield from (f"  BLOCKED: {blocker}" for blocker in self.blockers)
