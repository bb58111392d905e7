# Solution of the lab `ssm`; mldkit lab solution --run carries it out.
mldkit lab exec h1 -- mldkit join -i eth1 2001:db8::1@ff15::8000:1 --background
mldkit lab exec h1 -- mldkit join -i eth1 2001:db8::2@ff15::8000:1 --background
mldkit lab exec h1 -- mldkit join -i eth1 2001:db8::3@ff15::8000:1 --for 1500ms
sleep 1.2
mldkit lab exec h1 -- mldkit join -i eth1 ff15::8000:1 --block 2001:db8::9 --for 1500ms
sleep 1.2
mldkit lab exec r1 -- mldkit query -i eth1 --max-response 300ms ff15::8000:1
mldkit lab exec r1 -- mldkit query -i eth1 --max-response 300ms 2001:db8::1,2001:db8::7@ff15::8000:1
mldkit lab answer first ALLOW gone BLOCK all TO_EX back TO_IN state IS_IN
