# Solution of the lab `mac`; mldkit lab solution --run carries it out.
mldkit lab exec h1 -- mldkit join -i mv0 ff15::4321:1234 224.1.1.1 --background
mldkit lab exec r1 -- bash -c '
    for group in ff15::4321:1234 ff15:1::4321:1234 224.1.1.1 225.1.1.1; do
        echo hello >/dev/udp/$group/5000
    done
    for i in {0..1023}; do echo >/dev/udp/ff15::1:$(printf %x $i)/5000; done'
mldkit lab exec h1 -- ip link set mv0 allmulticast on
mldkit lab exec r1 -- bash -c '
    for i in {0..63}; do echo >/dev/udp/ff15::2:$(printf %x $i)/5000; done'
mldkit lab exec h1 -- ip link set mv0 allmulticast off
found=$(mldkit lab capture --data --link h1-mv0 | awk '$2 ~ /^ff15::1:/ { print $2; exit }')
mldkit lab answer mac 01:00:5e:01:01:01 groups 32 twin yes program no collision "$found"
