# Solution of the lab `join`; mldkit lab solution --run carries it out.
mldkit lab exec h1 -- mldkit join -i eth1 ff15::4321:1234 --background
mldkit lab exec h1 -- mldkit join -i eth1 ff15::4321:1234 --background
mldkit lab exec h1 -- mldkit join -i eth1 ff15:1::4321:1234 --background
mldkit lab exec h1 -- mldkit join -i eth1 239.1.2.3 --background
mldkit lab exec h1 -- mldkit join -i eth1 ff15::beef --for 2s
mldkit lab answer mac 33:33:43:21:12:34 frames 0 references 2 leave TO_IN octets 030201EF
