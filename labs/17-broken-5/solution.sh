# Solution of the lab `broken-5`; mldkit lab solution --run carries it out.
mldkit lab exec h1 -- pkill -f camera
mldkit lab exec h1 -- camera eth1 ff3e::8000:1 --hops 8 --background
# Some datagrams have to be on their way before anybody looks.
sleep 0.5
mldkit lab answer counted yes hops 1 least 2
