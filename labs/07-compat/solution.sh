# Solution of the lab `compat`; mldkit lab solution --run carries it out, with a shorter interval.
mldkit lab exec r1 -- mldkit query -i eth1 -6 --interval 3s --max-response 500ms
mldkit lab exec r1 -- mldkit query -i eth1 --version mld1 --max-response 500ms
mldkit lab exec h1 -- mldkit join -i eth1 ff15::beef --for 1s
sleep 5
mldkit lab exec r1 -- mldkit query -i eth1 -6 --interval 3s --max-response 500ms
mldkit lab answer destination ff15::4321:1234 version 1 done ff02::2 seconds 40.5
