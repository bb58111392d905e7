# Solution of the lab `query`; mldkit lab solution --run carries it out.
mldkit lab exec r1 -- mldkit query -i eth1 --max-response 500ms
mldkit lab exec r1 -- mldkit query -i eth1 --max-response 500ms ff15::4321:1234
mldkit lab exec r1 -- mldkit query -i eth1 --max-response 500ms 2001:db8::1@ff3e::8000:1
mldkit lab exec r1 -- mldkit query -i eth1 --max-response 500ms 2001:db8::7@ff3e::8000:1
mldkit lab answer members 2 secret ff15::5:ec7 source 2001:db8::1 code 0x8388
