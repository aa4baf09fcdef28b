# SPDX-License-Identifier: GPL-2.0-only
"""The rules of a namespace: iptables (legacy), tables of iptables-nft, and nft's own."""

import difflib
import re

import host

HOLD = "conntrack_ng_hold"
FAMILIES = ("ip", "ip6", "inet")  # others know nothing of connections
XTABLES = {"ip": "iptables", "ip6": "ip6tables"}
XTABLES_TABLES = ("raw", "mangle", "nat", "filter", "security")
PATIENCE = "5"  # seconds for the lock of iptables
HOLD_RULES = f"""
table inet {HOLD} {{
	chain in {{
		type filter hook prerouting priority -500; policy drop;
		icmpv6 type {{ nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert }} accept
		iif lo meta l4proto != tcp accept
	}}
	chain out {{
		type filter hook output priority -500; policy drop;
		icmpv6 type {{ nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert }} accept
		oif lo meta l4proto != tcp accept
	}}
}}
"""


def hold():
    """Nothing gets to conntrack any more, in the namespace that this is called in."""
    host.run("nft", "-f", "-", text=HOLD_RULES)


def release():
    if HOLD in host.run("nft", "list", "tables"):
        host.run("nft", "delete", "table", "inet", HOLD)


def plain(text):
    """Rules without what counts or runs on, in a form to compare."""
    text = re.sub(rf"^table (inet {HOLD}|(arp|bridge|netdev) \S+) {{.*?^}}\n", "", text,
                  flags=re.M | re.S)
    text = re.sub(r"^#.*\n", "", text, flags=re.M)
    text = re.sub(r"\[\d+:\d+\]", "", text)
    text = re.sub(r" expires [\dhmsd]+", "", text)
    return re.sub(r"elements = {(.*?)}", lambda m: "elements = {" + ",".join(sorted(
        e.strip() for e in m[1].split(","))) + "}", text, flags=re.S)


class Rules:
    """As they are when this is made, in the namespace that it is made in."""

    def __init__(self):
        self.problems = []
        self.legacy = {family: self.save_legacy(family) for family in XTABLES}
        self.tables = self.nft_tables()
        self.texts = [self.save_table(*table) for table in self.tables]
        self.form = self.compared() if self.tables or any(self.legacy.values()) else ""

    def save_legacy(self, family):
        tables = host.read(f"/proc/net/{family}_tables_names").split()
        if not tables:
            return ""
        program = XTABLES[family] + "-legacy-save"
        if not host.have(program):
            self.problems.append(f"There are tables of {XTABLES[family]} (legacy), but there is "
                                 f"no {program} to save them.")
            return ""
        return host.run(program, "-c")

    @staticmethod
    def nft_tables():
        found = re.findall(r"^table (\S+) (\S+)$", host.run("nft", "list", "tables"), re.M)
        return [(f, name) for f, name in found if f in FAMILIES and name != HOLD]

    def save_table(self, family, name):
        """(what restores it, text)"""
        text = host.run("nft", "-a", "list", "table", family, name)
        if re.search(r"^\tflags .*\bowner\b", text, re.M):
            self.problems.append(f"The nft table {family} {name} belongs to a program that has it "
                                 "open: stop that first.")
        if saved := self.save_compat(family, name, text):
            return f"{XTABLES[family]}-nft-restore", saved
        if re.search(r"^ +\[ (match|target) name ", host.run(
                "nft", "--debug=netlink", "list", "table", family, name), re.M):
            self.problems.append(f"The nft table {family} {name} has rules of iptables in it that "
                                 "nft cannot restore, and iptables-nft does not know it.")
        return "nft", host.run("nft", "list", "table", family, name)

    @staticmethod
    def save_compat(family, name, text):
        """What iptables-nft makes of a table, if it is its own and it knows all of it."""
        if family not in XTABLES or name not in XTABLES_TABLES or \
                not host.have(f"{XTABLES[family]}-nft-save"):
            return None
        parts = {part for part, _ in re.findall(r"^\t(\w[\w ]*) (\S+) {", text, re.M)}
        chains = re.findall(r"^\tchain (\S+) {", text, re.M)
        rules = len(re.findall(r"^\t\t.* # handle \d+$", text, re.M))
        try:
            saved = host.run(f"{XTABLES[family]}-nft-save", "-c", "-t", name)
        except host.Failed:
            return None
        if parts - {"chain"} or "incompatible" in saved or \
                len(re.findall(r"^\[\d+:\d+\] -A", saved, re.M)) != rules:
            return None
        # It shows chains that are not there as well, and would make them.
        return "".join(line for line in saved.splitlines(keepends=True)
                       if line[0] != ":" or line[1:].split()[0] in chains)

    def __bool__(self):
        return bool(self.tables) or any("-A " in text for text in self.legacy.values())

    def summary(self):
        words = [f"{XTABLES[family]} (legacy): {text.count(chr(10) + '[')} rules"
                 for family, text in self.legacy.items() if text]
        return ", ".join([*words, *(f"table {f} {n}" for f, n in self.tables)]) or "no rules"

    def flush(self):
        """Removes what is there now, which may be less."""
        for family in XTABLES:
            tables = host.read(f"/proc/net/{family}_tables_names").split()
            if tables and self.legacy[family]:
                host.run(f"{XTABLES[family]}-legacy-restore", "-w", PATIENCE,
                         text="".join(f"*{table}\nCOMMIT\n" for table in tables))
        if tables := self.nft_tables():
            host.run("nft", "-f", "-", text="".join(
                f"delete table {family} {name}\n" for family, name in tables))

    def restore(self):
        for family, text in self.legacy.items():
            if text:
                host.run(f"{XTABLES[family]}-legacy-restore", "-w", PATIENCE, "-c", text=text)
        batch = ""
        for (program, text), (family, name) in zip(self.texts, self.tables):
            if program == "nft":
                batch += text
                continue
            if batch:
                host.run("nft", "-f", "-", text=batch)
            batch = ""
            host.run(program, "-c", "-T", name, text=text)
        if batch:
            host.run("nft", "-f", "-", text=batch)

    def compared(self):
        """All of them as they are now, to compare."""
        texts = [host.run("nft", "-s", "list", "ruleset")]
        # in the order of their names: that of the kernel is the one they were made in
        texts += [section for family, text in self.legacy.items() if text for section in
                  sorted(re.findall(r"^\*.*?^COMMIT$", host.run(f"{XTABLES[family]}-legacy-save"),
                                    re.M | re.S))]
        texts += [host.run(program.replace("restore", "save"), "-t", name)
                  for (program, _), (_, name) in zip(self.texts, self.tables) if program != "nft"]
        return plain("\n".join(texts))

    def differences(self):
        """The first lines of them, if there are any."""
        return list(difflib.unified_diff(self.form.splitlines(), self.compared().splitlines(),
                                         "before", "now", "", "", 0, ""))[:20]
