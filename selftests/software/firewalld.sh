#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# firewalld on the router: zones, a policy, masquerading, a forwarded port, the helper of a
# service, and a reload under a connection.
. "$(dirname "$0")/lib.sh"
software firewalld firewall-cmd dbus-daemon
/usr/bin/python3 -c 'import pyftpdlib' 2>/dev/null || skip_all "no pyftpdlib"

# By its files, as firewall-cmd takes long where the CPU is emulated
configure() {
	mkdir -p /etc/firewalld/{zones,policies}
	cat >/etc/firewalld/zones/external.xml <<-'END'
		<zone>
		  <masquerade/>
		  <interface name="r1"/>
		  <forward-port port="8080" protocol="tcp" to-port="7" to-addr="10.0.1.2"/>
		</zone>
	END
	cat >/etc/firewalld/zones/internal.xml <<-'END'
		<zone>
		  <interface name="r0"/>
		</zone>
	END
	cat >/etc/firewalld/policies/out.xml <<-'END'
		<policy target="CONTINUE">
		  <ingress-zone name="internal"/>
		  <egress-zone name="external"/>
		  <service name="ftp"/>
		  <port port="7" protocol="tcp"/>
		  <port port="8" protocol="udp"/>
		</policy>
	END
}

# Where the CPU is emulated it takes longer than D-Bus waits for the answer.
reload() {
	firewall-cmd -q --reload || wait_for 300 firewall-cmd -q --state
}

network
long_lives
ftp_server
hosts_up
hosts listen server 7 8 9
hosts listen client 7 9
hosts listen router 22
grep -q ^messagebus: /etc/passwd || echo messagebus:x:999:999::/nonexistent:/usr/sbin/nologin >>/etc/passwd
# as the package does when it is installed, for where polkit is
cp /usr/share/polkit-1/actions/org.fedoraproject.FirewallD1.{server.policy.choice,policy}
configure
mkdir -p /run/dbus
dbus-daemon --system --fork
inside router firewalld --nofork --nopid >/run/firewalld.log 2>&1 &
check "the daemon starts" wait_for 120 firewall-cmd --state || { cat /run/firewalld.log; finish; }
check "a rule" firewall-cmd -q --zone=external --add-rich-rule='rule family=ipv4 source address=10.0.2.2 port port=22 protocol=tcp reject'
shows ruleset eval 'router nft -s list ruleset | grep -cE "ct (state|status|helper)"'

check_equal "TCP by the policy, masqueraded" "10.0.2.1 5000" \
	"$(hosts connect a client 10.0.2.2 7 5000 | cut -d' ' -f1,2)"
check "its data" hosts talk a 20000
check "UDP by the policy" hosts udp u client 10.0.2.2 8 5001
check "UDP is answered" eval 'hosts ask u && hosts answer u'
check "what the policy has not is rejected" kept_out b client 10.0.2.2 9
check "the forwarded port" hosts connect c server 10.0.2.1 8080
check "its data" hosts talk c 20000
check "no other way in" kept_out d server 10.0.1.2 9
check "the rich rule rejects" kept_out e server 10.0.2.1 22
check "FTP" wait_for 30 hosts ftp f client 10.0.2.2 21
check "it has the helper" eval 'router conntrack -L -p tcp --dport 21 2>/dev/null | grep helper=ftp'
check "FTP makes ready for data" hosts ftp_prepare f passive
check "the data connection is related" hosts ftp_get f file 60000
check "FTP makes ready for active data" hosts ftp_prepare f active
check "the active one is, too" hosts ftp_get f file 60000
check "a reload" reload
check "the connections go on" eval 'hosts talk a 20000 && hosts talk c 20000 && hosts ftp_chat f 3'
shows connections connections 'dport=(7|8|21|8080) '
check "the kernel's log is clean" kernel_is_content
kill %1
finish
