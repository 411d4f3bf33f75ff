"""An example of a package that edgeprune finds by its entry points."""
