"""Checking documents in a process of its own, which is ended and replaced when a document breaks its budget.

    checker     what activities and pages call: documents in, rows out
    supervisor  sends documents to the process, watches it, and decides what follows when it breaks
    process     one such process, from outside: start, pipes, what it uses, its end
    child       the program of that process
    frames      what the two say to each other
    budget      what a document may cost, and the words for one that costs more
    turns       callers get the process in the order of asking

Everything that reads a document's content runs in that process: XML, PDF, Saxon. It has no sockets, none of
the app's secrets in its environment, and what it or a library prints goes nowhere, since that may hold values
of invoices.
"""
