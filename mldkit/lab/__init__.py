"""Labs: small networks with a lesson, built in namespaces and checked by the kernel."""
