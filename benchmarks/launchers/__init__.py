"""How the cells of a sweep are run: one after the other here, several at once on this machine, or as jobs of a cluster."""
