"""A Docker engine of one's own: rootless, on loopback, with Debian look-alikes as bases."""
