# Solution of the lab `broken-1`; mldkit lab solution --run carries it out.
mldkit lab exec h1 -- sysctl -qw net.ipv6.conf.eth1.force_mld_version=0
mldkit lab exec r1 -- mldkit query -i eth1 -6 --max-response 500ms
mldkit lab answer version 1 setting force_mld_version
