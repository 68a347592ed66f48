"""Peers that we are measured against, each run by an interpreter that has it installed."""
