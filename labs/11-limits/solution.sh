# Solution of the lab `limits`; mldkit lab solution --run carries it out.
mldkit lab exec h1 -- greedy eth1 239.1.2.1+30
mldkit lab exec h1 -- mldkit -v join -i eth1 239.1.2.1+30 --for 100ms
mldkit lab exec h1 -- sysctl -qw net.ipv4.igmp_max_memberships=100
mldkit lab exec h1 -- greedy eth1 239.1.2.1+30 --background
mldkit lab exec h1 -- greedy eth1 232.1.1.1 --sources 12
mldkit lab exec h1 -- sysctl -qw net.core.optmem_max=300000
mldkit lab exec h1 -- greedy eth1 ff15::1:0+3000 --background
mldkit lab exec r1 -- mldkit query -i eth1 -6 --max-response 500ms >/dev/null
mldkit lab answer error ENOBUFS sockets 2 sources 10 memory ENOMEM records 72
