# Solution of the lab `elect`; mldkit lab solution --run carries it out.
begin() {
    node=$1; shift
    mldkit lab exec $node -- mldkit querier -i eth1 --interval 2s --max-response 1s \
        --listen 100ms --background "$@"
    sleep 1
}
begin q2
begin q1 --take-over
mldkit lab exec sw -- ip link set p2 down
sleep 7
mldkit lab exec sw -- ip link set p2 up
sleep 4.5
forge() { mldkit lab exec h1 -- mldkit -q query -i eth1 -6 --interval 2s --max-response 1s "$@"; }
forge --source fe80::ffff:0:0:1
forge --source fe80::1
mldkit lab answer winner fe80::ff:fe00:1 seconds 4.5 forged 0 higher no
