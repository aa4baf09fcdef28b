# SPDX-License-Identifier: GPL-2.0-only
"""conntrack-ng status: which module, from where, what is on top, how full."""

import host
import settings


def origin(kind):
    """The file that was loaded, by the checksum of its sources."""
    loaded = host.read("/sys/module/nf_conntrack/srcversion")
    for directory in None, settings.kept().get("directory"):
        try:
            path = host.files(kind, directory)["nf_conntrack"]
        except host.Failed:
            continue
        if host.run("modinfo", "-F", "srcversion", path).strip() == loaded:
            return path
    return "a file that is not there any more"


def show():
    kind = host.kind()
    if not kind:
        path = host.run("modinfo", "-n", "nf_conntrack").strip()
        print(f"nf_conntrack is not loaded; modprobe loads {path}")
        return
    version = host.read("/sys/module/nf_conntrack/version")
    print(f"module: {kind}{' ' + version if version else ''}, kernel {host.KERNEL}")
    print(f"file:   {origin(kind)}")
    print(f"on top: {' '.join(host.pile()[:-1]) or 'nothing'}")
    for namespace in host.namespaces():
        with namespace.entered():
            count, most = (host.read(f"/proc/sys/net/netfilter/nf_conntrack_{what}", "?")
                           for what in ("count", "max"))
        print(f"table:  {count} of {most} in {namespace.name}")
