# Solution of the lab `snoop`; mldkit lab solution --run carries it out.
mldkit lab exec sw -- ip link set br0 type bridge mcast_query_response_interval 100
mldkit lab exec sw -- ip link set br0 type bridge \
    mcast_startup_query_interval 100 mcast_query_interval 200 \
    mcast_membership_interval 500 mcast_last_member_interval 50 mcast_querier 1
mldkit lab exec h2 -- mldkit join -i eth1 ff15::4321:1234 --background
mldkit lab answer flooded 2 unused yes nobody 0 port p2
