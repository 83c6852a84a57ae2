"""Runs on images (`train`), and AMTO beside other ways to train (`compare`)."""
