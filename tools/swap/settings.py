# SPDX-License-Identifier: GPL-2.0-only
"""Sysctls of each namespace and parameters of modules."""

import glob
import json
import os
import stat

import host

SYSCTLS = "/proc/sys/net/netfilter/nf_conntrack_"
# Computed, or no setting of a namespace's; the size of the table is a module's parameter.
NO_SETTINGS = {"count", "buckets"}
KEPT = host.STATE / "kept.json"


def sysctls():
    """Those of the namespace that this is called in: {name: value}."""
    found = {}
    for path in glob.glob(SYSCTLS + "*"):
        name = path.removeprefix(SYSCTLS)
        if name not in NO_SETTINGS and stat.S_IMODE(os.stat(path).st_mode) & 0o200:
            found[name] = host.read(path)
    return found


def set_sysctls(wanted):
    """Returns what is not as wanted then; what the module has not got is not looked at."""
    wrong = []
    now = sysctls()
    for name, value in wanted.items():
        if name in now and now[name] != value:
            try:
                with open(SYSCTLS + name, "w", encoding="ascii") as file:
                    file.write(value)
            except OSError as e:
                wrong.append(f"{name}: {e.strerror}")
    return wrong


def differing(wanted):
    now = sysctls()
    return [name for name, value in wanted.items() if name in now and now[name] != value]


def parameters(module):
    """As arguments for its loading."""
    found = []
    for path in sorted(glob.glob(f"/sys/module/{module}/parameters/*")):
        value = host.read(path)
        if value and value != "(null)" and " " not in value:
            found.append(f"{os.path.basename(path)}={value}")
    return found


def configured(module):
    """What modprobe would be told by /etc/modprobe.d: insmod is not."""
    last = host.run("modprobe", "--show-depends", "--ignore-install", module).splitlines()[-1]
    return last.split()[2:]


def kept():
    """What only one of the kinds has, from when it was loaded last since the boot."""
    try:
        return json.loads(host.read(KEPT, "{}"))
    except ValueError:
        return {}


def keep(kind, of_namespaces, of_module, directory):
    """Of a kind that goes, for when it comes back, and where the other one is loaded from."""
    everything = kept()
    everything[kind] = {"sysctls": of_namespaces, "parameters": of_module}
    everything["directory"] = directory
    KEPT.write_text(json.dumps(everything, indent=1), encoding="utf-8")
