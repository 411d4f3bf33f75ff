"""Candidate spaces: what may be cut and how, one file for each granularity."""
