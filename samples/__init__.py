"""Invoices of our own making: the samples, and a generator for benchmarks.

All companies are invented; VAT ids and IBANs are random numbers that pass their checks.
"""
