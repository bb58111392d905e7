# Solution of the lab `groups`; mldkit lab solution --run carries it out.
mldkit lab exec h1 -- ip link set eth1 up
mldkit lab exec h1 -- ip address add 2001:db8:1::aa:1/64 dev eth1
mldkit lab exec h1 -- ip address add 2001:db8:2::aa:1/64 dev eth1
mldkit lab answer no-mac ff01::1 users 2 source :: unreported 0
