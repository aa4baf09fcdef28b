# SPDX-License-Identifier: GPL-2.0-only
"""The intended differences. Documentation/differences.md gives the reason for each.

A rule gets a difference (compare.Case) and says if it is the one it is for. What comes
later in the same scenario is not compared.
"""

import os
from socket import IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_TCP

from replay import (ACTIONS, NAT, NOTE_BAD_QUOTE, NOTE_ODD_SACK, NOTE_RANDOM, NOTE_SHORT_GRE,
                    NOTE_SLOW, PATHS, STATS)

SEQ_ADJUST, DYING, NAT_CLASH, NAT_MASK = 1 << 6, 1 << 9, 1 << 12, 0x30
DESTROY, EXT_SEQADJ = 1 << 2, 1 << 2
OLD = os.uname().release.startswith("6.1.")


def stat(record, name):
    return record.stat[STATS.index(name)]


def is_packet(record):
    return ACTIONS[record.action] in ("packet", "again")


def logs_more(gen, theirs, ours):
    """An INVALID packet of these protocols is logged, which is not compared then."""
    return gen in ("sctp", "dccp") and ours.logged > theirs.logged and stat(ours, "invalid")


def tuples_equal(conn):
    """NAT made both directions of a connection the same."""
    return bytes(conn.tuple[0])[:38] == bytes(conn.tuple[1])[:38] and conn.tuple[0].l3num


def udplite_checksum(case):
    """UDP-Lite has its own protocol number in the pseudo header of the checksum."""
    return case.gen == "udplite" and is_packet(case.theirs) and \
        PATHS[case.theirs.path] != "output" and \
        stat(case.theirs, "invalid") + stat(case.ours, "invalid") == 1 and \
        case.theirs.logged + case.ours.logged == 1


def odd_sack(case):
    """A SACK block at an odd offset gets a right checksum."""
    return case.fields == ["came"] and case.ours.note & NOTE_ODD_SACK and \
        case.ours.conn.status & SEQ_ADJUST


def same_both_ways(case):
    """Which direction a packet belongs to if NAT made both look the same, or to which of them
    NAT takes another connection's tuple to belong."""
    return case.scenario.flags & NAT and any(
        tuples_equal(conn) for conn in (case.theirs.conn, case.ours.conn,
                                        *(past.conn for past in case.past())))


def clash(case):
    """Two first packets of a flow that overtake or meet each other both get through. (What is to
    be an ICMP error about some protocol's packet may be a query.)"""
    return (case.ours.conn.tuple[0].l4num in (IPPROTO_TCP, IPPROTO_ICMP, IPPROTO_ICMPV6) or OLD) and \
        stat(case.theirs, "insert_failed") == 1 and case.theirs.second < 0 and \
        stat(case.ours, "clash_resolve") == 1 and case.ours.second == 1


def bad_quote(case):
    """An ICMP error is about no connection if it quotes an IP header that can't be."""
    return case.ours.note & NOTE_BAD_QUOTE and stat(case.ours, "error") == 1


def waited(case):
    """Time has passed, and connections that expired by that were left where they are."""
    return any(ACTIONS[rec.action] == "wait" and not rec.result
               for rec in (*case.past(), case.theirs))


def expired_winner(case):
    """A connection that has expired, though it is still there, is not in anybody's way."""
    theirs, ours = case.theirs, case.ours
    if not waited(case) or ours.second != 1 or stat(ours, "insert_failed") or \
            stat(ours, "clash_resolve"):
        return False
    # beside it, in-tree, for answers only
    if stat(theirs, "clash_resolve") and theirs.conn.status & NAT_CLASH:
        return ours.count - theirs.count in (-1, 0)
    return ours.count - theirs.count in (0, 1) and (
        stat(theirs, "insert_failed") or
        (stat(theirs, "clash_resolve") and theirs.conn.timeout <= 0))


EXPIRY = {"count", "n_events", "expected", "stat[expect_delete]"}


def besides_expiry(case):
    """The fields that differ, without those that tell when exactly connections that have expired
    were removed, with all that they expected."""
    kept = [[(event.mask, event.who) for event in rec.event if event.mask & ~DESTROY]
            for rec in (case.theirs, case.ours)]
    if not waited(case) or kept[0] != kept[1]:
        return set(case.fields)
    theirs, ours = case.theirs.conn, case.ours.conn
    removed = {"conn.status"} if theirs.status ^ ours.status == DYING and ours.timeout <= 0 else ()
    return {name for name in case.fields
            if name not in EXPIRY.union(removed) and name.partition("[")[0] != "event"}


def expired_later(case):
    """No difference: when exactly connections that have expired are removed. NAT and look-ups
    remove those that they come across."""
    return not besides_expiry(case)


def dropped_before(case):
    """A packet went no further than its rules, and its connection not into the table."""
    return any(is_packet(past) and past.first == 1 and past.second != 1 for past in case.past())


DRAWN = {"came", "sent", "digest", "conn.tuple[1].sport", "conn.tuple[1].dport", "stat[found]",
         "conn.status", "conn.ext", "conn.seqadj", "ip_summed"}


def only_ports(case, *more):
    """Ports differ, and what follows from one that NAT has changed."""
    theirs, ours = case.theirs.conn, case.ours.conn
    return besides_expiry(case) <= DRAWN.union(more) and \
        not (ours.status ^ theirs.status) & ~(NAT_MASK | SEQ_ADJUST) and \
        not (ours.ext ^ theirs.ext) & ~EXT_SEQADJ


def random_port(case):
    """No difference: NAT drew a port by random numbers, in both modules."""
    return case.theirs.note & case.ours.note & NOTE_RANDOM and only_ports(case)


def reserved_port(case):
    """A port that another connection has asked for just before is not given to this one,
    though it has not got it in the end. (In-tree looks at the one that has it, which goes if it
    has expired; if it was dropped on its way, nobody has it.) Sometimes that saves a packet: of
    those that have a tuple, NAT sees the connections that have it for replies only."""
    saved = stat(case.theirs, "insert_failed") == 1 and case.theirs.second < 0 and \
        case.ours.second == 1 and not stat(case.ours, "insert_failed")
    return case.ours.note & ~case.theirs.note & NOTE_RANDOM and \
        (saved or only_ports(case, "note")) and \
        (dropped_before(case) or stat(case.ours, "found") <= stat(case.theirs, "found"))


def short_gre(case):
    """No difference: what NAT can't change is dropped, in whichever hook it wants to."""
    dropped = [rec.first < 0 or rec.second < 0 for rec in (case.theirs, case.ours)]
    return case.scenario.flags & NAT and case.ours.note & NOTE_SHORT_GRE and any(dropped) and \
        case.theirs.conn.master | case.ours.conn.master and "stat[drop]" not in case.fields


def slow_machine(case):
    """No difference: time passed in between because the machine is busy."""
    return (case.theirs.note | case.ours.note) & NOTE_SLOW


RULES = [slow_machine, udplite_checksum, odd_sack, same_both_ways, clash, bad_quote,
         expired_winner, expired_later, random_port, reserved_port, short_gre]

# Rules that could hide a fault, and the packets of a protocol among which each may explain one
RARE = {"reserved_port": 2000, "expired_winner": 2000}


def too_often(totals):
    """The rare rules that explain more cases of a protocol than that, with some grace."""
    return [name for name, packets in RARE.items()
            if len(totals.explained.get(name, ())) > 10 + totals.packets / packets]


def explained(case):
    return next((rule for rule in RULES if rule(case)), None)
