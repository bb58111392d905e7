# Solution of the lab `path`; mldkit lab solution --run carries it out.
# What is broken is found as in the lesson: first on h1, then on sw.
ask="mldkit macfilter explain 239.1.2.3 --from 192.0.2.7 --port 5000 --json"
stage() { sed -n 's/.*"stage": \("[a-z-]*"\|null\), "path".*/\1/p' | tr -d '"'; }
found=$(mldkit lab exec h1 -- $ask -i eth1 | stage)
if [ "$found" = null ]; then
    # It never comes to h1. If the bridge sends it into t2, the card behind t2 throws it away.
    if mldkit lab exec sw -- $ask -i p1 | grep -q '"name": "t2", "verdict": "passes"'; then
        found=card
    else
        found=bridge
    fi
fi
mldkit lab answer stage "$found"
case $found in
card)
    mldkit lab exec sw -- pkill -f card
    sleep 0.5
    mldkit lab exec sw -- card p2 t2 --background
    ;;
bridge)
    mldkit lab exec sw -- ip link set br0 type bridge mcast_snooping 0
    ;;
reverse-path)
    mldkit lab exec h1 -- ip route add 192.0.2.0/24 via 10.9.0.1
    ;;
source-filter)
    mldkit lab exec h1 -- pkill -f viewer
    mldkit lab exec h1 -- viewer eth1 239.1.2.3 --from 192.0.2.7 --background
    ;;
socket)
    mldkit lab exec h1 -- pkill -f viewer
    mldkit lab exec h1 -- viewer eth1 239.1.2.3 --background
    ;;
esac
# Some datagrams have to be on their way before anybody looks.
sleep 0.5
