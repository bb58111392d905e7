# Solution of the lab `broken-3`; mldkit lab solution --run carries it out.
mldkit lab exec h1 -- ip route add 10.20.0.0/24 via 10.9.0.1 dev eth1
mldkit lab answer source 10.20.0.5 counter TcpExtIPReversePathFilter back eth2
