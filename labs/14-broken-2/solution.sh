# Solution of the lab `broken-2`; mldkit lab solution --run carries it out.
mldkit lab exec sw -- bridge link set dev p1 mcast_router 2
mldkit lab exec sw -- bridge -d mdb show
mldkit lab answer table p3 routers 0 setting mcast_router
