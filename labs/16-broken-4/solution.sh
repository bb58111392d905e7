# Solution of the lab `broken-4`; mldkit lab solution --run carries it out.
mldkit lab exec sw -- ip link set br0 type bridge mcast_hash_max 512
mldkit lab exec sw -- ip link set br0 type bridge mcast_snooping 1
# The hosts answer within a second; datagrams of the time before are not counted.
sleep 2.5
mldkit lab answer snooping 0 rooms 40 limit mcast_hash_max
