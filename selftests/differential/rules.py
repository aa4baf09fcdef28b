# SPDX-License-Identifier: GPL-2.0-only
"""The intended differences. Documentation/differences.md gives the reason for each.

A rule gets a difference (compare.Case) and says if it is the one it is for. What comes
later in the same scenario is not compared.
"""

from replay import NOTE_ODD_SACK, NOTE_RANDOM, NOTE_SLOW

# What is not compared at all. More of the INVALID packets of these are logged than in-tree does.
NOT_COMPARED = {"sctp": ["logged"], "dccp": ["logged"]}

SEQ_ADJUST, NAT_MASK = 1 << 6, 0x30


def tuples_equal(conn):
    """NAT made both directions of a connection the same."""
    return bytes(conn.tuple[0])[:38] == bytes(conn.tuple[1])[:38] and conn.status & NAT_MASK


def udplite_checksum(case):
    """UDP-Lite has its own protocol number in the pseudo header of the checksum."""
    return case.gen == "udplite" and "logged" in case.fields


def odd_sack(case):
    """A SACK block at an odd offset gets a right checksum."""
    return case.fields == ["came"] and case.ours.note & NOTE_ODD_SACK and \
        case.ours.conn.status & SEQ_ADJUST


def same_both_ways(case):
    """Which direction a packet belongs to if NAT made both look the same."""
    return tuples_equal(case.theirs.conn)


def gre_clash(case):
    """Two packets of one new GRE flow that overtake each other both get through."""
    return case.gen == "gre" and "stat[insert_failed]" in case.fields and \
        case.theirs.stat[3] and case.ours.second == 1


def random_port(case):
    """No difference: NAT drew a port by random numbers."""
    return (case.theirs.note | case.ours.note) & NOTE_RANDOM


def slow_machine(case):
    """No difference: time passed in between because the machine is busy."""
    return (case.theirs.note | case.ours.note) & NOTE_SLOW


RULES = [slow_machine, udplite_checksum, odd_sack, same_both_ways, gre_clash, random_port]


def explained(case):
    return next((rule for rule in RULES if rule(case)), None)
