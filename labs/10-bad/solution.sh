# Solution of the lab `bad`; mldkit lab solution --run carries it out.
ask() { mldkit lab exec r1 -- mldkit -q query -i eth1 --max-response 200ms "$@"; }
ask
ask -6 --hop-limit 2
ask -6 --no-router-alert
ask -6 --source 2001:db8::1
ask -6 --bad-checksum
ask -6 --destination fe80::ff:fe00:2 --link-destination 02:00:00:00:00:02
ask -4 --hop-limit 2
ask -4 --no-router-alert
ask -4 --source 192.0.2.1
ask -4 --bad-checksum
ask
mldkit lab answer hop no alert no source no checksum no unicast yes
mldkit lab answer ttl yes alert4 yes source4 yes checksum4 no counted yes rule V-03
