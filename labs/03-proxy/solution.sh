# Solution of the lab `proxy`; mldkit lab solution --run carries it out.
mldkit lab exec r1 -- ip -6 neighbour add proxy 2001:db8::4f:34bc dev eth1
mldkit lab exec r1 -- sysctl -qw net.ipv6.conf.eth1.forwarding=1
mldkit lab exec r1 -- ip address add 2001:db8:1::1/64 dev eth1
mldkit lab answer group ff02::1:ff4f:34bc references 2 site ff05::2 users 2
