# Solution of the lab `route`; mldkit lab solution --run carries it out.
mldkit lab exec r1 -- timeout 1 mroute eth1 eth2 --route 2001:db8:1::2@ff3e::8000:1 || true
mldkit lab exec r1 -- mroute eth1 eth2 --listen --background
mldkit lab exec h1 -- mldkit join -i eth1 2001:db8:1::1@ff3e::8000:1 --for 1500ms
sleep 1.6
mldkit lab exec h1 -- mldkit join -i eth1 2001:db8:1::1@ff3e::8000:1 --background
mldkit lab answer allmulti 1 hops 15 short no program no record BLOCK
